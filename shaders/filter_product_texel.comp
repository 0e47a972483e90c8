// filter_product_float.comp for drivers that run shaders on the CPU: texels are what they load with vector instructions. A
// workgroup is one subgroup, which takes a tile in pieces of LANES rows and 64 columns. Its lanes load a texel (eight
// dimensions) of a row each, which is broadcast, and of ITEMS columns each.
#version 460
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_shader_subgroup_ballot : require
#include "filter_product.glsl"

layout(local_size_x_id = WORKGROUP_SIZE_ID) in;
layout(constant_id = WORKGROUP_SIZE_ID) const uint LANES = 8;  // the subgroup's; divides COLUMNS

const uint COLUMNS = 64;
const uint ITEMS = COLUMNS / LANES;

// Of the items, and of the rows.
layout(set = 0, binding = 0) uniform isamplerBuffer halves[2];

void products_of_lanes(uint first_row, uint first_column) {
  const uint lane = gl_LocalInvocationID.x;
  const int texels = int(push.halves_pitch / 8);
  const int row_texel = int(first_row + lane) * texels;
  int column_texel[ITEMS];
  [[unroll]] for (uint i = 0; i < ITEMS; ++i) {
    column_texel[i] = int(min(first_column + i * LANES + lane, push.n - 1)) * texels;
  }
  float sums[LANES * ITEMS];
  [[unroll]] for (uint s = 0; s < LANES * ITEMS; ++s) sums[s] = 0;
  for (int texel = 0; texel < texels; ++texel) {
    const ivec4 rows = texelFetch(halves[1], row_texel + texel);
    ivec4 columns[ITEMS];
    [[unroll]] for (uint i = 0; i < ITEMS; ++i) {
      columns[i] = texelFetch(halves[0], column_texel[i] + texel);
    }
    [[unroll]] for (uint p = 0; p < 4; ++p) {
      const vec2 of_rows = unpackHalf2x16(uint(rows[p]));
      vec2 of_columns[ITEMS];
      [[unroll]] for (uint i = 0; i < ITEMS; ++i) of_columns[i] = unpackHalf2x16(uint(columns[i][p]));
      [[unroll]] for (uint r = 0; r < LANES; ++r) {
        const vec2 factor = subgroupBroadcast(of_rows, r);
        [[unroll]] for (uint i = 0; i < ITEMS; ++i) {
          const uint s = r * ITEMS + i;
          sums[s] = fma(of_columns[i].y, factor.y, fma(of_columns[i].x, factor.x, sums[s]));
        }
      }
    }
  }

  // These drivers skip no branch, but end a loop: so bits say what is taken, which is little. That loop is in no other,
  // which would not be unrolled then, and have sums in memory.
  const float threshold = threshold_of(first_row + lane);
  uvec2 taken = uvec2(0);
  [[unroll]] for (uint s = 0; s < LANES * ITEMS; ++s) {
    if (sums[s] >= subgroupBroadcast(threshold, s / ITEMS)) taken[s / 32] |= 1u << s % 32;
  }
  while (taken != uvec2(0)) {
    const uint word = taken.x != 0 ? 0 : 1;
    const uint place = 32 * word + findLSB(taken[word]);
    taken[word] &= taken[word] - 1;
    float product = 0;
    [[unroll]] for (uint s = 0; s < LANES * ITEMS; ++s) {
      if (s == place) product = sums[s];
    }
    add_candidate(first_row + place / ITEMS, first_column + place % ITEMS * LANES + lane, product);
  }
}

void main() {
  const uvec2 tile = tile_of_workgroup();
  for (uint column = 0; column < SIDE; column += COLUMNS) {
    for (uint row = 0; row < SIDE; row += LANES) products_of_lanes(tile.x + row, tile.y + column);
  }
}
