# embed_shaders(TARGET NAME...): compiles shaders/NAME.comp to SPIR-V, validates it, and makes it
# available to TARGET's sources as an array of words, NAME, in "shaders/NAME.h".

find_program(GLSLANG_VALIDATOR glslangValidator REQUIRED)
find_program(SPIRV_VAL spirv-val REQUIRED)

function(embed_shaders target)
  set(directory ${CMAKE_CURRENT_SOURCE_DIR}/shaders)
  set(generated ${CMAKE_CURRENT_BINARY_DIR}/generated)
  file(MAKE_DIRECTORY ${generated}/shaders)
  # glslangValidator lists no dependencies: every shader is compiled anew when an include changes.
  file(GLOB includes CONFIGURE_DEPENDS ${directory}/*.glsl ${directory}/*.h)
  foreach(name IN LISTS ARGN)
    set(source ${directory}/${name}.comp)
    set(spirv ${generated}/shaders/${name}.spv)
    set(header ${generated}/shaders/${name}.h)
    set(compile ${GLSLANG_VALIDATOR} --quiet -V --target-env vulkan1.2 -I${directory} ${source})
    add_custom_command(
      OUTPUT ${header}
      COMMAND ${compile} -o ${spirv}
      COMMAND ${SPIRV_VAL} --target-env vulkan1.2 ${spirv}
      COMMAND ${compile} --vn ${name} -o ${header}
      DEPENDS ${source} ${includes}
      COMMENT "Compiling and validating shaders/${name}.comp"
      VERBATIM)
    target_sources(${target} PRIVATE ${header})
  endforeach()
  target_include_directories(${target} PRIVATE ${generated})
endfunction()
