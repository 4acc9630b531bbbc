# jindou_precompiled(target [TEST | OPTIMISED]): compiles the sources of `target` on top of precompiled headers.
#
# A third to a half of the time that a file of ours compiles goes into its headers; those of the
# standard library and of GoogleTest are the part that never changes. With JINDOU_PRECOMPILE (the
# presets with sanitizers, and `release`) two sets are compiled once for the whole build: one for libraries, one for
# test programs. They hold nothing of ours and nothing whose macros differ between modules: g++ takes a
# precompiled header only where each macro that was defined for it is defined alike. Each file still
# includes what it uses: the presets `dev` and `tidy`, by which check_commits.py and clang-tidy go,
# compile without them.
option(JINDOU_PRECOMPILE "Precompile headers of the standard library and of GoogleTest" OFF)

set(_precompiled_headers
    <algorithm> <array> <atomic> <charconv> <chrono> <cstddef> <cstdint> <cstring> <deque>
    <filesystem> <functional> <map> <memory> <optional> <set> <span> <sstream> <string>
    <string_view> <thread> <utility> <variant> <vector> <tl/expected.hpp>)

# Modules that are optimised where the others are not: an unoptimised build takes half of the time,
# but tests that play thousands of commands through these would take three times as long.
set(JINDOU_OPTIMISED "" CACHE STRING "Modules that are compiled with -O1 whatever the build type says")

if(JINDOU_PRECOMPILE)
  set(_empty "${PROJECT_BINARY_DIR}/precompiled")
  file(CONFIGURE OUTPUT "${_empty}/library.cc" CONTENT "")
  add_library(jindou_precompiled_library STATIC "${_empty}/library.cc")
  target_link_libraries(jindou_precompiled_library PRIVATE deps::expected jindou_warnings)
  target_precompile_headers(jindou_precompiled_library PRIVATE ${_precompiled_headers})
  if(JINDOU_OPTIMISED)
    # A macro of the compiler's says whether it optimises.
    add_library(jindou_precompiled_optimised STATIC "${_empty}/library.cc")
    target_link_libraries(jindou_precompiled_optimised PRIVATE deps::expected jindou_warnings)
    target_precompile_headers(jindou_precompiled_optimised PRIVATE ${_precompiled_headers})
    target_compile_options(jindou_precompiled_optimised PRIVATE -O1)
  endif()
  if(JINDOU_TESTS)
    # A program, because programs are compiled with -fPIE and libraries with -fPIC.
    file(CONFIGURE OUTPUT "${_empty}/program.cc" CONTENT "")
    add_executable(jindou_precompiled_test "${_empty}/program.cc")
    target_link_libraries(jindou_precompiled_test PRIVATE deps::expected deps::gtest_main
                          jindou_warnings)
    target_precompile_headers(jindou_precompiled_test PRIVATE ${_precompiled_headers} <future>
                              <gmock/gmock.h> <gtest/gtest.h>)
    jindou_test_sanitizers(jindou_precompiled_test)
  endif()
endif()

function(jindou_precompiled target)
  cmake_parse_arguments(ARG "TEST;OPTIMISED" "" "" ${ARGN})
  if(ARG_OPTIMISED)
    target_compile_options(${target} PRIVATE -O1)
  endif()
  if(NOT JINDOU_PRECOMPILE)
    return()
  endif()
  if(ARG_TEST)
    target_precompile_headers(${target} REUSE_FROM jindou_precompiled_test)
  elseif(ARG_OPTIMISED)
    target_precompile_headers(${target} REUSE_FROM jindou_precompiled_optimised)
  else()
    target_precompile_headers(${target} REUSE_FROM jindou_precompiled_library)
  endif()
endfunction()
