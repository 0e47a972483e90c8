// Products of a tile of unit vectors in float32: an invocation 8 x 8, from slices in shared memory.
#version 460
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require
#extension GL_GOOGLE_include_directive : require
#include "filter_product.glsl"

layout(local_size_x = 256) in;

const uint SLICE = 16;
const uint PAD = 1;  // vectors, so that the transposed stores spread over the banks

// [dimension][row / 4]: an invocation reads the same dimension of four rows at once.
shared vec4 row_slice[SLICE][SIDE / 4 + PAD];
shared vec4 column_slice[SLICE][SIDE / 4 + PAD];

void main() {
  const uvec2 first = tile_of_workgroup();
  // Each invocation brings eight dimensions of one row and of one column.
  const uint local = gl_LocalInvocationIndex;
  const uint item = local / 2;
  const uint eighth = local % 2;
  Halves row_source = row_halves(first.x + item);
  Halves column_source = item_halves(first.y + item);
  const uint x = local % 16;
  const uint y = local / 16;

  float sums[8][8];
  [[unroll]] for (uint r = 0; r < 8; ++r) {
    [[unroll]] for (uint c = 0; c < 8; ++c) sums[r][c] = 0;
  }
  uvec4 row_next = row_source.at[eighth];
  uvec4 column_next = column_source.at[eighth];
  const uint eighths = push.halves_pitch / 8;
  for (uint slice = 0; slice < eighths; slice += SLICE / 8) {
    barrier();
    [[unroll]] for (uint c = 0; c < 4; ++c) {
      const vec2 of_row = unpackHalf2x16(row_next[c]);
      const vec2 of_column = unpackHalf2x16(column_next[c]);
      const uint k = eighth * 8 + c * 2;
      row_slice[k][item / 4][item % 4] = of_row.x;
      row_slice[k + 1][item / 4][item % 4] = of_row.y;
      column_slice[k][item / 4][item % 4] = of_column.x;
      column_slice[k + 1][item / 4][item % 4] = of_column.y;
    }
    barrier();
    // The next slice travels while this one is multiplied; the last one is read again for nothing.
    const uint ahead = min(slice + SLICE / 8, eighths - SLICE / 8);
    row_next = row_source.at[ahead + eighth];
    column_next = column_source.at[ahead + eighth];
    // Drivers compile for long what is unrolled further.
    // All of it is unrolled: else sums are not in registers, and an H100 takes twenty times as long.
    [[unroll]] for (uint k = 0; k < SLICE; ++k) {
      const vec4 a0 = row_slice[k][y];
      const vec4 a1 = row_slice[k][y + 16];
      const vec4 b0 = column_slice[k][x];
      const vec4 b1 = column_slice[k][x + 16];
      const float a[8] = {a0.x, a0.y, a0.z, a0.w, a1.x, a1.y, a1.z, a1.w};
      const float b[8] = {b0.x, b0.y, b0.z, b0.w, b1.x, b1.y, b1.z, b1.w};
      [[unroll]] for (uint r = 0; r < 8; ++r) {
        [[unroll]] for (uint c = 0; c < 8; ++c) sums[r][c] = fma(a[r], b[c], sums[r][c]);
      }
    }
  }

  // Few are taken, but for the first tiles. There is one copy of what that takes: with 64, NVIDIA's driver compiles
  // for 45 s.
  [[dont_unroll]] for (uint r = 0; r < 8; ++r) {
    float of_row[8];
    [[unroll]] for (uint c = 0; c < 8; ++c) {
      of_row[c] = sums[0][c];
      [[unroll]] for (uint other = 1; other < 8; ++other) {
        if (r == other) of_row[c] = sums[other][c];
      }
    }
    const uint row = first.x + y * 4 + r % 4 + r / 4 * (SIDE / 2);
    const float threshold = threshold_of(row);
    float greatest = of_row[0];
    [[unroll]] for (uint c = 1; c < 8; ++c) greatest = max(greatest, of_row[c]);
    if (greatest < threshold) continue;
    [[dont_unroll]] for (uint c = 0; c < 8; ++c) {
      float product = of_row[0];
      [[unroll]] for (uint other = 1; other < 8; ++other) {
        if (c == other) product = of_row[other];
      }
      const uint column = first.y + x * 4 + c % 4 + c / 4 * (SIDE / 2);
      if (product >= threshold) add_candidate(row, column, product);
    }
  }
}
