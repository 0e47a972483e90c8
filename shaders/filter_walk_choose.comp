// The last kernel of a step: the best candidate is chosen, the lowest id on a tie, and the next step
// made ready. A workgroup for each walk.
//
// Of a crowded walk: the best of all candidates so far is kept, and chosen when there are no more.
#version 460
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require
#extension GL_GOOGLE_include_directive : require
#include "filter_walk.glsl"

layout(constant_id = WORKGROUP_SIZE_ID) const uint INVOCATIONS = 64;
layout(constant_id = PARTS_ID) const uint PARTS = 1;
layout(local_size_x_id = WORKGROUP_SIZE_ID) in;

shared uint next_row;  // n: none yet
shared float squares[INVOCATIONS];

int64_t score_of(uint walk, uint candidate) {
  Longs parts = parts_of(walk);
  int64_t value = parts.at[candidate * MOST_PARTS];
  for (uint p = 1; p < PARTS; ++p) {
    const int64_t other = parts.at[candidate * MOST_PARTS + p];
    value = SCORES ? max(value, other) : value + other;
  }
  if (!SCORES) return value;
  const int64_t with_start = int64_t(with_start_of(walk).at[candidate]);
  return int64_t(push.lambda) * (push.toward == 1 ? -with_start : with_start) +
         int64_t(FIXED_POINT_ONE - push.lambda) * value;
}

// The row to choose.
uint best_row(uint walk) {
  Head state = Head(state_of(walk));
  Uints candidates = candidates_of(walk);
  Uints ids = Uints(push.ids);
  // The start, which is there already.
  if (state.head.count == 0) return chosen_of(walk).at[0];
  const bool crowded = push.condition == WALK_CROWDED;
  if (state.head.candidates == 1 && !crowded) return candidates.at[0];
  bool found = crowded && state.head.has_best == 1;
  int64_t score = packInt2x32(ivec2(state.head.best_score_low, state.head.best_score_high));
  uint row = state.head.best_row;
  uint id = state.head.best_id;
  for (uint c = 0; c < state.head.candidates; ++c) {
    const int64_t its = score_of(walk, c);
    const uint its_row = candidates.at[c];
    const uint its_id = ids.at[its_row];
    if (!found || its < score || (its == score && its_id < id)) {
      score = its;
      row = its_row;
      id = its_id;
      found = true;
    }
  }
  if (crowded) {
    const ivec2 halves = unpackInt2x32(score);
    state.head.best_score_low = uint(halves.x);
    state.head.best_score_high = uint(halves.y);
    state.head.best_row = row;
    state.head.best_id = id;
    state.head.has_best = found ? 1 : 0;
    if (state.head.next_block < blocks_of_items()) return push.n;
  }
  return row;
}

void main() {
  const uint invocation = gl_LocalInvocationIndex;
  const uint walk = gl_WorkGroupID.x;
  Head state = Head(state_of(walk));
  if (state.head.condition != push.condition) return;
  const uint count = state.head.count;
  if (invocation == 0) {
    next_row = best_row(walk);
    if (next_row < push.n) {
      chosen_of(walk).at[count] = next_row;
      Uints bits = Uints(part_of(walk, push.at.chosen));
      bits.at[next_row / 32] |= 1u << (next_row % 32);
    }
  }
  barrier();
  const uint row = next_row;
  if (row >= push.n) return;

  const int weight = Ints(push.weights).at[row];
  Longs sums = Longs(part_of(walk, push.at.sums));
  Floats vector = Floats(part_of(walk, push.at.vector));
  Ints unit = Ints(push.units + uint64_t(row) * push.units_pitch * 4);
  float square = 0;
  for (uint k = invocation; k < push.units_pitch; k += INVOCATIONS) {
    int64_t sum = int64_t(unit.at[k]);
    if (!SCORES) {
      sum = sums.at[k] + from_product(int64_t(weight) * sum);
      sums.at[k] = sum;
    }
    const float component = float(sum) * UNIT;
    vector.at[k] = component;
    square += component * component;
  }
  squares[invocation] = square;
  barrier();
  if (invocation == 0) {
    for (uint i = 1; i < INVOCATIONS; ++i) square += squares[i];
    state.head.bound = sqrt(square) * push.bound_of_length +
                       float(count + 1) * push.bound_of_pick + push.bound_of_step;
    state.head.count = count + 1;
    state.head.condition = count + 1 == push.items ? WALK_ENDED : WALK_STEPS;
  }
}
