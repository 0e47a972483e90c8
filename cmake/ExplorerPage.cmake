# The template of the explorer page: explore/ in one file, made by esbuild. Where that is not installed the library is
# built all the same, and `vulkan-compute explore` says what is missing.
#
# As a script (cmake -P) this file puts bundled script and style into the page, with their hashes in its policy: the
# browser runs these and nothing else.

# hex_to_base64(OUT HEX): 32 bytes.
function(hex_to_base64 out hex)
  set(alphabet "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
  set(text "")
  # Three digits are 12 bits, two characters. Of 64 digits and two zeros 66 are 44 characters, the last of padding.
  set(hex "${hex}00")
  foreach(place RANGE 0 63 3)
    string(SUBSTRING "${hex}" ${place} 3 digits)
    math(EXPR first "0x${digits} >> 6")
    math(EXPR second "0x${digits} & 63")
    string(SUBSTRING "${alphabet}" ${first} 1 first)
    string(SUBSTRING "${alphabet}" ${second} 1 second)
    string(APPEND text "${first}${second}")
  endforeach()
  string(SUBSTRING "${text}" 0 43 text)
  set(${out} "${text}=" PARENT_SCOPE)
endfunction()

if(CMAKE_SCRIPT_MODE_FILE)
  file(READ "${PAGE}" page)
  foreach(part SCRIPT STYLE)
    file(READ "${${part}}" contents)
    string(STRIP "${contents}" contents)
    string(SHA256 hash "${contents}")
    hex_to_base64(hash "${hash}")
    string(REPLACE "@${part}_HASH@" "${hash}" page "${page}")
    string(REPLACE "@${part}@" "${contents}" page "${page}")
  endforeach()
  file(WRITE "${OUTPUT}" "${page}")
  return()
endif()

find_program(VKC_ESBUILD esbuild DOC "Bundles the explorer page")
if(NOT VKC_ESBUILD)
  message(STATUS "esbuild was not found: vulkan-compute explore will have no page to fill (Debian package esbuild)")
  return()
endif()

set(sources ${CMAKE_CURRENT_SOURCE_DIR}/explore)
set(bundles ${CMAKE_CURRENT_BINARY_DIR}/explore)
file(GLOB_RECURSE explore_sources CONFIGURE_DEPENDS ${sources}/*)
add_custom_command(
  OUTPUT ${CMAKE_BINARY_DIR}/explore.html
  COMMAND ${VKC_ESBUILD} ${sources}/main.js --bundle --minify --charset=utf8 --target=es2022 --format=iife
          --log-level=warning --outfile=${bundles}/main.js
  COMMAND ${VKC_ESBUILD} ${sources}/style.css --minify --charset=utf8 --log-level=warning
          --outfile=${bundles}/style.css
  COMMAND ${CMAKE_COMMAND} -DPAGE=${sources}/page.html -DSCRIPT=${bundles}/main.js -DSTYLE=${bundles}/style.css
          -DOUTPUT=${CMAKE_BINARY_DIR}/explore.html -P ${CMAKE_CURRENT_LIST_FILE}
  DEPENDS ${explore_sources} ${CMAKE_CURRENT_LIST_FILE}
  COMMENT "Bundling the explorer page" VERBATIM)
add_custom_target(explorer_page ALL DEPENDS ${CMAKE_BINARY_DIR}/explore.html)
install(FILES ${CMAKE_BINARY_DIR}/explore.html DESTINATION ${CMAKE_INSTALL_DATADIR}/vulkan_compute)
