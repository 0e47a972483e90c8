# Run by cpack where all that is installed lies in a folder of its own: adds what Debian asks of a package, and the
# Python package.

# Without these the package would not say which libraries it needs.
foreach(program dpkg-shlibdeps file)
  find_program(${program}_found ${program})
  if(NOT ${program}_found)
    message(FATAL_ERROR "${program} is missing, with which the package finds out what it needs: apt-get install dpkg-dev file")
  endif()
endforeach()

# The folder is named in full.
unset(ENV{DESTDIR})
set(root ${CPACK_TEMPORARY_INSTALL_DIRECTORY}/usr)
set(docs ${root}/share/doc/${CPACK_PACKAGE_NAME})

file(REMOVE_RECURSE ${root}/share/doc/vulkan_compute)
file(INSTALL ${CPACK_VKC_SOURCE_DIR}/LICENSE DESTINATION ${docs} RENAME copyright)
file(GLOB guides ${CPACK_VKC_SOURCE_DIR}/docs/*.md)
file(INSTALL ${CPACK_VKC_SOURCE_DIR}/README.md ${CPACK_VKC_SOURCE_DIR}/CHANGELOG.md ${guides} DESTINATION ${docs})

file(INSTALL ${CPACK_VKC_SOURCE_DIR}/python/vulkan_compute DESTINATION ${root}/lib/python3/dist-packages
     FILES_MATCHING PATTERN "*.py" PATTERN "py.typed" PATTERN "__pycache__" EXCLUDE)
file(INSTALL ${CPACK_VKC_SOURCE_DIR}/python/README.md DESTINATION ${docs} RENAME README.python.md)

string(TIMESTAMP date "%a, %d %b %Y %H:%M:%S +0000" UTC)
file(WRITE ${docs}/changelog
"${CPACK_PACKAGE_NAME} (${CPACK_VKC_VERSION}) unstable; urgency=medium

  * CHANGELOG.md tells what is new.

 -- ${CPACK_PACKAGE_CONTACT}  ${date}
")
execute_process(COMMAND gzip -9nf ${docs}/changelog ${root}/share/man/man1/vulkan-compute.1
                COMMAND_ERROR_IS_FATAL ANY)
