# The compiler's settings, the same for people and CI; presets choose among them.
set(FLASHSALE_SANITIZE "" CACHE STRING "Sanitizers: empty, address (with undefined) or thread")
set_property(CACHE FLASHSALE_SANITIZE PROPERTY STRINGS "" address thread)
option(FLASHSALE_NIGHTLY "Register the tests that are too long for each change" OFF)
option(FLASHSALE_WERROR "Warnings are errors" OFF)

if(NOT CMAKE_BUILD_TYPE)
    set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "Kind of build" FORCE)
endif()

set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON) # _GNU_SOURCE: eventfd, accept4, SO_REUSEPORT
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

# assert() says what must not be; it stays in every build.
foreach(kind RELEASE RELWITHDEBINFO MINSIZEREL)
    string(REPLACE "-DNDEBUG" "" CMAKE_C_FLAGS_${kind} "${CMAKE_C_FLAGS_${kind}}")
endforeach()

add_compile_definitions(_GNU_SOURCE)
add_compile_options(-Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes
                    -Wformat=2 -Wundef -Wvla -fno-common)
if(FLASHSALE_WERROR)
    add_compile_options(-Werror)
endif()
if(FLASHSALE_SANITIZE STREQUAL "address")
    add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=undefined
                        -fno-omit-frame-pointer)
    add_link_options(-fsanitize=address,undefined)
elseif(FLASHSALE_SANITIZE STREQUAL "thread")
    add_compile_options(-fsanitize=thread -fno-omit-frame-pointer)
    add_link_options(-fsanitize=thread)
elseif(NOT FLASHSALE_SANITIZE STREQUAL "")
    message(FATAL_ERROR "FLASHSALE_SANITIZE is '${FLASHSALE_SANITIZE}': use address or thread")
endif()

# What an attacker finds harder: tests/package checks that the program has it. Sanitizers bring their own.
if(FLASHSALE_SANITIZE STREQUAL "" AND NOT FLASHSALE_FUZZ)
    add_compile_options(-fstack-protector-strong $<$<NOT:$<CONFIG:Debug>>:-D_FORTIFY_SOURCE=2>)
    add_link_options(-Wl,-z,relro,-z,now)
endif()

# Everything is instrumented, so that libFuzzer sees which code an input reached.
option(FLASHSALE_FUZZ "Build tests/fuzz with libFuzzer (clang), ASan and UBSan" OFF)
if(FLASHSALE_FUZZ)
    if(NOT CMAKE_C_COMPILER_ID MATCHES "Clang" OR FLASHSALE_SANITIZE)
        message(FATAL_ERROR "FLASHSALE_FUZZ needs clang and brings its own sanitizers: "
                            "-DCMAKE_C_COMPILER=clang, without FLASHSALE_SANITIZE")
    endif()
    add_compile_options(-fsanitize=fuzzer-no-link,address,undefined
                        -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
    add_link_options(-fsanitize=address,undefined)
endif()
