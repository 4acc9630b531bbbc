# Builds the pages, chat demo and manager: cmake -DSOURCE=demo -DWORK=build/demo -DOUTPUT=….cc -DNODE=… -DNPM=… -P
#
# Works on a copy of the sources in WORK, so that nothing is written into the source tree. Does
# nothing when OUTPUT was made from the same sources, because every preset asks for it. Packages are
# installed again only when the lock file has changed. npm takes its proxy and certificates from the
# environment.

file(MAKE_DIRECTORY "${WORK}")
# Presets may be built at the same time.
file(LOCK "${WORK}/lock" TIMEOUT 900)

file(GLOB_RECURSE sources RELATIVE "${SOURCE}" "${SOURCE}/src/*")
list(APPEND sources index.html manager.html package.json package-lock.json tsconfig.json vite.config.js
     .npmrc embed.mjs)
list(SORT sources)
set(made_from "")
foreach(file IN LISTS sources)
  file(SHA256 "${SOURCE}/${file}" hash)
  string(APPEND made_from "${hash} ${file}\n")
endforeach()
if(EXISTS "${OUTPUT}" AND EXISTS "${WORK}/made_from")
  file(READ "${WORK}/made_from" before)
  if(before STREQUAL made_from)
    file(TOUCH "${OUTPUT}")
    return()
  endif()
endif()

# Runs a command in the copy; a failure ends the build with `advice` and the end of its output.
function(run advice)
  execute_process(COMMAND ${ARGN} WORKING_DIRECTORY "${WORK}/page" RESULT_VARIABLE status
                  OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT status EQUAL 0)
    string(LENGTH "${output}" length)
    if(length GREATER 3000)
      math(EXPR start "${length} - 3000")
      string(SUBSTRING "${output}" ${start} -1 output)
    endif()
    list(JOIN ARGN " " command)
    message(FATAL_ERROR "${output}\nThe pages could not be built: \"${command}\" failed. ${advice}")
  endif()
endfunction()

file(REMOVE_RECURSE "${WORK}/page/src" "${WORK}/page/dist")
foreach(file IN LISTS sources)
  get_filename_component(directory "${WORK}/page/${file}" DIRECTORY)
  file(COPY "${SOURCE}/${file}" DESTINATION "${directory}")
endforeach()

file(SHA256 "${SOURCE}/package-lock.json" wanted)
set(installed "")
if(EXISTS "${WORK}/page/node_modules/.installed")
  file(READ "${WORK}/page/node_modules/.installed" installed)
endif()
if(NOT installed STREQUAL wanted)
  # No package may run code of its own while it is installed.
  run("Is the npm registry reachable? Configure with -DJINDOU_DEMO=OFF to build the server without the pages."
      "${NPM}" ci --ignore-scripts --no-audit --no-fund)
  file(WRITE "${WORK}/page/node_modules/.installed" "${wanted}")
endif()
run("See above." "${NPM}" run build)
run("See above." "${NODE}" embed.mjs dist "${OUTPUT}.new")
file(RENAME "${OUTPUT}.new" "${OUTPUT}")
file(WRITE "${WORK}/made_from" "${made_from}")
