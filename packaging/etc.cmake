# A package for /usr has its configuration in /etc.
if(EXISTS ${CPACK_TEMPORARY_DIRECTORY}/usr/etc)
    file(RENAME ${CPACK_TEMPORARY_DIRECTORY}/usr/etc ${CPACK_TEMPORARY_DIRECTORY}/etc)
endif()
