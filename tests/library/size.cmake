# cmake -D STRIP=strip -D FILE=library -P size.cmake: an error if the library, stripped, has more than 2 MiB.
set(stripped ${CMAKE_CURRENT_BINARY_DIR}/stripped.so)
execute_process(COMMAND ${STRIP} -o ${stripped} ${FILE} COMMAND_ERROR_IS_FATAL ANY)
file(SIZE ${stripped} bytes)
file(REMOVE ${stripped})
message("${bytes} bytes")
if(bytes GREATER 2097152)
  message(FATAL_ERROR "${FILE}: expected at most 2097152 bytes, found ${bytes}")
endif()
