# The compiler of the presets `fuzz` and `tidy`: the lowest clang that works where the release has it
# under its number, because it is the one that is the hardest to please, else the release's own.
include("${CMAKE_CURRENT_LIST_DIR}/lowest.cmake")
jindou_lowest(_lowest_clang clang)
find_program(JINDOU_CLANG NAMES clang-${_lowest_clang} clang)
find_program(JINDOU_CLANGXX NAMES clang++-${_lowest_clang} clang++)
if(NOT JINDOU_CLANG OR NOT JINDOU_CLANGXX)
  message(FATAL_ERROR "clang ${_lowest_clang} or newer is missing (scripts/setup-debian.sh test installs it)")
endif()
set(CMAKE_C_COMPILER "${JINDOU_CLANG}")
set(CMAKE_CXX_COMPILER "${JINDOU_CLANGXX}")
