# Runs the conformance suite on a mutant.  Passes only when the suite failed, and by the right test:
# a mutant that is caught for another reason would prove nothing.
if(STOPPED_BY) # the rest of the suite would not be reached
    set(filter ${CAUGHT_BY})
endif()
execute_process(COMMAND ${PROGRAM} ${MODULE} --seed 1 ${filter}
    RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
if(STOPPED_BY)
    if(status MATCHES "^[01]$" OR NOT output MATCHES "Test: ${CAUGHT_BY}[^\n]*\n?.*${STOPPED_BY}")
        message(FATAL_ERROR "not stopped by \"${STOPPED_BY}\" in ${CAUGHT_BY}: ${status}\n${output}")
    endif()
elseif(NOT status EQUAL 1 OR NOT output MATCHES "Test: ${CAUGHT_BY} \\.\\.\\.FAILED")
    message(FATAL_ERROR "not caught by ${CAUGHT_BY}: ${status}\n${output}")
endif()
