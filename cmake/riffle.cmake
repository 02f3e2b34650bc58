# How every part of Riffle is compiled, and the two functions that each folder's CMakeLists.txt calls.

add_library(riffle_flags INTERFACE)
# -ffp-contract=off: the same source gives the same bits wherever the compiler inlines it; kernels ask for FMA by name.
target_compile_options(riffle_flags INTERFACE -Wall -Wextra -Wshadow -Wno-psabi -Wno-missing-field-initializers -ffp-contract=off)
if(RIFFLE_WERROR)
  target_compile_options(riffle_flags INTERFACE -Werror)
endif()
if(RIFFLE_SANITIZE)
  target_compile_options(riffle_flags INTERFACE -fsanitize=${RIFFLE_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(riffle_flags INTERFACE -fsanitize=${RIFFLE_SANITIZE})
endif()
# Instruction sets that Highway compiles for: plain C++, AVX2 and AVX-512 on x86; NEON on Arm. Fewer targets, shorter builds; SVE's
# vectors have no size at compile time, and kernels keep theirs in arrays.
target_compile_definitions(riffle_flags INTERFACE HWY_DISABLED_TARGETS=\(HWY_SSSE3|HWY_SSE4|HWY_AVX3_DL|HWY_SVE|HWY_SVE2|HWY_SVE_256|HWY_SVE2_128\))
target_include_directories(riffle_flags INTERFACE ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/include)

find_program(CCACHE ccache)
if(CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()

# riffle_library(NAME [LINK lib...]): riffle_NAME from this folder's *.cc, NAME_tests from its *_test.cc, NAME_bench from its *_bench.cc.
# What is linked is seen by everyone above: the layers are thin, and their headers speak of one another.
function(riffle_library name)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cc)
  set(tests ${sources})
  set(benches ${sources})
  list(FILTER sources EXCLUDE REGEX "(/main|_test|_bench)\\.cc$")
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  list(FILTER benches INCLUDE REGEX "_bench\\.cc$")
  if(sources)
    add_library(riffle_${name} STATIC ${sources})
    target_link_libraries(riffle_${name} PUBLIC riffle_flags ${ARG_LINK})
  else()
    add_library(riffle_${name} INTERFACE)
    target_link_libraries(riffle_${name} INTERFACE riffle_flags ${ARG_LINK})
  endif()
  if(RIFFLE_BUILD_TESTS AND tests)
    riffle_test(${name}_tests SOURCES ${tests} LINK riffle_${name})
  endif()
  if(RIFFLE_BUILD_BENCH AND benches)
    add_executable(${name}_bench ${benches})
    target_link_libraries(${name}_bench PRIVATE riffle_${name} benchmark::benchmark_main)
  endif()
endfunction()

# riffle_test(NAME SOURCES file... [LINK lib...]): a GoogleTest program whose cases CTest sees one by one.
function(riffle_test name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_LINK} GTest::gmock GTest::gtest_main)
  target_compile_definitions(${name} PRIVATE RIFFLE_SOURCE_DIR="${PROJECT_SOURCE_DIR}" RIFFLE_BINARY="${CMAKE_BINARY_DIR}/bin/riffle")
  gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST PROPERTIES TIMEOUT 900)
endfunction()
