# The layers of core as the compiler sees them.
#
# Each folder of core is an object library.  It sees its own headers and those of the layers it
# names, and no others: build/layers/<layer>/<layer> links to core/<layer>, and only the named
# folders are on its include path, so "auth/auth.h" does not compile in a layer that may not use it.

# fs_layer(<layer> SOURCES a.c ... [USES layer ...] [LIBRARIES target ...])
function(fs_layer layer)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;USES;LIBRARIES")
    set(folder ${CMAKE_BINARY_DIR}/layers/${layer})
    file(MAKE_DIRECTORY ${folder})
    file(CREATE_LINK ${CMAKE_SOURCE_DIR}/core/${layer} ${folder}/${layer} SYMBOLIC)
    add_library(fs_${layer} OBJECT ${arg_SOURCES})
    target_include_directories(fs_${layer} PUBLIC ${folder} ${CMAKE_SOURCE_DIR}/core/include)
    foreach(used IN LISTS arg_USES)
        target_include_directories(fs_${layer} PUBLIC ${CMAKE_BINARY_DIR}/layers/${used})
    endforeach()
    target_link_libraries(fs_${layer} PUBLIC Threads::Threads ${arg_LIBRARIES})
    set_property(GLOBAL APPEND PROPERTY FS_LAYERS fs_${layer})
endfunction()

# fs_bench_layer(<layer> SOURCES a.c ... [USES layer ...] [CORE layer ...] [LIBRARIES target ...]): a
# folder of load_tests as fs_bench_<layer>; USES names folders of load_tests, CORE those of core.
function(fs_bench_layer layer)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;USES;CORE;LIBRARIES")
    set(folder ${CMAKE_BINARY_DIR}/layers/load_tests/${layer})
    file(MAKE_DIRECTORY ${folder})
    file(CREATE_LINK ${CMAKE_SOURCE_DIR}/load_tests/${layer} ${folder}/${layer} SYMBOLIC)
    add_library(fs_bench_${layer} OBJECT ${arg_SOURCES})
    target_include_directories(fs_bench_${layer} PUBLIC ${folder} ${CMAKE_SOURCE_DIR}/core/include)
    foreach(used IN LISTS arg_USES)
        target_include_directories(fs_bench_${layer} PUBLIC
            ${CMAKE_BINARY_DIR}/layers/load_tests/${used})
    endforeach()
    foreach(used IN LISTS arg_CORE)
        target_include_directories(fs_bench_${layer} PUBLIC ${CMAKE_BINARY_DIR}/layers/${used})
    endforeach()
    target_link_libraries(fs_bench_${layer} PUBLIC Threads::Threads ${arg_LIBRARIES})
endfunction()

# fs_strategy(<name> SOURCES a.c ... [TEST_ONLY]): a shared object that exports one symbol, and
# fs_strategy_<name>, the same objects for tests to link, exporting flashsale_strategy_<name>().
function(fs_strategy name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "TEST_ONLY" "" "SOURCES;LIBRARIES")
    add_library(${name}_so MODULE ${arg_SOURCES})
    set_target_properties(${name}_so PROPERTIES PREFIX "" OUTPUT_NAME ${name}
        LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/strategies)
    if(arg_TEST_ONLY)
        set_target_properties(${name}_so PROPERTIES
            LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests/strategies)
    else()
        add_dependencies(strategies ${name}_so)
        install(TARGETS ${name}_so DESTINATION ${CMAKE_INSTALL_LIBDIR}/flashsale/strategies)
    endif()
    # The loader refuses what others may write to, and a umask of 002 would make it so.
    add_custom_command(TARGET ${name}_so POST_BUILD
        COMMAND chmod go-w $<TARGET_FILE_DIR:${name}_so> $<TARGET_FILE:${name}_so>)
    add_library(fs_strategy_${name} OBJECT ${arg_SOURCES})
    target_compile_definitions(fs_strategy_${name}
        PRIVATE FS_STRATEGY_SYMBOL=flashsale_strategy_${name})
    foreach(target ${name}_so fs_strategy_${name})
        target_include_directories(${target} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}
            ${CMAKE_SOURCE_DIR}/core/include)
        target_link_libraries(${target} PRIVATE Threads::Threads ${arg_LIBRARIES})
    endforeach()
endfunction()

# fs_suite(<name> SOURCES a.c ... [LAYERS layer ...] [STRATEGIES name ...] [LIBRARIES target ...]
#          [LABELS label ...] [TIMEOUT seconds] [ARGS arg ...]): a CUnit program and its ctest.
function(fs_suite name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "TIMEOUT" "SOURCES;LAYERS;STRATEGIES;LIBRARIES;LABELS;ARGS")
    string(REPLACE "/" "_" target ${name})
    add_executable(test_${target} ${arg_SOURCES})
    foreach(layer IN LISTS arg_LAYERS)
        target_link_libraries(test_${target} PRIVATE fs_${layer})
    endforeach()
    foreach(strategy IN LISTS arg_STRATEGIES)
        target_link_libraries(test_${target} PRIVATE fs_strategy_${strategy})
    endforeach()
    target_include_directories(test_${target} PRIVATE ${CMAKE_SOURCE_DIR}/tests
        ${CMAKE_SOURCE_DIR}/core/include)
    target_link_libraries(test_${target} PRIVATE PkgConfig::CUNIT ${arg_LIBRARIES})
    add_test(NAME ${name} COMMAND test_${target} ${arg_ARGS})
    if(NOT arg_TIMEOUT)
        set(arg_TIMEOUT 120)
    endif()
    set_tests_properties(${name} PROPERTIES TIMEOUT ${arg_TIMEOUT} LABELS "${arg_LABELS}")
endfunction()
