# A text file as a C string.
#
# fs_embed_text(<symbol> <output variable> <file>): appends to the variable a generated .c that defines
# const char <symbol>[] with the file's bytes and a NUL, and const size_t <symbol>_len without it.
function(fs_embed_text symbol variable file)
    set(source ${CMAKE_CURRENT_BINARY_DIR}/${symbol}.c)
    get_filename_component(path ${file} ABSOLUTE)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${path})
    file(READ ${path} text)
    string(REPLACE "\\" "\\\\" text "${text}")
    string(REPLACE "\"" "\\\"" text "${text}")
    string(REPLACE "??" "?\\?" text "${text}")
    string(REGEX REPLACE "\n$" "" text "${text}")
    string(REPLACE "\n" "\\n\"\n    \"" text "${text}")
    set(made "/* Made from ${file}. */\n#include <stddef.h>\n\n")
    string(APPEND made "extern const char ${symbol}[];\nextern const size_t ${symbol}_len;\n\n")
    string(APPEND made "const char ${symbol}[] =\n    \"${text}\\n\";\n")
    string(APPEND made "const size_t ${symbol}_len = sizeof(${symbol}) - 1;\n")
    file(CONFIGURE OUTPUT ${source} CONTENT "${made}" @ONLY)
    set(${variable} ${${variable}} ${source} PARENT_SCOPE)
endfunction()
