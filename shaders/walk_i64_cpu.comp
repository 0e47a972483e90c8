// Diversity sequences for drivers that run shaders on the CPU. The sums stay in a private array for
// the whole dispatch. A workgroup is one subgroup, so that no barrier is needed.
#version 460
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_shader_subgroup_arithmetic : require
#extension GL_KHR_shader_subgroup_ballot : require

#include "walk_i64.glsl"
#include "walk_cpu.glsl"

void main() {
  const uint lane = gl_LocalInvocationIndex;
  const uint vectors = push.matrix_pitch / 4;
  const uint vectors_of_lane = vectors / INVOCATIONS;
  const uint slot = Uints(push.slots).at[gl_WorkGroupID.x];
  Sums state = Sums(push.sums + uint64_t(slot) * push.matrix_pitch * 8);
  Uints latest = Uints(push.latest);
  Uints chosen = Uints(push.chosen + uint64_t(gl_WorkGroupID.x) * push.steps * 4);

  i64vec4 sums[VECTORS_CAPACITY];
  uint live[VECTORS_CAPACITY];  // which vectors still had candidates, in any lane, when we began
  uint live_count = 0;
  for (uint g = 0; g < vectors_of_lane; ++g) {
    const uint v = g * INVOCATIONS + lane;
    if (push.fresh == 1) {
      sums[g] = first_sums(v * 4);
    } else {
      sums[g] = state.at[v];
    }
    const bool any_here = any_candidate(sums[g]);
    if (subgroupBallotBitCount(subgroupBallot(any_here)) > 0) live[live_count++] = g;
  }

  uint latest_row = latest.at[slot];
  for (uint step = 0; step < push.steps; ++step) {
    const uint block = block_of(latest_row);
    const uint first_texel = row_in_block(latest_row) * vectors;
    const int weight = WEIGHTED ? Ints(push.weights).at[latest_row] : FIXED_POINT_ONE;
    const bvec4 is_latest = equal(uvec4(latest_row & 3), uvec4(0, 1, 2, 3));
    Candidate best = no_candidate();
    for (uint k = 0; k < live_count; ++k) {
      const uint g = live[k];
      const uint v = g * INVOCATIONS + lane;
      i64vec4 next = sums[g] + contributions(cosines_at(block, int(first_texel + v)), weight);
      if (v == latest_row / 4) next = mix(next, i64vec4(NOT_A_CANDIDATE), is_latest);
      sums[g] = next;
      best = better_of_four(best, next, v * 4);
    }
    best = best_of_subgroup(best);
    latest_row = row_of(best);
    if (lane == 0) chosen.at[step] = id_of(best);
  }

  for (uint g = 0; g < vectors_of_lane; ++g) state.at[g * INVOCATIONS + lane] = sums[g];
  if (lane == 0) latest.at[slot] = latest_row;
}
