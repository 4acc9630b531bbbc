# jindou_module(NAME partition [SINGLE_THREADED] DEPS base model store
#               SOURCES a.cc b.cc [TESTS a_test.cc ...] [SINGLE_THREADED_TESTS b_test.cc ...]
#               [FUZZ a_fuzz.cc ...] [FUZZED a.cc ...]
#               [LINK deps::rocksdb ...] [PRIVATE_LINK deps::zstd ...] [TEST_LINK ...])
#
# Makes the static library jindou_partition (alias jindou::partition), the test program
# jindou_partition_test (label "unit") from all TESTS, and for each FUZZ file one program named like
# the file. DEPS are modules, LINK are third-party targets of cmake/deps.cmake (LINK reaches the
# users of the module, PRIVATE_LINK does not). Without SOURCES the library is header-only.
# SINGLE_THREADED: no test has threads that share anything. SINGLE_THREADED_TESTS: like TESTS, those of
# which that is true; they are not built for the thread sanitizer.
# FUZZED: of a large module, the sources that fuzz targets need, its own and those of others: with
# libFuzzer no more of it is compiled. The linker names what is missing.
function(jindou_module)
  cmake_parse_arguments(ARG "SINGLE_THREADED" "NAME"
                        "DEPS;SOURCES;TESTS;SINGLE_THREADED_TESTS;FUZZ;FUZZED;LINK;PRIVATE_LINK;TEST_LINK"
                        ${ARGN})
  if(ARG_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "jindou_module(${ARG_NAME}): unknown ${ARG_UNPARSED_ARGUMENTS}")
  endif()
  set(target jindou_${ARG_NAME})
  if(JINDOU_FUZZ AND ARG_FUZZED)
    set(ARG_SOURCES ${ARG_FUZZED})
  endif()
  jindou_existing_files(ARG_SOURCES ${ARG_SOURCES})
  # The thread sanitizer has nothing to say about code without threads that share something.
  if(JINDOU_SANITIZE STREQUAL "thread")
    set(ARG_SINGLE_THREADED_TESTS)
    if(ARG_SINGLE_THREADED)
      set(ARG_TESTS)
    endif()
  endif()
  jindou_existing_files(ARG_TESTS ${ARG_TESTS} ${ARG_SINGLE_THREADED_TESTS})
  jindou_existing_files(ARG_FUZZ ${ARG_FUZZ})

  set(modules)
  foreach(dep IN LISTS ARG_DEPS)
    if(TARGET jindou_${dep})
      list(APPEND modules jindou::${dep})
    else()
      set(severity WARNING)
      if(JINDOU_STRICT)
        set(severity FATAL_ERROR)
      endif()
      message(${severity} "${target}: module '${dep}' is missing or comes later in the layer order")
    endif()
  endforeach()

  if(ARG_SOURCES)
    add_library(${target} STATIC ${ARG_SOURCES})
    target_include_directories(${target} PUBLIC "${PROJECT_SOURCE_DIR}/src")
    target_link_libraries(${target} PUBLIC ${modules} ${ARG_LINK}
                          PRIVATE ${ARG_PRIVATE_LINK} jindou_warnings)
    if(ARG_NAME IN_LIST JINDOU_OPTIMISED)
      jindou_precompiled(${target} OPTIMISED)
    else()
      jindou_precompiled(${target})
    endif()
    jindou_unity(${target})
  else()
    add_library(${target} INTERFACE)
    target_include_directories(${target} INTERFACE "${PROJECT_SOURCE_DIR}/src")
    target_link_libraries(${target} INTERFACE ${modules} ${ARG_LINK} ${ARG_PRIVATE_LINK})
  endif()
  add_library(jindou::${ARG_NAME} ALIAS ${target})
  if(JINDOU_FUZZ)
    # clang 14 cannot emit instrumented coroutines ("Cannot represent a difference across sections").
    # What is fuzzed is parsers, which are none.
    foreach(file IN LISTS ARG_SOURCES)
      file(STRINGS "${file}" coroutine REGEX "co_(await|return)" LIMIT_COUNT 1)
      if(coroutine)
        set_source_files_properties("${file}" PROPERTIES COMPILE_OPTIONS "-fno-sanitize=all")
      endif()
    endforeach()
  endif()

  if(ARG_TESTS AND JINDOU_TESTS AND NOT JINDOU_FUZZ)
    add_executable(${target}_test ${ARG_TESTS})
    target_link_libraries(${target}_test PRIVATE ${target} ${ARG_PRIVATE_LINK} ${ARG_TEST_LINK}
                          jindou_warnings deps::gtest_main)
    jindou_precompiled(${target}_test TEST)
    jindou_unity(${target}_test)
    jindou_test_sanitizers(${target}_test)
    add_test(NAME ${target}_test COMMAND ${target}_test)
    jindou_test_properties(${target}_test unit)
    # Programs of many files first: the longest one alone at the end would be waited for.
    list(LENGTH ARG_TESTS files)
    set_tests_properties(${target}_test PROPERTIES COST ${files})
    set_property(GLOBAL APPEND PROPERTY JINDOU_UNIT_TESTS ${target}_test)
  endif()

  foreach(file IN LISTS ARG_FUZZ)
    get_filename_component(name "${file}" NAME_WE)
    jindou_fuzz_target(${name} ${file} ${target} "${ARG_PRIVATE_LINK}")
  endforeach()
endfunction()

# Drops files that do not exist, with a warning, so that work on one module is not held up by another
# one that is half written. The presets set JINDOU_STRICT, where a missing file is an error.
function(jindou_existing_files variable)
  set(found)
  foreach(file IN LISTS ARGN)
    if(EXISTS "${CMAKE_CURRENT_SOURCE_DIR}/${file}")
      list(APPEND found "${file}")
    elseif(JINDOU_STRICT)
      message(FATAL_ERROR "${CMAKE_CURRENT_SOURCE_DIR}/${file} does not exist")
    else()
      message(WARNING "${CMAKE_CURRENT_SOURCE_DIR}/${file} does not exist: left out")
    endif()
  endforeach()
  set(${variable} "${found}" PARENT_SCOPE)
endfunction()

# What the sanitizers look at is the libraries; tests themselves are compiled as quickly as can be: not
# optimised, which is a quarter of their time.
function(jindou_test_sanitizers target)
  if(JINDOU_SANITIZE)
    target_compile_options(${target} PRIVATE -O0)
  endif()
endfunction()

# Settings that every test shares: a label, a limit, and where the sanitizers find their options.
function(jindou_test_properties name label)
  set(timeout 300)
  if(JINDOU_SANITIZE)
    set(timeout 900)
  endif()
  set_tests_properties(${name} PROPERTIES LABELS "${label}" TIMEOUT ${timeout} ENVIRONMENT
    "TSAN_OPTIONS=halt_on_error=1:history_size=7:second_deadlock_stack=1:suppressions=${PROJECT_SOURCE_DIR}/cmake/tsan.supp;ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1;UBSAN_OPTIONS=print_stacktrace=1")
endfunction()

# With JINDOU_FUZZ a libFuzzer program; otherwise the same file behind a main() that feeds it the
# seed files of fuzz/<name>/ and a fixed sequence of mutations, so that a build without sanitizers runs
# it as an ordinary unit test. With them it is the fuzz targets that run those files.
function(jindou_fuzz_target name file library private_link)
  if(JINDOU_FUZZ)
    add_executable(${name} ${file})
    target_link_libraries(${name} PRIVATE ${library} ${private_link} jindou_warnings)
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
    if(NOT TARGET fuzz_targets)
      add_custom_target(fuzz_targets)
    endif()
    add_dependencies(fuzz_targets ${name})
    set_target_properties(${name} PROPERTIES
                          RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/fuzz")
  elseif(JINDOU_TESTS AND NOT JINDOU_SANITIZE)
    add_executable(${name}_replay ${file} "${PROJECT_SOURCE_DIR}/cmake/fuzz_replay_main.cc")
    target_link_libraries(${name}_replay PRIVATE ${library} ${private_link} jindou_warnings)
    add_test(NAME ${name}_replay COMMAND ${name}_replay "${PROJECT_SOURCE_DIR}/fuzz/${name}")
    jindou_test_properties(${name}_replay "unit;fuzz")
    set_property(GLOBAL APPEND PROPERTY JINDOU_UNIT_TESTS ${name}_replay)
  endif()
endfunction()
