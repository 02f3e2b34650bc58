# example(COMMAND...): runs an example with a checkpoint, a picture and one that is not there; an error unless it names the classes of the
# first, says of the second that it is missing, and ends with 1.
function(example)
  execute_process(COMMAND ${ARGN} ${FILES}/c.safetensors ${FILES}/p.bmp ${FILES}/nothing.png
    RESULT_VARIABLE code OUTPUT_VARIABLE out ERROR_VARIABLE err)
  set(row " +[0-9]+\\.[0-9][0-9] %  (ant|bee|cat)\n")
  if(NOT code EQUAL 1 OR NOT out MATCHES "^[^\n]*p\\.bmp\n${row}${row}${row}$" OR NOT err MATCHES "nothing\\.png")
    message(FATAL_ERROR "${ARGN}: exit ${code}\n${out}${err}")
  endif()
  execute_process(COMMAND ${ARGN} ${FILES}/nothing.safetensors ${FILES}/p.bmp RESULT_VARIABLE code OUTPUT_QUIET ERROR_VARIABLE err)
  if(NOT code EQUAL 1 OR NOT err MATCHES "nothing\\.safetensors")
    message(FATAL_ERROR "${ARGN}: exit ${code}\n${err}")
  endif()
endfunction()
