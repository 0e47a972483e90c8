// Diversity sequences on GPUs. Vectors of four sums are dealt to the invocations in rounds: the first
// ROUNDS stay in registers for the whole dispatch, and what does not fit there is in memory.
#version 460
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_shader_subgroup_arithmetic : require

#include "walk_i64.glsl"
#include "walk_gpu.glsl"

layout(constant_id = ROUNDS_ID) const uint ROUNDS = 8;  // at most 32

void main() {
  const uint invocation = gl_LocalInvocationIndex;
  const uint vectors = push.matrix_pitch / 4;
  const uint slot = Uints(push.slots).at[gl_WorkGroupID.x];
  Sums state = Sums(push.sums + uint64_t(slot) * push.matrix_pitch * 8);
  Uints latest = Uints(push.latest);
  Uints chosen = Uints(push.chosen + uint64_t(gl_WorkGroupID.x) * push.steps * 4);

  i64vec4 sums[ROUNDS + 1];  // one more: an array of none is not allowed
  [[unroll]] for (uint r = 0; r < ROUNDS; ++r) {
    const uint v = r * INVOCATIONS + invocation;
    if (push.fresh == 1 || v >= vectors) {
      sums[r] = first_sums(v * 4);
    } else {
      sums[r] = state.at[v];
    }
  }
  if (push.fresh == 1) {
    for (uint v = ROUNDS * INVOCATIONS + invocation; v < vectors; v += INVOCATIONS) {
      state.at[v] = first_sums(v * 4);
    }
  }

  const uint64_t first_block = block_address(0);
  uint live = 0;  // a bit for each round that had candidates at the latest look
  uint latest_row = latest.at[slot];
  for (uint step = 0; step < push.steps; ++step) {
    MatrixRow row = row_of_matrix(latest_row, first_block);
    const int weight = WEIGHTED ? Ints(push.weights).at[latest_row] : FIXED_POINT_ONE;
    const bvec4 is_latest = equal(uvec4(latest_row & 3), uvec4(0, 1, 2, 3));
    if (step % LOOK == 0) {
      live = 0;
      [[unroll]] for (uint r = 0; r < ROUNDS; ++r) live |= any_candidate(sums[r]) ? 1u << r : 0;
    }
    Candidate best = no_candidate();

    ivec4 cosines[ROUNDS + 1];
    [[unroll]] for (uint r = 0; r < ROUNDS; ++r) {
      const uint v = r * INVOCATIONS + invocation;
      cosines[r] = (live & (1u << r)) != 0 ? row.at[v] : ivec4(0);
    }
    [[unroll]] for (uint r = 0; r < ROUNDS; ++r) {
      const uint v = r * INVOCATIONS + invocation;
      sums[r] += contributions(cosines[r], weight);
      if (v == latest_row / 4) sums[r] = mix(sums[r], i64vec4(NOT_A_CANDIDATE), is_latest);
      best = better_of_four(best, sums[r], v * 4);
    }
    for (uint v = ROUNDS * INVOCATIONS + invocation; v < vectors; v += INVOCATIONS) {
      i64vec4 in_memory = state.at[v] + contributions(row.at[v], weight);
      if (v == latest_row / 4) in_memory = mix(in_memory, i64vec4(NOT_A_CANDIDATE), is_latest);
      state.at[v] = in_memory;
      best = better_of_four(best, in_memory, v * 4);
    }
    best = best_of_workgroup(best, step);
    latest_row = row_of(best);
    if (invocation == 0) chosen.at[step] = id_of(best);
  }

  [[unroll]] for (uint r = 0; r < ROUNDS; ++r) {
    const uint v = r * INVOCATIONS + invocation;
    if (v < vectors) state.at[v] = sums[r];
  }
  if (invocation == 0) latest.at[slot] = latest_row;
}
