# What an installation holds: program, library (shared and static), headers, strategies (fs_strategy()
# installs its own), configuration, unit of systemd, and the two ways by which other builds find them.
include(CMakePackageConfigHelpers)

set(FS_PACKAGE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/Flashsale)
install(TARGETS flashsale RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(TARGETS flashsale_shared EXPORT FlashsaleTargets
    LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS flashsale_static EXPORT FlashsaleStaticTargets
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY ${CMAKE_SOURCE_DIR}/core/include/flashsale
    DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(FILES ${CMAKE_SOURCE_DIR}/packaging/flashsale.yaml
    DESTINATION ${CMAKE_INSTALL_SYSCONFDIR}/flashsale OPTIONAL)
install(FILES ${CMAKE_SOURCE_DIR}/config/flashsale.yaml
    DESTINATION ${CMAKE_INSTALL_DATADIR}/flashsale)
install(FILES ${CMAKE_SOURCE_DIR}/packaging/flashsale.service DESTINATION lib/systemd/system)

# The comparison: its program (load_tests/CMakeLists.txt), scenarios, and the Python of report and compare.
install(DIRECTORY ${CMAKE_SOURCE_DIR}/load_tests/scenarios
    DESTINATION ${CMAKE_INSTALL_DATADIR}/flashsale FILES_MATCHING PATTERN "*.yaml")
install(PROGRAMS ${CMAKE_SOURCE_DIR}/scripts/analyze_results.py
    ${CMAKE_SOURCE_DIR}/scripts/bench_compare.py DESTINATION ${CMAKE_INSTALL_DATADIR}/flashsale)
install(DIRECTORY ${CMAKE_SOURCE_DIR}/scripts/results_report
    DESTINATION ${CMAKE_INSTALL_DATADIR}/flashsale FILES_MATCHING PATTERN "*.py")

# CMake: find_package(Flashsale), targets Flashsale::flashsale and, where there is what it is made of,
# Flashsale::static.
foreach(export FlashsaleTargets FlashsaleStaticTargets)
    install(EXPORT ${export} NAMESPACE Flashsale:: DESTINATION ${FS_PACKAGE_DIR})
endforeach()
configure_package_config_file(${CMAKE_SOURCE_DIR}/cmake/FlashsaleConfig.cmake.in
    ${CMAKE_BINARY_DIR}/FlashsaleConfig.cmake INSTALL_DESTINATION ${FS_PACKAGE_DIR})
write_basic_package_version_file(${CMAKE_BINARY_DIR}/FlashsaleConfigVersion.cmake
    COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/FlashsaleConfig.cmake
    ${CMAKE_BINARY_DIR}/FlashsaleConfigVersion.cmake ${CMAKE_SOURCE_DIR}/cmake/FindH2O.cmake
    DESTINATION ${FS_PACKAGE_DIR})

# pkg-config: flashsale; --static names what the archive needs.  The prefix is named from where the
# .pc file lies, so that an installation can be moved.
file(RELATIVE_PATH FS_PC_PREFIX /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
configure_file(${CMAKE_SOURCE_DIR}/cmake/flashsale.pc.in ${CMAKE_BINARY_DIR}/flashsale.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/flashsale.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
