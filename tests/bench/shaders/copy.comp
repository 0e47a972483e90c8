// Copies, a vector of 16 bytes an invocation: how fast memory streams for kernels.
#version 460
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require

layout(local_size_x = 256) in;

layout(buffer_reference, std430, buffer_reference_align = 16) readonly buffer From {
  uvec4 at[];
};
layout(buffer_reference, std430, buffer_reference_align = 16) writeonly buffer To {
  uvec4 at[];
};
layout(push_constant, std430) uniform Push {
  uint64_t from;
  uint64_t to;
};

void main() { To(to).at[gl_GlobalInvocationID.x] = From(from).at[gl_GlobalInvocationID.x]; }
