# What `cmake --install` puts where: the library, its headers, and what CMake, pkg-config, LuaJIT and man
# need to find them. All of it may be moved together.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(cmake_package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/vulkan_compute)

install(TARGETS vulkan_compute EXPORT vulkan_compute
        INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(FILES include/vulkan_compute.h include/vulkan_compute_validation.h TYPE INCLUDE)

# Within a major version, 0 included, the C interface only grows: the same promise as SOVERSION makes.
install(EXPORT vulkan_compute NAMESPACE vulkan_compute:: FILE vulkan_computeConfig.cmake
        DESTINATION ${cmake_package_dir})
write_basic_package_version_file(vulkan_computeConfigVersion.cmake
                                 COMPATIBILITY SameMajorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/vulkan_computeConfigVersion.cmake
        DESTINATION ${cmake_package_dir})

# An absolute CMAKE_INSTALL_LIBDIR or INCLUDEDIR stays as it is.
file(RELATIVE_PATH pc_to_prefix ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
string(REGEX REPLACE "/$" "" pc_to_prefix ${pc_to_prefix})
set(pc_libdir "\${prefix}")
cmake_path(APPEND pc_libdir ${CMAKE_INSTALL_LIBDIR})
set(pc_includedir "\${prefix}")
cmake_path(APPEND pc_includedir ${CMAKE_INSTALL_INCLUDEDIR})
configure_file(cmake/vulkan_compute.pc.in vulkan_compute.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/vulkan_compute.pc
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

# LuaJIT looks in share/lua/5.1 of /usr and /usr/local by itself.
install(DIRECTORY lua/ DESTINATION ${CMAKE_INSTALL_DATADIR}/lua/5.1 FILES_MATCHING PATTERN "*.lua")
install(PROGRAMS bin/vulkan-compute TYPE BIN)
install(FILES man/vulkan-compute.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES LICENSE TYPE DOC)
