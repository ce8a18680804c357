# fs_pytest(<name> FILE test_x.py [TIMEOUT seconds] [ALONE] [LABELS label ...]): a ctest that runs one
# file of pytest against build/flashsale, with the first Python that has what the tests need.
include_guard(GLOBAL)

include(ProcessorCount)
ProcessorCount(jobs)
math(EXPR jobs "2 * ${jobs}")
set(FS_TEST_JOBS ${jobs} CACHE INTERNAL "Tests at once, as scripts/test.sh runs them")

set(FS_PYTHON_MODULES "pytest, pytest_asyncio, aiohttp, hpack, jsonschema, yaml")

# Debian's own interpreter first: another python3 may come earlier in PATH, without the packages.
if(NOT FLASHSALE_PYTHON)
    foreach(candidate /usr/bin/python3 python3 /usr/local/bin/python3)
        execute_process(COMMAND ${candidate} -c "import ${FS_PYTHON_MODULES}"
                        RESULT_VARIABLE result OUTPUT_QUIET ERROR_QUIET)
        if(result EQUAL 0)
            set(FLASHSALE_PYTHON ${candidate} CACHE FILEPATH "Python with ${FS_PYTHON_MODULES}")
            break()
        endif()
    endforeach()
endif()
if(NOT FLASHSALE_PYTHON)
    message(WARNING "No Python with ${FS_PYTHON_MODULES}: the tests http/* and e2e/* will fail. "
            "apt install python3-pytest python3-pytest-asyncio python3-aiohttp python3-hpack python3-jsonschema python3-yaml, "
            "or set FLASHSALE_PYTHON.")
endif()

function(fs_pytest name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "ALONE" "FILE;TIMEOUT" "LABELS")
    get_filename_component(file ${arg_FILE} ABSOLUTE)
    if(NOT FLASHSALE_PYTHON) # a test that cannot run is not a test that passed
        add_test(NAME ${name} COMMAND ${CMAKE_COMMAND} -E false)
        return()
    endif()
    if(NOT arg_TIMEOUT)
        set(arg_TIMEOUT 240)
    endif()
    if(FLASHSALE_SANITIZE STREQUAL "thread")
        math(EXPR arg_TIMEOUT "${arg_TIMEOUT} * 8")
    elseif(FLASHSALE_SANITIZE STREQUAL "address")
        math(EXPR arg_TIMEOUT "${arg_TIMEOUT} * 3")
    endif()
    add_test(NAME ${name} COMMAND ${FLASHSALE_PYTHON} -B -m pytest -q -rfE ${file}
             WORKING_DIRECTORY ${CMAKE_BINARY_DIR})
    set_tests_properties(${name} PROPERTIES
        TIMEOUT ${arg_TIMEOUT} LABELS "${arg_LABELS}"
        ENVIRONMENT "FLASHSALE_BINARY=${CMAKE_BINARY_DIR}/flashsale")
    if(arg_ALONE) # it measures time, or keeps every CPU busy: as many as test.sh gives jobs
        set_tests_properties(${name} PROPERTIES PROCESSORS ${FS_TEST_JOBS})
    endif()
endfunction()
