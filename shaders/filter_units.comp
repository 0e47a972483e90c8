// Filter units from the unit vectors: a workgroup for each block, an invocation for each item. Also
// how far they are from the unit vectors. Rounded in integers, so that every device has the same.
#version 460
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require
#extension GL_GOOGLE_include_directive : require
#include "interface.h"

layout(constant_id = HALF_ID) const bool HALF = true;
layout(local_size_x = FILTER_BLOCK) in;

layout(push_constant, std430) uniform Push { FilterUnitsPush push; };

layout(buffer_reference, std430, buffer_reference_align = 16) readonly buffer UnitVector {
  ivec4 at[];
};
layout(buffer_reference, std430, buffer_reference_align = 16) writeonly buffer Groups {
  uvec4 at[];
};
layout(buffer_reference, std430, buffer_reference_align = 8) writeonly buffer Distances {
  uint64_t at[];
};

shared uint64_t squares[FILTER_BLOCK];

// The bits of the nearest number with `bits` significant ones, which `value`, at most 2^30, becomes,
// behind an exponent that is the place of its first bit.
uint rounded(uint value, uint bits) {
  const int first = findMSB(value);
  const int dropped = first - int(bits) + 1;
  const uint kept = dropped > 0 ? (value + (1u << (dropped - 1))) >> dropped : value << -dropped;
  // A carry into the next power of two goes into the exponent.
  return (uint(first) << (bits - 1)) + kept - (1u << (bits - 1));
}

// float16: a first bit at place p stands for 2^(p - 15), whose exponent is stored as p.
uint half_of(int value, out int error) {
  const uint size = uint(abs(value));
  if (size < 2) {  // not a normal number: 0
    error = value;
    return 0;
  }
  const uint bits = rounded(size, 11);
  const int first = int(bits >> 10);
  const uint kept = (bits & 0x3ffu) | 0x400u;
  const uint back = first > 10 ? kept << (first - 10) : kept >> (10 - first);
  error = int(size) - int(back);
  return bits | (value < 0 ? 0x8000u : 0u);
}

// float32, of value * 2^-30.
uint float_of(int value, out int error) {
  const uint size = uint(abs(value));
  error = 0;
  if (size == 0) return 0;
  const uint bits = rounded(size, 24);
  const int first = int(bits >> 23);
  const uint kept = (bits & 0x7fffffu) | 0x800000u;
  const uint back = first > 23 ? kept << (first - 23) : kept >> (23 - first);
  error = int(size) - int(back);
  return bits + ((127u - FIXED_POINT_BITS) << 23) | (value < 0 ? 0x80000000u : 0u);
}

void main() {
  const uint invocation = gl_LocalInvocationIndex;
  const uint groups = push.units_pitch / FILTER_GROUP;
  const uint block = push.first_block + gl_WorkGroupID.x;
  const uint row = block * FILTER_BLOCK + invocation;
  UnitVector unit = UnitVector(push.units + uint64_t(row) * push.units_pitch * 4);
  const uint group_bytes = FILTER_BLOCK * FILTER_GROUP * (HALF ? 2 : 4);
  uint64_t square = 0;
  for (uint g = 0; g < groups; ++g) {
    uint bits[FILTER_GROUP];
    [[unroll]] for (uint k = 0; k < FILTER_GROUP; ++k) {
      const int value = unit.at[g * 2 + k / 4][k % 4];
      int error;
      bits[k] = HALF ? half_of(value, error) : float_of(value, error);
      square += uint64_t(int64_t(error) * int64_t(error));
    }
    Groups to = Groups(push.filter_units + (uint64_t(block) * groups + g) * group_bytes);
    if (HALF) {
      uvec4 packed;
      [[unroll]] for (uint p = 0; p < 4; ++p) packed[p] = bits[2 * p] | (bits[2 * p + 1] << 16);
      to.at[invocation] = packed;
    } else {
      [[unroll]] for (uint h = 0; h < 2; ++h) {
        to.at[invocation * 2 + h] =
            uvec4(bits[4 * h], bits[4 * h + 1], bits[4 * h + 2], bits[4 * h + 3]);
      }
    }
  }
  squares[invocation] = square;
  barrier();
  if (invocation == 0) {
    for (uint i = 1; i < FILTER_BLOCK; ++i) square = max(square, squares[i]);
    Distances(push.distances).at[block] = square;
  }
}
