# cpack -G DEB in a build folder: a Debian package of what an installation holds (FlashsaleInstall.cmake).
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_CONTACT "flashsale")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_PRE_BUILD_SCRIPTS ${CMAKE_SOURCE_DIR}/packaging/etc.cmake)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION httpd)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${CMAKE_SOURCE_DIR}/packaging/conffiles)
# Debian 12's; tests/package holds them against what the programs are linked to.
set(CPACK_DEBIAN_PACKAGE_DEPENDS "libc6, libcrypt1, libcurl4, libevent-core-2.1-7, libh2o-evloop0.13, \
libhiredis0.14, libhttp-parser2.9, libjansson4, libssl3, libyaml-0-2")
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "redis-server")
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "python3-pandas, python3-matplotlib, python3-scipy")
include(CPack)
