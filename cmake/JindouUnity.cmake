# jindou_unity(target): compiles several sources of `target` as one.
#
# Nine tenths of the time that a file of ours compiles go into the headers that it includes and the
# templates that it uses, and files of a module use the same ones: ten together take a quarter of the
# time of ten by themselves. So do the presets in which everything is built at once (release, and
# those with sanitizers); `dev`, in which one file at a time is changed, and `tidy`, by which
# check_commits.py and clang-tidy go, compile each by itself, so that each still includes what it uses.
#
# The files of a module must not use one name for two things, not in unnamed namespaces either: which
# of them are compiled together changes with each file that comes. -DJINDOU_UNITY_FILES=0 finds all
# such names at once.
option(JINDOU_UNITY "Compile several sources of a module as one" OFF)
set(JINDOU_UNITY_FILES 10 CACHE STRING "With JINDOU_UNITY: how many sources as one, 0: all")

function(jindou_unity target)
  if(NOT JINDOU_UNITY)
    return()
  endif()
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON
                        UNITY_BUILD_BATCH_SIZE ${JINDOU_UNITY_FILES})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # Said of a class in an included file that has a member of an unnamed namespace: here those files
    # are sources, included once.
    target_compile_options(${target} PRIVATE -Wno-subobject-linkage)
  endif()
endfunction()
