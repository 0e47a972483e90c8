// Diversity sequences for drivers that run shaders on the CPU, with sums of 32 bits. There, an
// element of a private array costs as much whatever its size: a lane's element is read and written
// by itself. So two sums share one of 64 bits.
#version 460
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_shader_subgroup_arithmetic : require

#include "walk_u32.glsl"
#include "walk_cpu.glsl"

void main() {
  const uint lane = gl_LocalInvocationIndex;
  const uint vectors = push.matrix_pitch / 4;
  const uint vectors_of_lane = vectors / INVOCATIONS;
  const uint slot = Uints(push.slots).at[gl_WorkGroupID.x];
  Sums state = Sums(push.states + uint64_t(slot) * push.matrix_pitch * 4);
  Uints latest = Uints(push.latest);
  Uints chosen = Uints(push.chosen + uint64_t(gl_WorkGroupID.x) * push.steps * 4);

  u64vec2 sums[VECTORS_CAPACITY];
  for (uint g = 0; g < vectors_of_lane; ++g) {
    const uint v = g * INVOCATIONS + lane;
    uvec4 four;
    if (push.fresh == 1) {
      four = first_sums(v * 4);
    } else {
      four = state.at[v];
    }
    sums[g] = u64vec2(packUint2x32(four.xy), packUint2x32(four.zw));
  }

  uint least = 0;  // the smallest candidate's sum
  bool overflow = false;
  uint latest_row = latest.at[slot];
  for (uint step = 0; step < push.steps; ++step) {
    const uint block = block_of(latest_row);
    const uint first_texel = row_in_block(latest_row) * vectors;
    const int weight = weight_of(latest_row);
    const bvec4 is_latest = equal(uvec4(latest_row & 3), uvec4(0, 1, 2, 3));
    const uint shift = uint(FIXED_POINT_ONE) - least;
    Candidate best = no_candidate();
    uint most = 0;  // the largest of our candidates' sums
    for (uint g = 0; g < vectors_of_lane; ++g) {
      const uint v = g * INVOCATIONS + lane;
      const ivec4 cosines = cosines_at(block, int(first_texel + v));
      const uvec4 before = uvec4(unpackUint2x32(sums[g].x), unpackUint2x32(sums[g].y));
      uvec4 now;
      [[unroll]] for (uint c = 0; c < 4; ++c) {
        const bool is_gone = before[c] == CHOSEN || (v == latest_row / 4 && is_latest[c]);
        const uint sum = before[c] + uint(contribution(cosines[c], weight)) + shift;
        now[c] = is_gone ? CHOSEN : sum;
        most = max(most, is_gone ? 0 : sum);
        const bool take = now[c] < best.sum;
        best.sum = take ? now[c] : best.sum;
        best.row = take ? v * 4 + c : best.row;
      }
      sums[g] = u64vec2(packUint2x32(now.xy), packUint2x32(now.zw));
    }
    best = best_of_subgroup(best);
    least = best.sum;
    overflow = overflow || overflows(least, most);
    latest_row = min(best.row, push.n - 1);  // after an overflow there may seem to be none
    if (lane == 0) chosen.at[step] = latest_row;
  }

  for (uint g = 0; g < vectors_of_lane; ++g) {
    const uvec4 four = uvec4(unpackUint2x32(sums[g].x), unpackUint2x32(sums[g].y));
    state.at[g * INVOCATIONS + lane] = kept(four, equal(four, uvec4(CHOSEN)), least);
  }
  if (lane == 0) latest.at[slot] = latest_row;
  if (overflow) Uints(push.overflow).at[0] = 1;
}
