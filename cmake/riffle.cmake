# How every part of Riffle is compiled, and the two functions that each folder's CMakeLists.txt calls.

add_library(riffle_flags INTERFACE)
# -ffp-contract=off: the same source gives the same bits wherever the compiler inlines it; kernels ask for FMA by name.
set(host $<COMPILE_LANGUAGE:C,CXX>)
target_compile_options(riffle_flags INTERFACE
  $<${host}:-Wall;-Wextra;-Wshadow;-Wno-psabi;-Wno-missing-field-initializers;-ffp-contract=off>
  $<$<COMPILE_LANGUAGE:CUDA>:--extended-lambda;--expt-relaxed-constexpr;-diag-suppress=554;-DFMT_USE_CONSTEXPR=1;-Xcompiler=-Wall,-Wextra,-Wno-psabi,-Wno-missing-field-initializers>)
if(RIFFLE_WERROR)
  target_compile_options(riffle_flags INTERFACE $<${host}:-Werror> $<$<COMPILE_LANGUAGE:CUDA>:-Werror=all-warnings;-Xcompiler=-Werror>)
endif()
# The fuzzer needs all rooms to link, and finds nothing in those that read nothing from elsewhere: compiled plainly they take
# a third of the time.
set(RIFFLE_PLAIN_ROOMS "")
if(RIFFLE_FUZZ)
  set(RIFFLE_PLAIN_ROOMS backend ops runtime bench cli)
endif()
if(RIFFLE_SANITIZE)
  set(plain $<BOOL:$<TARGET_PROPERTY:RIFFLE_PLAIN>>)
  string(REPLACE "," "$<COMMA>" sanitizers "-fsanitize=${RIFFLE_SANITIZE}")
  target_compile_options(riffle_flags INTERFACE
    "$<IF:${plain},-O0;-g0,${sanitizers};-fno-omit-frame-pointer;-fno-sanitize-recover=all>" -Wno-maybe-uninitialized)
  target_link_options(riffle_flags INTERFACE -fsanitize=${RIFFLE_SANITIZE})
endif()
# Instruction sets that Highway compiles for: plain C++ or SSE2, AVX2 and AVX-512 on x86; NEON on Arm. Fewer targets, shorter builds; SVE's
# vectors have no size at compile time, and kernels keep theirs in arrays. Not every Highway knows all of those that are left out.
file(STRINGS ${HWY_INCLUDEDIR}/hwy/detect_targets.h known_targets REGEX "^#define HWY_[A-Z0-9_]+ \\(1LL <<")
set(left_out "")
foreach(target SSSE3 SSE4 AVX3_DL AVX3_ZEN4 AVX3_SPR AVX10_2 SVE SVE2 SVE_256 SVE2_128 NEON_BF16)
  if(known_targets MATCHES "#define HWY_${target} ")
    list(APPEND left_out HWY_${target})
  endif()
endforeach()
list(JOIN left_out "|" left_out)
target_compile_definitions(riffle_flags INTERFACE "HWY_DISABLED_TARGETS=(${left_out})")
target_include_directories(riffle_flags INTERFACE ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/include)

find_program(CCACHE ccache)
if(CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
  set(CMAKE_CUDA_COMPILER_LAUNCHER ${CCACHE})
endif()

# Dependencies go one way: the sources of a room (a folder of src/) include headers of their own room and of those that it links,
# directly or through others. Anything else ends the configuration with the line that does it.
function(riffle_check_rooms room files)
  set(allowed ${room})
  foreach(library ${ARGN})
    if(library MATCHES "^riffle_(.+)$")
      get_property(below GLOBAL PROPERTY RIFFLE_ROOMS_OF_${CMAKE_MATCH_1})
      list(APPEND allowed ${below})
    endif()
  endforeach()
  list(REMOVE_DUPLICATES allowed)
  set_property(GLOBAL PROPERTY RIFFLE_ROOMS_OF_${room} "${allowed}")
  foreach(file ${files})
    file(STRINGS ${file} includes REGEX "^#include \"[a-z_]+/")
    foreach(include ${includes})
      string(REGEX REPLACE "^#include \"([a-z_]+)/.*" "\\1" other "${include}")
      if(NOT other IN_LIST allowed AND IS_DIRECTORY ${PROJECT_SOURCE_DIR}/src/${other})
        message(FATAL_ERROR "${file}: ${include}, but riffle_${room} does not link riffle_${other}: dependencies go one way (HACKING.md)")
      endif()
    endforeach()
  endforeach()
endfunction()

# Where memory is handled: kernels, networks, readers of files, loaders, processes. CI builds and runs these rooms' tests with
# AddressSanitizer, too (presets asan-ubsan-memory: target memory_tests, label memory); the whole suite takes longer.
set(RIFFLE_MEMORY_ROOMS base backend ops model runtime formats picture data dist)
if(RIFFLE_BUILD_TESTS)
  add_custom_target(memory_tests)
endif()

# riffle_library(NAME [LINK lib...] [EXCLUDE regex]): riffle_NAME from this folder's *.cc, NAME_tests from its *_test.cc, NAME_bench from
# its *_bench.cc; without the files whose path matches.
# What is linked is seen by everyone above: the layers are thin, and their headers speak of one another.
function(riffle_library name)
  cmake_parse_arguments(ARG "" "EXCLUDE" "LINK" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cc)
  if(ARG_EXCLUDE)
    list(FILTER sources EXCLUDE REGEX "${ARG_EXCLUDE}")
  endif()
  file(GLOB_RECURSE headers CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.h)
  riffle_check_rooms(${name} "${sources};${headers}" ${ARG_LINK})
  set(tests ${sources})
  set(benches ${sources})
  list(FILTER sources EXCLUDE REGEX "(/main|_test|_bench)\\.cc$")
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  list(FILTER benches INCLUDE REGEX "_bench\\.cc$")
  if(sources)
    add_library(riffle_${name} STATIC ${sources})
    target_link_libraries(riffle_${name} PUBLIC riffle_flags ${ARG_LINK})
    if(name IN_LIST RIFFLE_PLAIN_ROOMS)
      set_target_properties(riffle_${name} PROPERTIES RIFFLE_PLAIN ON)
    endif()
  else()
    add_library(riffle_${name} INTERFACE)
    target_link_libraries(riffle_${name} INTERFACE riffle_flags ${ARG_LINK})
  endif()
  if(RIFFLE_BUILD_TESTS AND tests)
    if(name IN_LIST RIFFLE_MEMORY_ROOMS)
      riffle_test(${name}_tests SOURCES ${tests} LINK riffle_${name} LABEL memory)
      add_dependencies(memory_tests ${name}_tests)
    else()
      riffle_test(${name}_tests SOURCES ${tests} LINK riffle_${name})
    endif()
  endif()
  if(RIFFLE_BUILD_BENCH AND benches)
    add_executable(${name}_bench ${benches})
    target_link_libraries(${name}_bench PRIVATE riffle_${name} benchmark::benchmark_main)
  endif()
endfunction()

set(RIFFLE_BUILT_TREE ${CMAKE_BINARY_DIR}/testing)
configure_file(${PROJECT_SOURCE_DIR}/cmake/built_tree.h.in ${RIFFLE_BUILT_TREE}/built_tree.h @ONLY)

# riffle_test(NAME SOURCES file... [LINK lib...] [ENVIRONMENT name=value...] [LABEL label]): a GoogleTest program whose cases
# CTest sees one by one.
function(riffle_test name)
  cmake_parse_arguments(ARG "" "LABEL" "SOURCES;LINK;ENVIRONMENT" ${ARGN})
  if(NOT ARG_ENVIRONMENT)
    set(ARG_ENVIRONMENT LSAN_OPTIONS=print_suppressions=0:suppressions=${PROJECT_SOURCE_DIR}/cmake/leaks_of_libraries.txt)
  endif()
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_LINK} GTest::gmock GTest::gtest_main)
  target_include_directories(${name} PRIVATE ${RIFFLE_BUILT_TREE})
  # What is tested is optimised; the tests themselves are through in no time, and compile a third faster. Of what may be
  # uninitialised GCC judges wrongly at -O1.
  target_compile_options(${name} PRIVATE $<$<CONFIG:Release>:-O1;-Wno-maybe-uninitialized>)
  gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST PROPERTIES TIMEOUT 900 ENVIRONMENT ${ARG_ENVIRONMENT} LABELS "${ARG_LABEL}")
endfunction()
