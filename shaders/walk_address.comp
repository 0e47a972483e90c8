// Diversity sequences on GPUs. Vectors of four sums are dealt to the invocations in rounds: the first
// ROUNDS stay in registers for the whole dispatch, and what does not fit there is in memory.
#version 460
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_shader_subgroup_arithmetic : require

#include "walk.glsl"

layout(constant_id = 3) const uint ROUNDS = 8;  // at most MOST_ROUNDS
layout(constant_id = 4) const bool ONE_BLOCK = true;  // the matrix is one allocation

const uint MOST_ROUNDS = 12;  // the host's kMostRounds

// Statements for each round. Written out rather than looped: compilers leave larger loops rolled up,
// and an array that is indexed by a variable is no longer in registers.
#define EACH_ROUND(DO) \
  DO(0) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7) DO(8) DO(9) DO(10) DO(11)

layout(buffer_reference, std430, buffer_reference_align = 16) readonly buffer MatrixRow {
  ivec4 at[];
};

// The best of each subgroup, of two steps in turn: a subgroup may write the next step's while
// another still reads this step's. Subgroups have four invocations or more.
shared Candidate subgroup_best[2][INVOCATIONS / 4];

uint64_t row_address(uint64_t first_block, uint i) {
  const uint64_t block = ONE_BLOCK ? first_block : Addresses(push.blocks).at[i >> push.block_shift];
  const uint in_block = ONE_BLOCK ? i : i & ((1u << push.block_shift) - 1);
  return block + uint64_t(in_block) * push.matrix_pitch * 4;
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

// What one step of a walk means for its sums.
struct Step {
  uint item;  // whose row is added
  int weight;
};

// Takes a step with four sums, from `column` on, and offers them as candidates to `best`.
i64vec4 advance(i64vec4 sums, ivec4 cosines, uint column, Step step, inout Candidate best) {
  sums += contribution(cosines, step.weight);
  if (column == (step.item & ~3u)) {
    sums = mix(sums, i64vec4(NOT_A_CANDIDATE), equal(uvec4(step.item & 3), uvec4(0, 1, 2, 3)));
  }
  best = better_of_four(best, sums, column);
  return sums;
}

void main() {
  const uint invocation = gl_LocalInvocationIndex;
  const uint vectors = push.matrix_pitch / 4;
  const uint slot = Items(push.slots).at[gl_WorkGroupID.x];
  Sums state = Sums(push.sums + uint64_t(slot) * push.matrix_pitch * 8);
  Items latest = Items(push.latest);
  Items chosen = Items(push.chosen + uint64_t(gl_WorkGroupID.x) * push.steps * 4);
  const uint64_t first_block = Addresses(push.blocks).at[0];

  i64vec4 sums[MOST_ROUNDS];
#define LOAD(r)                                                \
  if (r < ROUNDS) {                                            \
    const uint v = r * INVOCATIONS + invocation;               \
    sums[r] = first_sums(v * 4);                               \
    if (push.fresh == 0 && v < vectors) sums[r] = state.at[v]; \
  }
  EACH_ROUND(LOAD)
  if (push.fresh == 1) {
    for (uint v = ROUNDS * INVOCATIONS + invocation; v < vectors; v += INVOCATIONS) {
      state.at[v] = first_sums(v * 4);
    }
  }

  Step step;
  step.item = latest.at[slot];
  for (uint s = 0; s < push.steps; ++s) {
    MatrixRow row = MatrixRow(row_address(first_block, step.item));
    step.weight = WEIGHTED ? Integers(push.weights).at[step.item] : FIXED_POINT_ONE;
    Candidate best = no_candidate();

    ivec4 cosines[MOST_ROUNDS];
#define READ(r)                                                 \
  if (r < ROUNDS) {                                             \
    const uint v = r * INVOCATIONS + invocation;                \
    cosines[r] = v < vectors ? row.at[v] : ivec4(0);            \
  }
    EACH_ROUND(READ)
#define ADVANCE(r)                                                     \
  if (r < ROUNDS) {                                                    \
    const uint column = (r * INVOCATIONS + invocation) * 4;            \
    sums[r] = advance(sums[r], cosines[r], column, step, best);        \
  }
    EACH_ROUND(ADVANCE)
    for (uint v = ROUNDS * INVOCATIONS + invocation; v < vectors; v += INVOCATIONS) {
      state.at[v] = advance(state.at[v], row.at[v], v * 4, step, best);
    }

    step.item = best_of_workgroup(best, s).item;
    if (invocation == 0) chosen.at[s] = step.item;
  }

#define SAVE(r)                                   \
  if (r < ROUNDS) {                               \
    const uint v = r * INVOCATIONS + invocation;  \
    if (v < vectors) state.at[v] = sums[r];       \
  }
  EACH_ROUND(SAVE)
  if (invocation == 0) latest.at[slot] = step.item;
}
