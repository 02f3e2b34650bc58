# What cpack makes: one .deb, whose dependencies are those of the libraries that its programs need, and a tarball of the same files.
set(CPACK_GENERATOR DEB TGZ)
set(CPACK_PACKAGE_VENDOR "Riffle")
set(CPACK_PACKAGE_CONTACT "The authors of Riffle")
set(CPACK_PACKAGE_CHECKSUM SHA256)
set(CPACK_RESOURCE_FILE_LICENSE ${PROJECT_SOURCE_DIR}/LICENSE)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
# What programs that link the library depend on. CPack could write it, and would ask riffle_mpi.so for a version, which nothing links.
get_target_property(soversion riffle_shared SOVERSION)
file(WRITE ${CMAKE_BINARY_DIR}/debian/shlibs "libriffle ${soversion} riffle (= ${PROJECT_VERSION})\n")
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${CMAKE_BINARY_DIR}/debian/shlibs)
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "libcurl4, ca-certificates, openmpi-bin") # downloads, several processes: loaded where they are asked for
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "dataset-fashion-mnist")
include(CPack)
