# jindou_demo_files(target): makes the library `target` that defines app::demo_files() and
# app::manager_files(), the chat demo and the page of the manager port.
#
# They are built by npm once for all presets: their directories below build/ share
# build/demo, whose script (build_demo.cmake) does nothing while the pages' sources are the same.
# Builds elsewhere have a directory of their own. The presets that make no server (dev, tsan, fuzz,
# tidy) leave the pages out with JINDOU_DEMO=OFF.
set(JINDOU_DEMO "AUTO" CACHE STRING
    "Compile the chat demo and the manager page into the server: AUTO, where Node and npm are there; ON; OFF. Needs the npm registry")
set_property(CACHE JINDOU_DEMO PROPERTY STRINGS AUTO ON OFF)

get_filename_component(_parent "${PROJECT_BINARY_DIR}" DIRECTORY)
set(_shared "${PROJECT_BINARY_DIR}/demo")
if(_parent STREQUAL "${PROJECT_SOURCE_DIR}/build")
  set(_shared "${PROJECT_SOURCE_DIR}/build/demo")
endif()
set(JINDOU_DEMO_DIR "${_shared}" CACHE PATH "Where the chat demo is built")

function(jindou_demo_files target)
  set(wanted "${JINDOU_DEMO}")
  if(wanted)
    jindou_lowest(lowest_node node)
    find_program(JINDOU_NODE NAMES node nodejs)
    find_program(JINDOU_NPM npm)
    set(version "")
    if(JINDOU_NODE)
      execute_process(COMMAND "${JINDOU_NODE}" --version OUTPUT_VARIABLE version ERROR_QUIET)
      string(REGEX MATCH "[0-9]+" version "${version}")
    endif()
    if(NOT JINDOU_NPM OR NOT version VERSION_GREATER_EQUAL lowest_node)
      if(NOT wanted STREQUAL "AUTO")
        message(FATAL_ERROR "The chat demo needs Node (${lowest_node} or newer) and npm: install nodejs "
                            "and npm, or configure with -DJINDOU_DEMO=OFF to build the server without "
                            "the page.")
      endif()
      message(STATUS "No Node ${lowest_node} and npm: the server is built without the chat page and the manager page")
      set(wanted OFF)
    endif()
  endif()
  if(NOT wanted)
    add_library(${target} STATIC "${PROJECT_SOURCE_DIR}/src/app/demo_files_none.cc")
  else()
    set(source "${PROJECT_SOURCE_DIR}/demo")
    file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${source}/src/*")
    list(APPEND sources "${source}/index.html" "${source}/manager.html" "${source}/package.json"
         "${source}/package-lock.json" "${source}/tsconfig.json" "${source}/vite.config.js"
         "${source}/.npmrc" "${source}/embed.mjs")
    set(output "${JINDOU_DEMO_DIR}/demo_files.cc")
    add_custom_command(
      OUTPUT "${output}"
      COMMAND "${CMAKE_COMMAND}" "-DSOURCE=${source}" "-DWORK=${JINDOU_DEMO_DIR}"
              "-DOUTPUT=${output}" "-DNODE=${JINDOU_NODE}" "-DNPM=${JINDOU_NPM}"
              -P "${PROJECT_SOURCE_DIR}/cmake/build_demo.cmake"
      DEPENDS ${sources} "${PROJECT_SOURCE_DIR}/cmake/build_demo.cmake"
      COMMENT "Building the pages"
      VERBATIM)
    add_library(${target} STATIC "${output}")
    if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
      # Its texts are whole files; more than every compiler must take, and both of ours do.
      set_source_files_properties("${output}" PROPERTIES COMPILE_OPTIONS -Wno-overlength-strings)
    endif()
  endif()
  target_link_libraries(${target} PUBLIC jindou::pages PRIVATE jindou_warnings)
endfunction()
