// The orders `away` and `toward`: the item with the smallest score comes next, and that is
//   lambda * S_j + (2^30 - lambda) * M_j.
// M_j is the greatest cosine with an item chosen so far. S_j is the cosine with the start, negated
// in `toward`; there the start does not count in M_j, which is the same for all until another item
// is chosen. An item's state is S_j in the lower 32 bits and M_j in the upper ones.
#include "walk_states.glsl"

layout(constant_id = REORDERED_ID) const bool REORDERED = false;

// S_j and M_j of an item when it is chosen, and of padding: no cosine changes them, and they make a
// score above all others, whatever lambda is.
const int NOT_A_CANDIDATE = 0x7fffffff;
const int64_t ABOVE_ALL_SCORES = (int64_t(NOT_A_CANDIDATE) << FIXED_POINT_BITS) - 1;

// A cosine that changes no state.
const int NO_COSINE = -FIXED_POINT_ONE;

// Whether the first step takes in the row of the start.
bool start_counts() { return push.order != ORDER_TOWARD; }

int weight_of(uint row) { return FIXED_POINT_ONE; }

bool any_candidate(i64vec4 states) {
  return any(lessThan(states, i64vec4(int64_t(NOT_A_CANDIDATE) << 32)));
}

// The states of four items, from `column` on, before the first step; `cosines`: with the start.
i64vec4 first_states(uint column, ivec4 cosines) {
  i64vec4 states;
  [[unroll]] for (uint c = 0; c < 4; ++c) {
    const int with_start = push.order == ORDER_TOWARD ? -cosines[c] : cosines[c];
    states[c] = packInt2x32(column + c < push.n ? ivec2(with_start, NO_COSINE)
                                                : ivec2(NOT_A_CANDIDATE));
  }
  return states;
}

i64vec4 next_states(i64vec4 states, ivec4 cosines, int weight) {
  [[unroll]] for (uint c = 0; c < 4; ++c) {
    const ivec2 state = unpackInt2x32(states[c]);
    states[c] = packInt2x32(ivec2(state.x, max(state.y, cosines[c])));
  }
  return states;
}

// The states with those of chosen items marked.
i64vec4 without(i64vec4 states, bvec4 chosen) {
  return mix(states, i64vec4(packInt2x32(ivec2(NOT_A_CANDIDATE))), chosen);
}

struct Candidate {
  int64_t score;
  uint row;
  uint id;  // set by identified()
};

Candidate no_candidate() { return Candidate(ABOVE_ALL_SCORES, 0xffffffffu, 0xffffffffu); }

uint id_of_row(uint row) { return REORDERED ? Uints(push.ids).at[min(row, push.n - 1)] : row; }

// The better of two: the smaller score, the lower id on a tie.
Candidate better(Candidate a, Candidate b) {
  const bool take_b = b.score < a.score || (b.score == a.score && b.id < a.id);
  return Candidate(take_b ? b.score : a.score, take_b ? b.row : a.row, take_b ? b.id : a.id);
}

// The best of four items, from `column` on, and `best`, whose row is lower than theirs.
Candidate better_of_four(Candidate best, i64vec4 states, uint column) {
  const Candidate before = best;
  int64_t scores[4];
  bool tied = false;
  [[unroll]] for (uint c = 0; c < 4; ++c) {
    const ivec2 state = unpackInt2x32(states[c]);
    scores[c] = int64_t(push.lambda) * int64_t(state.x) +
                int64_t(FIXED_POINT_ONE - push.lambda) * int64_t(state.y);
    tied = tied || scores[c] == best.score;
    const bool take = scores[c] < best.score;
    best.score = take ? scores[c] : best.score;
    best.row = take ? column + c : best.row;
  }
  if (!REORDERED || !tied) return best;
  // Once more, by ids: one branch for four items costs less than one for each.
  best = before;
  [[unroll]] for (uint c = 0; c < 4; ++c) {
    bool take = scores[c] < best.score;
    if (scores[c] == best.score) take = id_of_row(column + c) < id_of_row(best.row);
    best.score = take ? scores[c] : best.score;
    best.row = take ? column + c : best.row;
  }
  return best;
}

// The same with all that the choice among candidates of several invocations takes.
Candidate identified(Candidate best) {
  best.id = id_of_row(best.row);
  return best;
}

// The best candidate of the subgroup.
Candidate best_of_subgroup(Candidate mine) {
  Candidate best;
  best.score = least_of_subgroup(mine.score);
  best.id = subgroupMin(mine.score == best.score ? mine.id : 0xffffffffu);
  best.row = best.id;
  if (REORDERED) {
    const bool is_best = mine.score == best.score && mine.id == best.id;
    best.row = subgroupMin(is_best ? mine.row : 0xffffffffu);
  }
  return best;
}

uint id_of(Candidate best) { return best.id; }

uint row_of(Candidate best) { return best.row; }
