# The examples by pkg-config, in the standards that their first lines name, without a warning.
include(${CMAKE_CURRENT_LIST_DIR}/example.cmake)
set(ENV{PKG_CONFIG_PATH} ${PREFIX}/${LIBDIR}/pkgconfig)
set(ENV{LD_LIBRARY_PATH} ${PREFIX}/${LIBDIR})
foreach(way "--libs" "--libs --static")
  separate_arguments(options UNIX_COMMAND "--cflags ${way}")
  execute_process(COMMAND ${PKG_CONFIG} ${options} riffle OUTPUT_VARIABLE flags OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
  if(way MATCHES "static") # the static library of ours, the shared ones of the system
    string(REPLACE "-lriffle" "-l:libriffle.a" flags "${flags}")
  endif()
  separate_arguments(flags UNIX_COMMAND "${flags}")
  foreach(compile "${CC};-std=c99;-pedantic;classify.c" "${CXX};-std=c++17;classify.cpp")
    list(POP_BACK compile source)
    execute_process(COMMAND ${compile} -Wall -Wextra -Werror ${PREFIX}/${DATADIR}/riffle/examples/${source} ${flags} -o ${PREFIX}-classify
      COMMAND_ERROR_IS_FATAL ANY)
    example(${PREFIX}-classify)
  endforeach()
endforeach()
