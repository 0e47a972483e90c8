// Diversity sequences on GPUs. Sums are kept in registers, GROUPS vectors of four an invocation, as
// far as they go, and the others in memory.
#version 460
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_shader_subgroup_arithmetic : require

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint INVOCATIONS = 256;  // of the workgroup
layout(constant_id = 1) const bool WEIGHTED = false;
layout(constant_id = 2) const uint GROUPS = 8;  // of four sums in an invocation's registers

#include "walk.glsl"

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
  Candidate best = Candidate(NOT_A_CANDIDATE, 0xffffffffu);
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

  i64vec4 sums[GROUPS + 1];  // one more: an array of none is not allowed
  [[unroll]] for (uint g = 0; g < GROUPS; ++g) {
    const uint v = g * INVOCATIONS + invocation;
    if (push.fresh == 1 || v >= vectors) {
      sums[g] = first_sums(v * 4);
    } else {
      sums[g] = state.at[v];
    }
  }
  if (push.fresh == 1) {
    for (uint v = GROUPS * INVOCATIONS + invocation; v < vectors; v += INVOCATIONS) {
      state.at[v] = first_sums(v * 4);
    }
  }

  uint item = latest.at[slot];
  for (uint step = 0; step < push.steps; ++step) {
    MatrixRow row = MatrixRow(row_address(item));
    const int weight = WEIGHTED ? Integers(push.weights).at[item] : FIXED_POINT_ONE;
    const bvec4 is_item = equal(uvec4(item & 3), uvec4(0, 1, 2, 3));
    Candidate best = Candidate(NOT_A_CANDIDATE, 0xffffffffu);

    ivec4 cosines[GROUPS + 1];
    [[unroll]] for (uint g = 0; g < GROUPS; ++g) {
      const uint v = g * INVOCATIONS + invocation;
      cosines[g] = v < vectors ? row.at[v] : ivec4(0);
    }
    [[unroll]] for (uint g = 0; g < GROUPS; ++g) {
      const uint v = g * INVOCATIONS + invocation;
      sums[g] += contribution(cosines[g], weight);
      if (v == item / 4) sums[g] = mix(sums[g], i64vec4(NOT_A_CANDIDATE), is_item);
      best = better_of_four(best, sums[g], v * 4);
    }
    for (uint v = GROUPS * INVOCATIONS + invocation; v < vectors; v += INVOCATIONS) {
      i64vec4 in_memory = state.at[v] + contribution(row.at[v], weight);
      if (v == item / 4) in_memory = mix(in_memory, i64vec4(NOT_A_CANDIDATE), is_item);
      state.at[v] = in_memory;
      best = better_of_four(best, in_memory, v * 4);
    }

    item = best_of_workgroup(best, step).item;
    if (invocation == 0) chosen.at[step] = item;
  }

  [[unroll]] for (uint g = 0; g < GROUPS; ++g) {
    const uint v = g * INVOCATIONS + invocation;
    if (v < vectors) state.at[v] = sums[g];
  }
  if (invocation == 0) latest.at[slot] = item;
}
