# jindou_demo_files(target): makes the library `target` that defines app::demo_files().
#
# The page is built by npm once for all presets: their directories below build/ share
# build/demo, whose script (build_demo.cmake) does nothing while the page's sources are the same.
# Builds elsewhere have a directory of their own. The presets that make no server (dev, tsan, fuzz,
# tidy) leave the page out with JINDOU_DEMO=OFF.
option(JINDOU_DEMO "Compile the chat demo into the server (needs Node, npm and the npm registry)" ON)

get_filename_component(_parent "${PROJECT_BINARY_DIR}" DIRECTORY)
set(_shared "${PROJECT_BINARY_DIR}/demo")
if(_parent STREQUAL "${PROJECT_SOURCE_DIR}/build")
  set(_shared "${PROJECT_SOURCE_DIR}/build/demo")
endif()
set(JINDOU_DEMO_DIR "${_shared}" CACHE PATH "Where the chat demo is built")

function(jindou_demo_files target)
  if(NOT JINDOU_DEMO)
    add_library(${target} STATIC "${PROJECT_SOURCE_DIR}/src/app/demo_files_none.cc")
  else()
    find_program(JINDOU_NODE NAMES node nodejs)
    find_program(JINDOU_NPM npm)
    if(NOT JINDOU_NODE OR NOT JINDOU_NPM)
      message(FATAL_ERROR "The chat demo needs Node (18 or newer) and npm: install nodejs and npm, or "
                          "configure with -DJINDOU_DEMO=OFF to build the server without the page.")
    endif()
    set(source "${PROJECT_SOURCE_DIR}/demo")
    file(GLOB sources CONFIGURE_DEPENDS "${source}/src/*")
    list(APPEND sources "${source}/index.html" "${source}/package.json"
         "${source}/package-lock.json" "${source}/tsconfig.json" "${source}/vite.config.js"
         "${source}/.npmrc" "${source}/embed.mjs")
    set(output "${JINDOU_DEMO_DIR}/demo_files.cc")
    add_custom_command(
      OUTPUT "${output}"
      COMMAND "${CMAKE_COMMAND}" "-DSOURCE=${source}" "-DWORK=${JINDOU_DEMO_DIR}"
              "-DOUTPUT=${output}" "-DNODE=${JINDOU_NODE}" "-DNPM=${JINDOU_NPM}"
              -P "${PROJECT_SOURCE_DIR}/cmake/build_demo.cmake"
      DEPENDS ${sources} "${PROJECT_SOURCE_DIR}/cmake/build_demo.cmake"
      COMMENT "Building the chat demo"
      VERBATIM)
    add_library(${target} STATIC "${output}")
  endif()
  target_link_libraries(${target} PUBLIC jindou::pages PRIVATE jindou_warnings)
endfunction()
