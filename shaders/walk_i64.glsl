// The order `centroid` with sums of 64 bits. An item's state is its sum.
#include "walk_states.glsl"
#include "walk_sums.glsl"

// A packed sum is A_j * 2^ID_BITS + the item's id. So no two are equal, and the smallest is the one
// to choose, also on a tie. With more than 2^ID_BITS items, sums are A_j, rows are in the order of
// ids, and of equal sums the lowest row is chosen.
layout(constant_id = PACKED_ID) const bool PACKED = true;
layout(constant_id = REORDERED_ID) const bool REORDERED = false;  // only where PACKED

// The state of an item when it is chosen, and of padding. Sums of candidates stay below 2^60 in
// magnitude, and so does what is added to this one while the walk goes on.
const int64_t NOT_A_CANDIDATE = int64_t(1) << 61;

// Cosines that change no state.
const int NO_COSINE = 0;

// Whether the first step takes in the row of the start.
bool start_counts() { return true; }

bool any_candidate(i64vec4 sums) { return any(lessThan(sums, i64vec4(NOT_A_CANDIDATE / 2))); }

// The states of four items, from `column` on, before the first step; `cosines`: with the start.
i64vec4 first_states(uint column, ivec4 cosines) {
  i64vec4 sums;
  [[unroll]] for (uint c = 0; c < 4; ++c) {
    const uint row = column + c;
    sums[c] = 0;
    if (PACKED) sums[c] = REORDERED ? Uints(push.ids).at[min(row, push.n - 1)] : row;
    if (row >= push.n) sums[c] = NOT_A_CANDIDATE;
  }
  return sums;
}

i64vec4 next_states(i64vec4 sums, ivec4 cosines, int weight) {
  [[unroll]] for (uint c = 0; c < 4; ++c) {
    sums[c] += int64_t(contribution(cosines[c], weight)) << (PACKED ? ID_BITS : 0u);
  }
  return sums;
}

// The states with those of chosen items marked.
i64vec4 without(i64vec4 sums, bvec4 chosen) { return mix(sums, i64vec4(NOT_A_CANDIDATE), chosen); }

struct Candidate {
  int64_t sum;
  uint row;  // not kept where sums are packed
};

Candidate no_candidate() { return Candidate(NOT_A_CANDIDATE * 2, 0xffffffffu); }

// The better of two: the smaller sum, the lower row on a tie.
Candidate better(Candidate a, Candidate b) {
  const bool take_b = b.sum < a.sum || (!PACKED && b.sum == a.sum && b.row < a.row);
  return Candidate(take_b ? b.sum : a.sum, take_b ? b.row : a.row);
}

// The best of four items, from `column` on, and `best`, whose row is lower than theirs.
Candidate better_of_four(Candidate best, i64vec4 sums, uint column) {
  [[unroll]] for (uint c = 0; c < 4; ++c) {
    const bool take = sums[c] < best.sum;
    best.sum = take ? sums[c] : best.sum;
    if (!PACKED) best.row = take ? column + c : best.row;
  }
  return best;
}

// The best candidate of the subgroup.
Candidate best_of_subgroup(Candidate mine) {
  Candidate best = mine;
  best.sum = least_of_subgroup(mine.sum);
  if (!PACKED) best.row = subgroupMin(mine.sum == best.sum ? mine.row : 0xffffffffu);
  return best;
}

// The same with all that the choice among candidates of several invocations takes.
Candidate identified(Candidate best) { return best; }

uint id_of(Candidate best) {
  return PACKED ? uint(best.sum) & ((1u << ID_BITS) - 1) : best.row;
}

uint row_of(Candidate best) {
  const uint id = id_of(best);
  return REORDERED ? Uints(push.rows).at[id] : id;
}
