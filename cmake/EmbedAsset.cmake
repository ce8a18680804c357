# Files of a page as C: as they are and gzipped, with a digest for their ETag.
#
# fs_embed_assets(<output variable> <table symbol> <url path> <media type> <file> ...): appends to the
# variable a generated .c that defines const struct fs_web_asset <table symbol>[], ended by an empty row.
# The bytes come in by the assembler's .incbin, so that their size costs the compiler nothing.
find_program(GZIP gzip REQUIRED)

function(fs_embed_assets variable table)
    set(folder ${CMAKE_CURRENT_BINARY_DIR}/${table})
    file(MAKE_DIRECTORY ${folder})
    set(made "/* Made by cmake/EmbedAsset.cmake. */\n#include \"web/web.h\"\n\n")
    set(rows "")
    set(inputs "")
    set(rest ${ARGN})
    set(number 0)
    while(rest)
        list(POP_FRONT rest path type file)
        get_filename_component(file ${file} ABSOLUTE)
        if(NOT EXISTS ${file})
            message(FATAL_ERROR "${file} is missing: a part of the page ${path}; scripts/setup.sh installs what is Debian's")
        endif()
        set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
        set(packed ${folder}/${number}.gz)
        execute_process(COMMAND ${GZIP} -9 -n -c ${file} OUTPUT_FILE ${packed} COMMAND_ERROR_IS_FATAL ANY)
        file(SHA256 ${file} digest)
        string(SUBSTRING ${digest} 0 16 digest)
        foreach(form plain gzip)
            set(bytes ${file})
            if(form STREQUAL gzip)
                set(bytes ${packed})
            endif()
            set(symbol ${table}_${number}_${form})
            string(APPEND made "__asm__(\".pushsection .rodata\\n${symbol}: .incbin \\\"${bytes}\\\"\\n"
                "${symbol}_end: .popsection\");\n"
                "extern const char ${symbol}[], ${symbol}_end[];\n")
            list(APPEND inputs ${bytes})
        endforeach()
        string(APPEND rows "    {\"${path}\", \"${type}\", \"\\\"${digest}\\\"\", ${table}_${number}_plain, "
            "${table}_${number}_plain_end,\n     ${table}_${number}_gzip, ${table}_${number}_gzip_end},\n")
        math(EXPR number "${number} + 1")
    endwhile()
    string(APPEND made "\nconst struct fs_web_asset ${table}[] = {\n${rows}    {0}};\n")
    set(source ${CMAKE_CURRENT_BINARY_DIR}/${table}.c)
    file(CONFIGURE OUTPUT ${source} CONTENT "${made}" @ONLY)
    set_source_files_properties(${source} PROPERTIES OBJECT_DEPENDS "${inputs}")
    set(${variable} ${${variable}} ${source} PARENT_SCOPE)
endfunction()
