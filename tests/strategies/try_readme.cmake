# Follows strategies/README.md as a newcomer would: its shell blocks that copy and compile are run as
# they stand in a folder that has only the template and the public headers, and the conformance suite
# is run on what comes out.
file(READ ${SOURCE_DIR}/strategies/README.md text)
string(REGEX MATCH "```\n(cp -r [^`]*)```" block "${text}")
set(copy "${CMAKE_MATCH_1}")
string(REGEX MATCH "```\n(cc [^`]*)```" block "${text}")
set(compile "${CMAKE_MATCH_1}")
if(NOT copy OR NOT compile)
    message(FATAL_ERROR "strategies/README.md: the blocks that copy and compile are not found")
endif()
file(REMOVE_RECURSE ${FOLDER})
file(MAKE_DIRECTORY ${FOLDER}/core ${FOLDER}/strategies)
file(CHMOD ${FOLDER} PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE)
# With the slash contents are copied: were a folder a link, the commands would reach through it.
file(COPY ${SOURCE_DIR}/core/include/ DESTINATION ${FOLDER}/core/include)
file(COPY ${SOURCE_DIR}/strategies/template/ DESTINATION ${FOLDER}/strategies/template)
file(WRITE ${FOLDER}/try.sh "umask 022\n${copy}\n${compile}\n")
execute_process(COMMAND sh -e ${FOLDER}/try.sh WORKING_DIRECTORY ${FOLDER} RESULT_VARIABLE status)
if(NOT status EQUAL 0)
    message(FATAL_ERROR "strategies/README.md: its commands fail: ${status}")
endif()
execute_process(COMMAND ${PROGRAM} ./mine.so --loops 4 WORKING_DIRECTORY ${FOLDER}
    RESULT_VARIABLE status OUTPUT_VARIABLE output)
if(NOT status EQUAL 0 OR NOT output MATCHES "Suite: mine")
    message(FATAL_ERROR "the copy of the template fails: ${status}\n${output}")
endif()
