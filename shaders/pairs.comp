// Cosine similarities of arbitrary pairs of items, a pair an invocation.
#version 460
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require
#extension GL_GOOGLE_include_directive : require
#include "interface.h"
#include "fixed_point.glsl"

layout(local_size_x = PAIRS_AT_ONCE) in;

layout(push_constant, std430) uniform Push { PairsPush push; };

layout(buffer_reference, std430, buffer_reference_align = 16) readonly buffer UnitVector {
  ivec4 at[];
};
layout(buffer_reference, std430, buffer_reference_align = 4) readonly buffer Uints {
  uint at[];
};
layout(buffer_reference, std430, buffer_reference_align = 8) readonly buffer Pairs {
  uvec2 at[];
};
layout(buffer_reference, std430, buffer_reference_align = 4) writeonly buffer Cosines {
  int at[];
};

UnitVector unit_vector(uint id) {
  return UnitVector(push.units + uint64_t(Uints(push.rows).at[id]) * push.units_pitch * 4);
}

void main() {
  // Invocations too many do the last pair again, so that none reads beyond the end.
  const uint p = min(gl_GlobalInvocationID.x, push.count - 1);
  const uvec2 ids = Pairs(push.pairs).at[p];
  UnitVector a = unit_vector(ids.x);
  UnitVector b = unit_vector(ids.y);
  int64_t sum = 0;
  for (uint v = 0; v < push.units_pitch / 4; ++v) {
    const ivec4 x = a.at[v];
    const ivec4 y = b.at[v];
    [[unroll]] for (uint k = 0; k < 4; ++k) sum += int64_t(x[k]) * int64_t(y[k]);
  }
  Cosines(push.cosines).at[p] = cosine(sum, ids.x, ids.y);
}
