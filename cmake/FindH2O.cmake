# libh2o on its own event loop.  Debian builds libh2o twice and names neither OpenSSL nor the event
# loop in the .pc file, so: link libh2o-evloop, say H2O_USE_LIBUV=0, link OpenSSL ourselves.
# Gives the target H2O::evloop.
find_path(H2O_INCLUDE_DIR h2o.h)
find_library(H2O_LIBRARY h2o-evloop)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(H2O REQUIRED_VARS H2O_LIBRARY H2O_INCLUDE_DIR)
mark_as_advanced(H2O_INCLUDE_DIR H2O_LIBRARY)
if(H2O_FOUND AND NOT TARGET H2O::evloop)
    add_library(H2O::evloop UNKNOWN IMPORTED)
    set_target_properties(H2O::evloop PROPERTIES
        IMPORTED_LOCATION ${H2O_LIBRARY}
        INTERFACE_SYSTEM_INCLUDE_DIRECTORIES ${H2O_INCLUDE_DIR}
        INTERFACE_COMPILE_DEFINITIONS H2O_USE_LIBUV=0
        INTERFACE_LINK_LIBRARIES "OpenSSL::SSL;OpenSSL::Crypto;Threads::Threads")
endif()
