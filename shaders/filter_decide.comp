// The k most similar of a row's candidates, by their exact cosines: a row a workgroup.
#version 460
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require
#extension GL_GOOGLE_include_directive : require
#include "interface.h"
#include "fixed_point.glsl"

layout(constant_id = WORKGROUP_SIZE_ID) const uint INVOCATIONS = 64;  // a power of two
layout(local_size_x_id = WORKGROUP_SIZE_ID) in;

layout(push_constant, std430) uniform Push { FilterDecidePush push; };

#include "filter_candidates.glsl"
#include "neighbor_keys.glsl"

layout(buffer_reference, std430, buffer_reference_align = 16) readonly buffer Units {
  ivec4 at[];
};
layout(buffer_reference, std430, buffer_reference_align = 4) readonly buffer Uints {
  uint at[];
};
layout(buffer_reference, std430, buffer_reference_align = 8) writeonly buffer Keys {
  uint64_t at[];
};

Units unit_vector(uint64_t units, uint row) {
  return Units(units + uint64_t(row) * push.units_pitch * 4);
}

void main() {
  const uint row = gl_WorkGroupID.x;
  const uint item = push.first_item + row;
  const uint count = Counts(push.counts).at[row];
  Keys result = Keys(push.neighbors + uint64_t(row) * push.k * 8);
  if (count > MOST_CANDIDATES) {
    if (gl_LocalInvocationIndex == 0) result.at[0] = ~uint64_t(0);
    return;
  }
  Candidates candidates = candidates_of_row();
  const uint own = item >= FIRST_QUERY ? item - FIRST_QUERY : Uints(push.units_rows).at[item];
  Units own_unit = unit_vector(push.row_units, own);
  for (uint c = gl_LocalInvocationIndex; c < count; c += INVOCATIONS) {
    const uint other = uint(candidates.at[c]);
    Units unit = unit_vector(push.units, other);
    int64_t sum = 0;
    for (uint v = 0; v < push.units_pitch / 4; ++v) {
      const ivec4 a = own_unit.at[v];
      const ivec4 b = unit.at[v];
      [[unroll]] for (uint k = 0; k < 4; ++k) sum += int64_t(a[k]) * int64_t(b[k]);
    }
    const uint id = Uints(push.ids).at[other];
    sorted[c] = key_of(cosine(sum, item, id), id);
  }
  sort(count, capacity_for(count));
  for (uint i = gl_LocalInvocationIndex; i < push.k; i += INVOCATIONS) result.at[i] = sorted[i];
}
