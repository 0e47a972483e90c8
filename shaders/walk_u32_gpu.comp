// Diversity sequences on GPUs, with sums of 32 bits: half the registers of int64 ones, so that more
// workgroups share a multiprocessor and hide each other's waiting. Vectors of four sums are dealt
// to the invocations in rounds: the first ROUNDS stay in registers for the whole dispatch, others are
// in memory.
#version 460
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_shader_subgroup_arithmetic : require

#include "walk_u32.glsl"
#include "walk_gpu.glsl"

layout(constant_id = ROUNDS_ID) const uint ROUNDS = 8;  // at most 32
layout(constant_id = ROUNDS_IN_FLIGHT_ID) const uint ROUNDS_IN_FLIGHT = 4;

// What a step finds out about candidates.
struct Found {
  Candidate best;
  uint most;  // the largest of our candidates' sums
};

// Takes in a candidate's sum. Rows come in order.
void take_in(inout Found found, bool is_gone, uint sum, uint row) {
  found.most = max(found.most, is_gone ? 0 : sum);
  const bool take = !is_gone && sum < found.best.sum;
  found.best.sum = take ? sum : found.best.sum;
  found.best.row = take ? row : found.best.row;
}

void main() {
  const uint invocation = gl_LocalInvocationIndex;
  const uint vectors = push.matrix_pitch / 4;
  const uint first_in_memory = ROUNDS * INVOCATIONS + invocation;
  const uint slot = Uints(push.slots).at[gl_WorkGroupID.x];
  Sums state = Sums(push.states + uint64_t(slot) * push.matrix_pitch * 4);
  Uints latest = Uints(push.latest);
  Uints chosen = Uints(push.chosen + uint64_t(gl_WorkGroupID.x) * push.steps * 4);

  uvec4 sums[ROUNDS];           // above the smallest candidate's before the latest step
  uint gone[(ROUNDS + 7) / 8];  // a bit a sum: its item is chosen, or padding
  [[unroll]] for (uint w = 0; w < (ROUNDS + 7) / 8; ++w) gone[w] = 0;
  [[unroll]] for (uint r = 0; r < ROUNDS; ++r) {
    const uint v = r * INVOCATIONS + invocation;
    if (push.fresh == 1 || v >= vectors) {
      sums[r] = first_sums(v * 4);
    } else {
      sums[r] = state.at[v];
    }
    [[unroll]] for (uint c = 0; c < 4; ++c) {
      if (sums[r][c] == CHOSEN) gone[r / 8] |= 1u << (r % 8 * 4 + c);
    }
  }

  if (push.fresh == 1) {
    for (uint v = first_in_memory; v < vectors; v += INVOCATIONS) state.at[v] = first_sums(v * 4);
  }

  const uint64_t first_block = block_address(0);
  uint live = 0;   // a bit for each round that had candidates at the latest look
  uint least = 0;  // the smallest candidate's sum
  bool overflow = false;
  uint latest_row = latest.at[slot];
  for (uint step = 0; step < push.steps; ++step) {
    MatrixRow row = row_of_matrix(latest_row, first_block);
    const int weight = weight_of(latest_row);
    if (step % LOOK == 0) {
      live = 0;
      [[unroll]] for (uint r = 0; r < ROUNDS; ++r) {
        const bool any_candidate = bitfieldExtract(gone[r / 8], int(r % 8 * 4), 4) != 15;
        live |= any_candidate ? 1u << r : 0;
      }
    }
    const uint v_latest = latest_row / 4;
    const uint bit_of_latest = v_latest / INVOCATIONS * 4 + latest_row % 4;
    [[unroll]] for (uint w = 0; w < (ROUNDS + 7) / 8; ++w) {
      if (v_latest % INVOCATIONS == invocation && bit_of_latest / 32 == w) {
        gone[w] |= 1u << (bit_of_latest % 32);
      }
    }

    const uint shift = uint(FIXED_POINT_ONE) - least;
    Found found = Found(no_candidate(), 0);
    [[unroll]] for (uint first = 0; first < ROUNDS; first += ROUNDS_IN_FLIGHT) {
      ivec4 cosines[ROUNDS_IN_FLIGHT];
      [[unroll]] for (uint b = 0; b < ROUNDS_IN_FLIGHT; ++b) {
        const uint r = first + b;
        if (r >= ROUNDS) continue;
        cosines[b] = (live & (1u << r)) != 0 ? row.at[r * INVOCATIONS + invocation] : ivec4(0);
      }
      [[unroll]] for (uint b = 0; b < ROUNDS_IN_FLIGHT; ++b) {
        const uint r = first + b;
        if (r >= ROUNDS) continue;
        [[unroll]] for (uint c = 0; c < 4; ++c) {
          const uint now = sums[r][c] + uint(contribution(cosines[b][c], weight)) + shift;
          sums[r][c] = now;
          const bool is_gone = (gone[r / 8] & (1u << (r % 8 * 4 + c))) != 0;
          take_in(found, is_gone, now, (r * INVOCATIONS + invocation) * 4 + c);
        }
      }
    }
    for (uint first = first_in_memory; first < vectors; first += ROUNDS_IN_FLIGHT * INVOCATIONS) {
      ivec4 cosines[ROUNDS_IN_FLIGHT];
      uvec4 held[ROUNDS_IN_FLIGHT];
      [[unroll]] for (uint b = 0; b < ROUNDS_IN_FLIGHT; ++b) {
        const uint v = min(first + b * INVOCATIONS, vectors - 1);
        cosines[b] = row.at[v];
        held[b] = state.at[v];
      }
      [[unroll]] for (uint b = 0; b < ROUNDS_IN_FLIGHT; ++b) {
        const uint v = first + b * INVOCATIONS;
        if (v >= vectors) continue;
        [[unroll]] for (uint c = 0; c < 4; ++c) {
          const bool is_gone = held[b][c] == CHOSEN || v * 4 + c == latest_row;
          const uint now = held[b][c] + uint(contribution(cosines[b][c], weight)) + shift;
          held[b][c] = is_gone ? CHOSEN : now;
          take_in(found, is_gone, now, v * 4 + c);
        }
        state.at[v] = held[b];
      }
    }

    const Candidate best = best_of_workgroup(found.best, step);
    least = best.sum;
    overflow = overflow || overflows(least, found.most);
    latest_row = min(best.row, push.n - 1);  // after an overflow there may seem to be none
    if (invocation == 0) chosen.at[step] = latest_row;
  }

  [[unroll]] for (uint r = 0; r < ROUNDS; ++r) {
    const uint v = r * INVOCATIONS + invocation;
    const uint bits = gone[r / 8] >> (r % 8 * 4);
    const bvec4 are_gone = notEqual(uvec4(bits) & uvec4(1, 2, 4, 8), uvec4(0));
    if (v < vectors) state.at[v] = kept(sums[r], are_gone, least);
  }
  for (uint v = first_in_memory; v < vectors; v += INVOCATIONS) {
    const uvec4 held = state.at[v];
    state.at[v] = kept(held, equal(held, uvec4(CHOSEN)), least);
  }
  if (invocation == 0) latest.at[slot] = latest_row;
  if (overflow) Uints(push.overflow).at[0] = 1;
}
