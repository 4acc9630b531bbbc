# Compiler, linker and sanitizer settings shared by every target.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")

# Presets name a toolchain each time; CMake reads it once, and calls it unused afterwards.
set(toolchain "${CMAKE_TOOLCHAIN_FILE}")
jindou_lowest(lowest_gcc g++)
jindou_lowest(lowest_clang clang)
if((CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS lowest_gcc)
   OR (CMAKE_CXX_COMPILER_ID STREQUAL "Clang"
       AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS lowest_clang))
  message(FATAL_ERROR "${CMAKE_CXX_COMPILER} is version ${CMAKE_CXX_COMPILER_VERSION}: g++ "
                      "${lowest_gcc} or clang ${lowest_clang} is needed, or newer "
                      "(-DCMAKE_CXX_COMPILER=...)")
endif()

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
endif()

if(NOT CMAKE_CXX_COMPILER_LAUNCHER)
  find_program(JINDOU_CCACHE ccache)
  if(JINDOU_CCACHE)
    # Without the two "sloppinesses" ccache never finds what was compiled on precompiled headers. The
    # dependencies that the compiler writes tell it what a file stands on: without CCACHE_DEPEND it has
    # each preprocessed first, a fifteenth of the time of what it does not find.
    set(CMAKE_CXX_COMPILER_LAUNCHER "${CMAKE_COMMAND};-E;env;CCACHE_DEPEND=1;CCACHE_SLOPPINESS=pch_defines,time_macros;${JINDOU_CCACHE}")
    set(CMAKE_C_COMPILER_LAUNCHER "${JINDOU_CCACHE}")
  endif()
endif()

# What is deployed makes the most of a memory error of ours that an attacker may find: canaries on the
# stack, checked copies, bounds of containers, and nothing writable that is called through. The
# sanitizers check more than FORTIFY, which would hide it from them; the presets for tests have the
# library's assertions, and are spared the rest to stay quick to build.
include(CheckPIESupported)
check_pie_supported()
add_link_options(-Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack)
if(CMAKE_BUILD_TYPE MATCHES "^(Release|RelWithDebInfo|MinSizeRel)$" AND NOT JINDOU_SANITIZE
   AND NOT JINDOU_FUZZ)
  add_compile_options(-fstack-protector-strong -fstack-clash-protection -U_FORTIFY_SOURCE
                      -D_FORTIFY_SOURCE=2)
  add_compile_definitions(_GLIBCXX_ASSERTIONS)
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
    add_compile_options(-fcf-protection)
  endif()
endif()

# A faster linker when there is one. libFuzzer's runtime is linked by clang's own default.
find_program(JINDOU_MOLD NAMES ld.mold mold)
find_program(JINDOU_LLD NAMES ld.lld)
if(JINDOU_MOLD)
  add_link_options(-fuse-ld=mold)
elseif(JINDOU_LLD)
  add_link_options(-fuse-ld=lld)
endif()

if(JINDOU_SANITIZE STREQUAL "address")
  # Not "null": the use of a null pointer ends the process anyhow, with a report of the address
  # sanitizer, and to look for it before each use takes a quarter of the time that a file compiles.
  # Not "alignment", another sixth: what reads numbers from bytes is parsers, and those are fuzzed with
  # it.
  add_compile_options(-fsanitize=address,undefined -fno-sanitize=null,alignment
                      -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    # "vptr" stands on "null". "function" clang 14 cannot emit in coroutines ("Cannot represent a
    # difference across sections").
    add_compile_options(-fno-sanitize=vptr,function)
  endif()
  add_link_options(-fsanitize=address,undefined)
elseif(JINDOU_SANITIZE STREQUAL "thread")
  add_compile_options(-fsanitize=thread -fno-omit-frame-pointer)
  add_link_options(-fsanitize=thread)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # Asio's fences trip -Wtsan: the tool does not model them, the code is right.
    add_compile_options(-Wno-error=tsan)
  endif()
elseif(JINDOU_SANITIZE)
  message(FATAL_ERROR "JINDOU_SANITIZE must be empty, 'address' or 'thread'")
endif()

if(JINDOU_FUZZ)
  if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    message(FATAL_ERROR "JINDOU_FUZZ needs clang: use the preset 'fuzz'")
  endif()
  add_compile_options(-fsanitize=fuzzer-no-link,address,undefined
                      -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
endif()

if(JINDOU_SANITIZE AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # A twelfth of the time that an instrumented file compiles, g++ looks for memory of its own that it
  # could use again. With half a GiB it need not; it takes a third more than that.
  add_compile_options("--param=ggc-min-heapsize=524288")
endif()

if(JINDOU_LTO)
  set(CMAKE_INTERPROCEDURAL_OPTIMIZATION ON)
endif()

# Warnings of our own targets; third-party headers are SYSTEM and stay silent.
add_library(jindou_warnings INTERFACE)
target_compile_options(jindou_warnings INTERFACE
                       -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wnon-virtual-dtor)
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  # clang counts sign changes among -Wconversion, g++ does not; g++ is the reference compiler.
  target_compile_options(jindou_warnings INTERFACE -Wno-sign-conversion -Wthread-safety
                         -Werror=thread-safety)
  math(EXPR next_clang "${lowest_clang} + 1")
  if(JINDOU_WERROR AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS next_clang)
    # Newer ones warn of other things.
    target_compile_options(jindou_warnings INTERFACE -Werror)
  endif()
elseif(JINDOU_WERROR)
  # g++ 12 reports overlapping copies inside std::string operator+ that cannot happen (its bug 105651).
  target_compile_options(jindou_warnings INTERFACE -Werror -Wno-restrict)
  if(JINDOU_PRECOMPILE AND NOT JINDOU_SANITIZE)
    # What it sees in copies of strings beyond their ends, which are not there, is kept quiet in headers
    # of the system, but not in precompiled ones.
    target_compile_options(jindou_warnings INTERFACE -Wno-array-bounds -Wno-stringop-overflow
                           -Wno-stringop-overread)
  endif()
  if(JINDOU_SANITIZE)
    # Instrumented code makes g++ 12 see uninitialised and out-of-range accesses that are not there.
    target_compile_options(jindou_warnings INTERFACE -Wno-error=maybe-uninitialized
                           -Wno-error=array-bounds -Wno-error=stringop-overflow
                           -Wno-error=stringop-overread -Wno-error=restrict)
  endif()
  if(JINDOU_SANITIZE STREQUAL "thread")
    target_compile_options(jindou_warnings INTERFACE -Wno-error=tsan)
  endif()
endif()
