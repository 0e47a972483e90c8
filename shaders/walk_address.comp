// Diversity sequences on GPUs. Vectors of four sums are dealt to the invocations in rounds: the first
// ROUNDS stay in registers for the whole dispatch, and what does not fit there is in memory.
#version 460
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_shader_subgroup_arithmetic : require

#include "walk.glsl"

layout(constant_id = 3) const uint ROUNDS = 8;

layout(buffer_reference, std430, buffer_reference_align = 16) readonly buffer MatrixRow {
  ivec4 at[];
};

// The best of each subgroup, of two steps in turn: a subgroup may write the next step's while
// another still reads this step's. Subgroups have four invocations or more.
shared Candidate subgroup_best[2][INVOCATIONS / 4];

uint64_t row_address(uint i) {
  const uint64_t block = Addresses(push.blocks).at[i >> push.block_shift];
  return block + uint64_t(i & ((1u << push.block_shift) - 1)) * push.matrix_pitch * 4;
}

Candidate best_of_workgroup(Candidate mine, uint step) {
  const uint turn = step & 1;
  const Candidate ours = best_of_subgroup(mine);
  if (subgroupElect()) subgroup_best[turn][gl_SubgroupID] = ours;
  barrier();
  Candidate best = no_candidate();
  for (uint s = gl_SubgroupInvocationID; s < gl_NumSubgroups; s += gl_SubgroupSize) {
    best = better(best, subgroup_best[turn][s]);
  }
  return best_of_subgroup(best);
}

void main() {
  const uint invocation = gl_LocalInvocationIndex;
  const uint vectors = push.matrix_pitch / 4;
  const uint slot = Items(push.slots).at[gl_WorkGroupID.x];
  Sums state = Sums(push.sums + uint64_t(slot) * push.matrix_pitch * 8);
  Items latest = Items(push.latest);
  Items chosen = Items(push.chosen + uint64_t(gl_WorkGroupID.x) * push.steps * 4);

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

  uint item = latest.at[slot];
  for (uint step = 0; step < push.steps; ++step) {
    MatrixRow row = MatrixRow(row_address(item));
    const int weight = WEIGHTED ? Integers(push.weights).at[item] : FIXED_POINT_ONE;
    const bvec4 is_item = equal(uvec4(item & 3), uvec4(0, 1, 2, 3));
    Candidate best = no_candidate();

    ivec4 cosines[ROUNDS + 1];
    [[unroll]] for (uint r = 0; r < ROUNDS; ++r) {
      const uint v = r * INVOCATIONS + invocation;
      cosines[r] = v < vectors ? row.at[v] : ivec4(0);
    }
    [[unroll]] for (uint r = 0; r < ROUNDS; ++r) {
      const uint v = r * INVOCATIONS + invocation;
      sums[r] += contribution(cosines[r], weight);
      if (v == item / 4) sums[r] = mix(sums[r], i64vec4(NOT_A_CANDIDATE), is_item);
      best = better_of_four(best, sums[r], v * 4);
    }
    for (uint v = ROUNDS * INVOCATIONS + invocation; v < vectors; v += INVOCATIONS) {
      i64vec4 in_memory = state.at[v] + contribution(row.at[v], weight);
      if (v == item / 4) in_memory = mix(in_memory, i64vec4(NOT_A_CANDIDATE), is_item);
      state.at[v] = in_memory;
      best = better_of_four(best, in_memory, v * 4);
    }

    item = best_of_workgroup(best, step).item;
    if (invocation == 0) chosen.at[step] = item;
  }

  [[unroll]] for (uint r = 0; r < ROUNDS; ++r) {
    const uint v = r * INVOCATIONS + invocation;
    if (v < vectors) state.at[v] = sums[r];
  }
  if (invocation == 0) latest.at[slot] = item;
}
