// What the filter begins with for each row, an invocation each.
#version 460
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require
#extension GL_GOOGLE_include_directive : require
#include "interface.h"

layout(local_size_x = 64) in;

layout(push_constant, std430) uniform Push { FilterRowsPush push; };

layout(buffer_reference, std430, buffer_reference_align = 4) buffer Uints {
  uint at[];
};
layout(buffer_reference, std430, buffer_reference_align = 4) writeonly buffer Floats {
  float at[];
};

void main() {
  const uint row = gl_GlobalInvocationID.x;
  if (row >= push.padded) return;
  const bool is_there = row < push.count;
  const uint item = push.first_item + row;
  const float infinite = uintBitsToFloat(0x7f800000u);
  Floats(push.thresholds).at[row] = is_there ? -infinite : infinite;
  Uints(push.counts).at[row] = push.taken;
  uint own = FIRST_QUERY;  // no row
  if (is_there && item < FIRST_QUERY) own = Uints(push.units_rows).at[item];
  Uints(push.own_rows).at[row] = own;
}
