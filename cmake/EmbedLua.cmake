# Lua scripts as C strings, so that a strategy is one file.
#
# fs_embed_lua(<script> <output variable> <file.lua>...): appends to the variable a generated .c that
# defines  const struct fs_script <script>  with the files, one after the other, as its source.
# Lines stay lines, so that an error's line number is found in the files.
function(fs_embed_lua script variable)
    set(source ${CMAKE_CURRENT_BINARY_DIR}/${script}.c)
    set(text "/* Made from ${ARGN}. */\n#include <flashsale/strategy.h>\n\n")
    string(APPEND text "extern const struct fs_script ${script};\n")
    string(REGEX REPLACE "^fs_" "" name ${script})
    string(APPEND text "const struct fs_script ${script} = {\n    .name = \"${name}\",\n    .source =")
    foreach(file IN LISTS ARGN)
        get_filename_component(file ${file} ABSOLUTE)
        set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
        file(READ ${file} lua)
        # Comments are for readers: the store is sent the code, on the same lines.
        string(REGEX REPLACE "(^|\n)[ ]*--[^\n]*" "\\1" lua "${lua}")
        string(REPLACE "\\" "\\\\" lua "${lua}")
        string(REPLACE "\"" "\\\"" lua "${lua}")
        string(REGEX REPLACE "\n$" "" lua "${lua}")
        string(REPLACE "\n" "\\n\"\n    \"" lua "${lua}")
        string(APPEND text "\n    \"${lua}\\n\"")
    endforeach()
    string(APPEND text ",\n};\n")
    file(CONFIGURE OUTPUT ${source} CONTENT "${text}" @ONLY)
    set(${variable} ${${variable}} ${source} PARENT_SCOPE)
endfunction()
