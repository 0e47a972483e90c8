# The Debian package, made by `cpack`: all that is installed, and the Python package, in one file that goes onto Debian
# 12 and 13. The preset `deb` builds for /usr, where its libraries lie in the folder of the machine's kind.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME vulkan-compute)
set(CPACK_PACKAGE_CONTACT "the vulkan_compute authors <vulkan-compute@packages.debian.org>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "similarity, neighbours and diversity sequences of embeddings")
set(CPACK_PACKAGE_DESCRIPTION "Computes with text embeddings on any GPU that speaks Vulkan 1.2, or on the CPU:
similarity matrices, exact nearest neighbours, and diversity sequences, walks
through a collection that always go next to what is least like what they have
seen. Every device gives the same bytes.
.
In it are the command vulkan-compute, the C library and its headers, the LuaJIT
module vk_compute and the Python package vulkan_compute.")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
    OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)

set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
# Loaded at run time: the Vulkan loader, zlib, libxxhash and what Lua needs.
set(CPACK_DEBIAN_PACKAGE_DEPENDS
    "libvulkan1, luajit | luajit2, lua-argparse, lua-cjson, lua-posix, libxxhash0, zlib1g, python3")
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "mesa-vulkan-drivers, python3-numpy")

# Programs that are packaged with the library depend on this package; dpkg runs ldconfig.
file(WRITE ${CMAKE_BINARY_DIR}/debian/shlibs
     "libvulkan_compute ${PROJECT_VERSION_MAJOR} vulkan-compute (>= ${PROJECT_VERSION})\n")
file(WRITE ${CMAKE_BINARY_DIR}/debian/triggers "activate-noawait ldconfig\n")
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA
    "${CMAKE_BINARY_DIR}/debian/shlibs;${CMAKE_BINARY_DIR}/debian/triggers"
    ${CMAKE_CURRENT_SOURCE_DIR}/cmake/debian/postinst ${CMAKE_CURRENT_SOURCE_DIR}/cmake/debian/prerm)

# What only the package has is no part of `cmake --install`.
set(CPACK_PRE_BUILD_SCRIPTS ${CMAKE_CURRENT_SOURCE_DIR}/cmake/package_contents.cmake)
set(CPACK_VKC_SOURCE_DIR ${CMAKE_CURRENT_SOURCE_DIR})
set(CPACK_VKC_VERSION ${PROJECT_VERSION})

include(CPack)
