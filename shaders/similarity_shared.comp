// Cosine similarities for GPUs: a workgroup computes a tile of 64 x 64, an invocation 4 x 4 of it,
// from slices of the unit vectors in shared memory.
#version 460
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require
#extension GL_GOOGLE_include_directive : require
#include "similarity_output.glsl"

layout(local_size_x = 16, local_size_y = 16) in;

const uint TILE = LARGEST_TILE_SIDE;
const uint SLICE = DIMENSIONS_PER_SLICE;
const uint PAD = 1;  // vectors, so that the transposed stores spread over the banks

layout(buffer_reference, std430, buffer_reference_align = 16) readonly buffer Units {
  ivec4 at[];
};

// [dimension][item / 4]: an invocation reads the same dimension of four items at once.
shared ivec4 row_slice[SLICE][TILE / 4 + PAD];
shared ivec4 column_slice[SLICE][TILE / 4 + PAD];

void main() {
  const uvec2 tile = tile_of_workgroup();
  const uint first_row_item = push.first_item + tile.x * TILE;
  const uint first_column_item = tile.y * TILE;

  // Each invocation brings four dimensions of one row and one column item.
  const uint local = gl_LocalInvocationIndex;
  const uint item = local / (SLICE / 4);
  const uint dims = local % (SLICE / 4);
  const uint vector_pitch = push.units_pitch / 4;
  Units row_source = Units(push.row_units + uint64_t(units_row(first_row_item + item)) * push.units_pitch * 4);
  Units column_source = Units(push.units + uint64_t(units_row(first_column_item + item)) * push.units_pitch * 4);

  int64_t sums[4][4];
  [[unroll]] for (uint r = 0; r < 4; ++r) {
    [[unroll]] for (uint c = 0; c < 4; ++c) sums[r][c] = 0;
  }

  ivec4 row_next = row_source.at[dims];
  ivec4 column_next = column_source.at[dims];
  for (uint slice = 0; slice < vector_pitch; slice += SLICE / 4) {
    barrier();
    [[unroll]] for (uint k = 0; k < 4; ++k) {
      row_slice[dims * 4 + k][item / 4][item % 4] = row_next[k];
      column_slice[dims * 4 + k][item / 4][item % 4] = column_next[k];
    }
    barrier();
    // The next slice travels while this one is multiplied; the last one is read again for nothing.
    const uint ahead = min(slice + SLICE / 4, vector_pitch - SLICE / 4);
    row_next = row_source.at[ahead + dims];
    column_next = column_source.at[ahead + dims];
    [[unroll]] for (uint k = 0; k < SLICE; ++k) {
      const ivec4 a = row_slice[k][gl_LocalInvocationID.y];
      const ivec4 b = column_slice[k][gl_LocalInvocationID.x];
      [[unroll]] for (uint r = 0; r < 4; ++r) {
        [[unroll]] for (uint c = 0; c < 4; ++c) {
          sums[r][c] += int64_t(a[r]) * int64_t(b[c]);
        }
      }
    }
  }

  const uint i = first_row_item + gl_LocalInvocationID.y * 4;
  const uint j = first_column_item + gl_LocalInvocationID.x * 4;
  ivec4 cosines[4];
  [[unroll]] for (uint r = 0; r < 4; ++r) {
    [[unroll]] for (uint c = 0; c < 4; ++c) cosines[r][c] = cosine(sums[r][c], i + r, j + c);
    if (has_output_row(i + r)) OutputRow(output_row(i + r)).at[j / 4] = cosines[r];
  }
  if (push.triangle == 0 || tile.x == tile.y) return;
  [[unroll]] for (uint c = 0; c < 4; ++c) {
    const ivec4 mirrored = ivec4(cosines[0][c], cosines[1][c], cosines[2][c], cosines[3][c]);
    if (has_output_row(j + c)) OutputRow(output_row(j + c)).at[i / 4] = mirrored;
  }
}
