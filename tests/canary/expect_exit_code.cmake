# Runs PROGRAM ARGUMENT; expects the exit code CODE and the text WORDS.
execute_process(COMMAND ${PROGRAM} ${ARGUMENT} RESULT_VARIABLE code OUTPUT_VARIABLE output ERROR_VARIABLE output)
if(NOT code EQUAL CODE OR NOT output MATCHES "${WORDS}")
  message(FATAL_ERROR "exit code ${code}, wanted ${CODE} and '${WORDS}': ${output}")
endif()
