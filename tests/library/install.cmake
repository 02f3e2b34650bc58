# Installs the build and moves the prefix elsewhere: nothing in it may know where it was. Also makes the files that examples are run on.
file(REMOVE_RECURSE ${PREFIX} ${PREFIX}-before ${FILES})
execute_process(COMMAND ${CMAKE_COMMAND} --install ${BUILD} --prefix ${PREFIX}-before OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
file(RENAME ${PREFIX}-before ${PREFIX})
execute_process(COMMAND ${MAKE_FILES} ${FILES} COMMAND_ERROR_IS_FATAL ANY)
foreach(file bin/riffle ${LIBDIR}/libriffle.so.0 ${LIBDIR}/libriffle.a include/riffle/riffle.h ${DATADIR}/riffle/configs/quickstart.yaml
    ${DATADIR}/man/man1/riffle.1 ${DATADIR}/man/man1/riffle-train.1 ${DATADIR}/bash-completion/completions/riffle
    ${DATADIR}/zsh/site-functions/_riffle ${DATADIR}/fish/vendor_completions.d/riffle.fish)
  if(NOT EXISTS ${PREFIX}/${file})
    message(FATAL_ERROR "${file} is not installed")
  endif()
endforeach()
