# What `cmake --install` puts where: a prefix that can be moved, with the program (where it is built), the recipes, the library, and what
# finds it: find_package(riffle) gives riffle::riffle (shared) and riffle::static, pkg-config gives riffle.
include(CMakePackageConfigHelpers)

if(TARGET riffle)
  install(TARGETS riffle RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  if(TARGET riffle_mpi)
    install(TARGETS riffle_mpi LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/riffle)
  endif()
  install(DIRECTORY configs/ DESTINATION ${CMAKE_INSTALL_DATADIR}/riffle/configs)
  include(cmake/documentation.cmake)
endif()
install(TARGETS riffle_shared riffle_static EXPORT riffle LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY include/riffle DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(DIRECTORY examples/ DESTINATION ${CMAKE_INSTALL_DATADIR}/riffle/examples)
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} RENAME copyright)

set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/riffle)
install(EXPORT riffle NAMESPACE riffle:: FILE riffleTargets.cmake DESTINATION ${package_folder})
configure_package_config_file(cmake/riffleConfig.cmake.in riffleConfig.cmake INSTALL_DESTINATION ${package_folder})
write_basic_package_version_file(riffleConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/riffleConfig.cmake ${CMAKE_CURRENT_BINARY_DIR}/riffleConfigVersion.cmake DESTINATION ${package_folder})

cmake_path(RELATIVE_PATH CMAKE_INSTALL_PREFIX BASE_DIRECTORY ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig OUTPUT_VARIABLE prefix_from_pc)
list(TRANSFORM RIFFLE_STATIC_LIBRARIES PREPEND -l OUTPUT_VARIABLE private_libraries)
list(JOIN private_libraries " " private_libraries)
configure_file(cmake/riffle.pc.in riffle.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/riffle.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
