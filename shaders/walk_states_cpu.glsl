// Steps of a walk for drivers that run shaders on the CPU. The states stay in a private array for
// the whole dispatch. A workgroup is one subgroup, so that no barrier is needed.
#include "walk_cpu.glsl"

void main() {
  const uint lane = gl_LocalInvocationIndex;
  const uint vectors = push.matrix_pitch / 4;
  const uint vectors_of_lane = vectors / INVOCATIONS;
  const uint slot = Uints(push.slots).at[gl_WorkGroupID.x];
  States kept = States(push.states + uint64_t(slot) * push.matrix_pitch * 8);
  Uints latest = Uints(push.latest);
  Uints chosen = Uints(push.chosen + uint64_t(gl_WorkGroupID.x) * push.steps * 4);
  uint latest_row = latest.at[slot];

  i64vec4 states[VECTORS_CAPACITY];
  uint live[VECTORS_CAPACITY];  // which vectors still had candidates, in any lane, when we began
  uint live_count = 0;
  for (uint g = 0; g < vectors_of_lane; ++g) {
    const uint v = g * INVOCATIONS + lane;
    if (push.fresh == 1) {
      const int texel = int(row_in_block(latest_row) * vectors + v);
      states[g] = first_states(v * 4, cosines_at(block_of(latest_row), texel));
    } else {
      states[g] = kept.at[v];
    }
    const bool any_here = any_candidate(states[g]);
    if (subgroupBallotBitCount(subgroupBallot(any_here)) > 0) live[live_count++] = g;
  }

  for (uint step = 0; step < push.steps; ++step) {
    const uint block = block_of(latest_row);
    const uint first_texel = row_in_block(latest_row) * vectors;
    const int weight = weight_of(latest_row);
    const bvec4 is_latest = equal(uvec4(latest_row & 3), uvec4(0, 1, 2, 3));
    const bool counts = start_counts() || push.fresh == 0 || step > 0;
    Candidate best = no_candidate();
    for (uint k = 0; k < live_count; ++k) {
      const uint g = live[k];
      const uint v = g * INVOCATIONS + lane;
      ivec4 cosines = cosines_at(block, int(first_texel + v));
      cosines = counts ? cosines : ivec4(NO_COSINE);
      i64vec4 next = next_states(states[g], cosines, weight);
      if (v == latest_row / 4) next = without(next, is_latest);
      states[g] = next;
      best = better_of_four(best, next, v * 4);
    }
    best = best_of_subgroup(identified(best));
    latest_row = row_of(best);
    if (lane == 0) chosen.at[step] = id_of(best);
  }

  for (uint g = 0; g < vectors_of_lane; ++g) kept.at[g * INVOCATIONS + lane] = states[g];
  if (lane == 0) latest.at[slot] = latest_row;
}
