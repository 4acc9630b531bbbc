# All third-party code comes in here, from distribution packages (scripts/setup-debian.sh lists
# them). Every target is named deps::<x>; their headers are SYSTEM. Versions: lowest_versions.txt.

jindou_lowest(lowest_boost boost)
jindou_lowest(lowest_curl curl)
jindou_lowest(lowest_openssl openssl)
jindou_lowest(lowest_rocksdb rocksdb)
find_package(Threads REQUIRED)
find_package(OpenSSL ${lowest_openssl} REQUIRED)
find_package(Boost ${lowest_boost} REQUIRED CONFIG)
find_package(fmt REQUIRED)
find_package(simdjson REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(CURL ${lowest_curl} REQUIRED)
find_package(ZLIB REQUIRED)

# jindou_dep(x TARGETS a::b ... | HEADER h LIBRARY l): an INTERFACE target deps::x.
function(jindou_dep name)
  cmake_parse_arguments(ARG "" "HEADER;LIBRARY" "TARGETS;DEFINITIONS" ${ARGN})
  add_library(deps_${name} INTERFACE)
  add_library(deps::${name} ALIAS deps_${name})
  target_link_libraries(deps_${name} INTERFACE ${ARG_TARGETS})
  target_compile_definitions(deps_${name} INTERFACE ${ARG_DEFINITIONS})
  if(ARG_HEADER)
    find_path(JINDOU_${name}_INCLUDE "${ARG_HEADER}" REQUIRED)
    # The compiler's own directories must not be repeated: that reorders #include_next.
    if(NOT JINDOU_${name}_INCLUDE IN_LIST CMAKE_CXX_IMPLICIT_INCLUDE_DIRECTORIES)
      target_include_directories(deps_${name} SYSTEM INTERFACE "${JINDOU_${name}_INCLUDE}")
    endif()
  endif()
  if(ARG_LIBRARY)
    find_library(JINDOU_${name}_LIBRARY "${ARG_LIBRARY}" REQUIRED)
    target_link_libraries(deps_${name} INTERFACE "${JINDOU_${name}_LIBRARY}")
  endif()
endfunction()

# Asio and Beast are used header-only; only the process-wide settings are fixed here.
jindou_dep(boost TARGETS Boost::headers Threads::Threads
           DEFINITIONS BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_DISABLE_BOOST_COROUTINE)
jindou_dep(openssl TARGETS OpenSSL::SSL OpenSSL::Crypto)
jindou_dep(crypto TARGETS OpenSSL::Crypto)
jindou_dep(fmt TARGETS fmt::fmt)
jindou_dep(simdjson TARGETS simdjson::simdjson)
jindou_dep(yaml TARGETS yaml-cpp)
jindou_dep(curl TARGETS CURL::libcurl)
jindou_dep(zlib TARGETS ZLIB::ZLIB)
# Looked up by file: the config files of these packages ask for development packages of their own.
# Debian builds RocksDB with its assertions on, which cost a tenth of the send path and more.
set(JINDOU_ROCKSDB "system" CACHE STRING
    "RocksDB: 'system', Debian's library, or 'source', Debian's source package without assertions")
set_property(CACHE JINDOU_ROCKSDB PROPERTY STRINGS system source)
if(JINDOU_ROCKSDB STREQUAL "source")
  set(rocksdb_dir "${PROJECT_BINARY_DIR}/rocksdb")
  message(STATUS "RocksDB is built from its source package, once: about 15 minutes")
  execute_process(COMMAND "${PROJECT_SOURCE_DIR}/scripts/rocksdb_source.sh" "${rocksdb_dir}"
                  COMMAND_ERROR_IS_FATAL ANY)
  find_package(Threads REQUIRED)
  add_library(deps_rocksdb INTERFACE)
  add_library(deps::rocksdb ALIAS deps_rocksdb)
  target_include_directories(deps_rocksdb SYSTEM INTERFACE "${rocksdb_dir}/include")
  target_link_libraries(deps_rocksdb INTERFACE "${rocksdb_dir}/lib/librocksdb.a" Threads::Threads
                                               ${CMAKE_DL_LIBS})
  target_compile_definitions(deps_rocksdb INTERFACE JINDOU_ROCKSDB_FROM_SOURCE=1)
elseif(JINDOU_ROCKSDB STREQUAL "system")
  jindou_dep(rocksdb HEADER rocksdb/db.h LIBRARY rocksdb)
  file(STRINGS "${JINDOU_rocksdb_INCLUDE}/rocksdb/version.h" rocksdb_version
       REGEX "define ROCKSDB_(MAJOR|MINOR) ")
  list(TRANSFORM rocksdb_version REPLACE "[^0-9]" "")
  list(JOIN rocksdb_version "." rocksdb_version)
  if(rocksdb_version VERSION_LESS lowest_rocksdb)
    message(FATAL_ERROR "RocksDB is ${rocksdb_version}: ${lowest_rocksdb} or newer is needed")
  endif()
else()
  message(FATAL_ERROR "JINDOU_ROCKSDB is '${JINDOU_ROCKSDB}': it is 'system' or 'source'")
endif()
jindou_dep(jemalloc HEADER jemalloc/jemalloc.h LIBRARY jemalloc)
jindou_dep(prometheus HEADER prometheus/registry.h LIBRARY prometheus-cpp-core)
jindou_dep(zstd HEADER zstd.h LIBRARY zstd)
jindou_dep(xxhash HEADER xxhash.h LIBRARY xxhash)
jindou_dep(jwt HEADER jwt.h LIBRARY jwt)
jindou_dep(cli11 HEADER CLI/CLI.hpp)
jindou_dep(expected HEADER tl/expected.hpp)
jindou_dep(date HEADER date/tz.h LIBRARY date-tz
           DEFINITIONS USE_OS_TZDB=1 ONLY_C_LOCALE=1 HAS_STRING_VIEW=1)

# Word lists: Hyperscan, or Vectorscan with the same header and library, which newer releases of the
# distribution have for more architectures.
find_path(JINDOU_hyperscan_INCLUDE hs/hs.h)
find_library(JINDOU_hyperscan_LIBRARY hs)
if(JINDOU_hyperscan_INCLUDE AND JINDOU_hyperscan_LIBRARY)
  jindou_dep(hyperscan HEADER hs/hs.h LIBRARY hs)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|amd64|AMD64|i[3-6]86)$")
  message(FATAL_ERROR "hs/hs.h and libhs are missing: install libhyperscan-dev, or "
                      "libvectorscan-dev where the release has that instead "
                      "(scripts/setup-debian.sh does)")
else()
  message(WARNING "Neither Hyperscan nor Vectorscan is here: this build has no word lists "
                  "(moderation.lists). Releases of Debian that have libvectorscan-dev for "
                  "${CMAKE_SYSTEM_PROCESSOR} can be built with them.")
endif()

if(JINDOU_TESTS)
  find_package(GTest REQUIRED)
  jindou_dep(gtest TARGETS GTest::gtest GTest::gmock Threads::Threads)
  jindou_dep(gtest_main TARGETS GTest::gtest GTest::gmock GTest::gtest_main Threads::Threads)
endif()

find_package(benchmark QUIET)
if(benchmark_FOUND)
  jindou_dep(benchmark TARGETS benchmark::benchmark Threads::Threads)
endif()
