// Steps of a walk on a GPU. Vectors of four states are dealt to the invocations in rounds: the
// first ROUNDS stay in registers for the whole dispatch, and what does not fit there is in memory.
#include "walk_gpu.glsl"

layout(constant_id = ROUNDS_ID) const uint ROUNDS = 8;  // at most 32

void main() {
  const uint invocation = gl_LocalInvocationIndex;
  const uint vectors = push.matrix_pitch / 4;
  const uint slot = Uints(push.slots).at[gl_WorkGroupID.x];
  States kept = States(push.states + uint64_t(slot) * push.matrix_pitch * 8);
  Uints latest = Uints(push.latest);
  Uints chosen = Uints(push.chosen + uint64_t(gl_WorkGroupID.x) * push.steps * 4);
  const uint64_t first_block = block_address(0);
  uint latest_row = latest.at[slot];

  MatrixRow row = row_of_matrix(latest_row, first_block);
  i64vec4 states[ROUNDS + 1];  // one more: an array of none is not allowed
  [[unroll]] for (uint r = 0; r < ROUNDS; ++r) {
    const uint v = r * INVOCATIONS + invocation;
    if (push.fresh == 1 || v >= vectors) {
      states[r] = first_states(v * 4, row.at[min(v, vectors - 1)]);
    } else {
      states[r] = kept.at[v];
    }
  }
  if (push.fresh == 1) {
    for (uint v = ROUNDS * INVOCATIONS + invocation; v < vectors; v += INVOCATIONS) {
      kept.at[v] = first_states(v * 4, row.at[v]);
    }
  }

  uint live = 0;  // a bit for each round that had candidates at the latest look
  for (uint step = 0; step < push.steps; ++step) {
    row = row_of_matrix(latest_row, first_block);
    const int weight = weight_of(latest_row);
    const bvec4 is_latest = equal(uvec4(latest_row & 3), uvec4(0, 1, 2, 3));
    const bool counts = start_counts() || push.fresh == 0 || step > 0;
    if (step % LOOK == 0) {
      live = 0;
      [[unroll]] for (uint r = 0; r < ROUNDS; ++r) live |= any_candidate(states[r]) ? 1u << r : 0;
    }
    const uint read = counts ? live : 0;  // the rounds whose cosines are wanted
    Candidate best = no_candidate();

    ivec4 cosines[ROUNDS + 1];
    [[unroll]] for (uint r = 0; r < ROUNDS; ++r) {
      const uint v = r * INVOCATIONS + invocation;
      cosines[r] = (read & (1u << r)) != 0 ? row.at[v] : ivec4(NO_COSINE);
    }
    [[unroll]] for (uint r = 0; r < ROUNDS; ++r) {
      const uint v = r * INVOCATIONS + invocation;
      states[r] = next_states(states[r], cosines[r], weight);
      if (v == latest_row / 4) states[r] = without(states[r], is_latest);
      best = better_of_four(best, states[r], v * 4);
    }
    for (uint v = ROUNDS * INVOCATIONS + invocation; v < vectors; v += INVOCATIONS) {
      const ivec4 in_row = counts ? row.at[v] : ivec4(NO_COSINE);
      i64vec4 in_memory = next_states(kept.at[v], in_row, weight);
      if (v == latest_row / 4) in_memory = without(in_memory, is_latest);
      kept.at[v] = in_memory;
      best = better_of_four(best, in_memory, v * 4);
    }
    best = best_of_workgroup(identified(best), step);
    latest_row = row_of(best);
    if (invocation == 0) chosen.at[step] = id_of(best);
  }

  [[unroll]] for (uint r = 0; r < ROUNDS; ++r) {
    const uint v = r * INVOCATIONS + invocation;
    if (v < vectors) kept.at[v] = states[r];
  }
  if (invocation == 0) latest.at[slot] = latest_row;
}
