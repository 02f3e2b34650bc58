# The examples by find_package(riffle), with riffle::riffle and with riffle::static.
include(${CMAKE_CURRENT_LIST_DIR}/example.cmake)
set(build ${PREFIX}-consumer)
file(REMOVE_RECURSE ${build})
execute_process(COMMAND ${CMAKE_COMMAND} -S ${CMAKE_CURRENT_LIST_DIR}/consumer -B ${build} -D CMAKE_PREFIX_PATH=${PREFIX}
  -D EXAMPLES=${PREFIX}/${DATADIR}/riffle/examples -D CMAKE_C_COMPILER=${CC} -D CMAKE_CXX_COMPILER=${CXX} OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${CMAKE_COMMAND} --build ${build} OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
foreach(program c_shared c_static cpp_shared cpp_static)
  example(${build}/${program})
endforeach()
