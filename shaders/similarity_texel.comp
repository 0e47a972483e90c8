// Cosine similarities for drivers that run shaders on the CPU. There, loads are the cost, and
// texels are the one kind that is loaded with vector instructions. A workgroup is one subgroup: its
// lanes load a texel (four dimensions) of as many row items at once, and of COLUMNS column items
// each; every row item's is broadcast to all lanes and multiplied with those.
#version 460
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_shader_subgroup_ballot : require
#include "similarity_output.glsl"

layout(local_size_x_id = WORKGROUP_SIZE_ID) in;
layout(constant_id = WORKGROUP_SIZE_ID) const uint LANES = 8;  // the subgroup's; divides TILE
layout(constant_id = TILE_SIDE_ID) const uint TILE = 64;
layout(constant_id = COLUMNS_PER_LANE_ID) const uint COLUMNS = 1;  // times LANES divides TILE

// Those of what has rows in the output, and of what has columns.
layout(set = 0, binding = 0) uniform isamplerBuffer units[2];

layout(buffer_reference, std430, buffer_reference_align = 4) writeonly buffer OutputElements {
  int at[];
};

// Of row items i, i + 1, ... i + LANES - 1 and column items j, j + 1, ... j + COLUMNS * LANES - 1.
void cosines_of_lanes(uint i, uint j) {
  const uint lane = gl_LocalInvocationID.x;
  const int texel_pitch = int(push.units_pitch / 4);
  const int row_texel = int(units_row(i + lane)) * texel_pitch;
  int column_texel[COLUMNS];
  int64_t sums[COLUMNS * LANES];
  [[unroll]] for (uint c = 0; c < COLUMNS; ++c) {
    column_texel[c] = int(units_row(j + c * LANES + lane)) * texel_pitch;
    [[unroll]] for (uint r = 0; r < LANES; ++r) sums[c * LANES + r] = 0;
  }
  for (int texel = 0; texel < texel_pitch; ++texel) {
    const ivec4 rows = texelFetch(units[0], row_texel + texel);
    ivec4 columns[COLUMNS];
    [[unroll]] for (uint c = 0; c < COLUMNS; ++c) {
      columns[c] = texelFetch(units[1], column_texel[c] + texel);
    }
    [[unroll]] for (uint r = 0; r < LANES; ++r) {
      const ivec4 row = subgroupBroadcast(rows, r);
      [[unroll]] for (uint c = 0; c < COLUMNS; ++c) {
        [[unroll]] for (uint k = 0; k < 4; ++k) {
          sums[c * LANES + r] += int64_t(row[k]) * int64_t(columns[c][k]);
        }
      }
    }
  }
  [[unroll]] for (uint c = 0; c < COLUMNS; ++c) {
    const uint column = j + c * LANES + lane;
    [[unroll]] for (uint r = 0; r < LANES; ++r) {
      const int value = cosine(sums[c * LANES + r], i + r, column);
      if (has_output_row(i + r)) OutputElements(output_row(i + r)).at[column] = value;
      if (push.triangle == 1 && has_output_row(column)) {
        OutputElements(output_row(column)).at[i + r] = value;
      }
    }
  }
}

void main() {
  const uvec2 tile = tile_of_workgroup();
  const uint first_row_item = push.first_item + tile.x * TILE;
  const uint first_column_item = tile.y * TILE;
  for (uint i = 0; i < TILE; i += LANES) {
    for (uint j = 0; j < TILE; j += COLUMNS * LANES) {
      cosines_of_lanes(first_row_item + i, first_column_item + j);
    }
  }
}
