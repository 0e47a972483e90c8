// Unit vectors in float16, a row a workgroup, and how far they are from those in fixed point.
#version 460
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require
#extension GL_GOOGLE_include_directive : require
#include "interface.h"

layout(constant_id = WORKGROUP_SIZE_ID) const uint INVOCATIONS = 64;  // a power of two
layout(local_size_x_id = WORKGROUP_SIZE_ID) in;

layout(push_constant, std430) uniform Push { HalvePush push; };

layout(buffer_reference, std430, buffer_reference_align = 16) readonly buffer Units {
  ivec4 at[];
};
layout(buffer_reference, std430, buffer_reference_align = 4) readonly buffer Uints {
  uint at[];
};
layout(buffer_reference, std430, buffer_reference_align = 8) writeonly buffer Halves {
  uvec2 at[];
};
layout(buffer_reference, std430, buffer_reference_align = 4) buffer Error {
  uint bits;
};

shared uint64_t squares[INVOCATIONS];

// A float16, scaled, as the integer that it stands for in fixed point; by its bits, since compilers may take a
// conversion there and back for none. What is below one in fixed point counts as zero.
int in_fixed_point(uint bits) {
  const int exponent = int((bits >> 10) & 0x1fu);
  const int shift = max(exponent, 1) - 25 + int(FIXED_POINT_BITS - HALF_SCALE_BITS);
  const int digits = int(bits & 0x3ffu) + (exponent > 0 ? 1024 : 0);
  const int value = shift >= 0 ? digits << shift : digits >> -shift;
  return (bits & 0x8000u) == 0 ? value : -value;
}

void main() {
  const uint row = push.first_row + gl_WorkGroupID.x;
  const uint item = push.first_item + row;
  uint from = 0;
  if (row < push.count) {
    from = item >= FIRST_QUERY ? item - FIRST_QUERY : Uints(push.units_rows).at[item];
  }
  Units unit = Units(push.units + uint64_t(from) * push.units_pitch * 4);
  Halves halves = Halves(push.halves + uint64_t(row) * push.halves_pitch * 2);
  const float scale = uintBitsToFloat((127u - (FIXED_POINT_BITS - HALF_SCALE_BITS)) << 23);
  uint64_t sum = 0;
  for (uint v = gl_LocalInvocationIndex; v < push.halves_pitch / 4; v += INVOCATIONS) {
    ivec4 q = ivec4(0);
    if (row < push.count && v < push.units_pitch / 4) q = unit.at[v];
    const uvec2 packed =
        uvec2(packHalf2x16(vec2(q.xy) * scale), packHalf2x16(vec2(q.zw) * scale));
    halves.at[v] = packed;
    const ivec4 difference =
        q - ivec4(in_fixed_point(packed.x & 0xffffu), in_fixed_point(packed.x >> 16),
                  in_fixed_point(packed.y & 0xffffu), in_fixed_point(packed.y >> 16));
    [[unroll]] for (uint c = 0; c < 4; ++c) {
      sum += uint64_t(int64_t(difference[c]) * int64_t(difference[c]));
    }
  }
  squares[gl_LocalInvocationIndex] = sum;
  barrier();
  if (gl_LocalInvocationIndex != 0) return;
  for (uint i = 1; i < INVOCATIONS; ++i) sum += squares[i];
  // Rounded up: the conversion, the root and this product are off by less than 2^-20 together, as Vulkan demands of
  // them. Bits of positive floats are in the order of these.
  atomicMax(Error(push.error).bits, floatBitsToUint(sqrt(float(sum)) * (1.0 + 1.0 / 1048576.0)));
}
