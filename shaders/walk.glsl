// One workgroup goes on with one walk: a step adds the latest item's row of the similarity matrix
// to the running sums A_j and chooses the item whose sum is smallest.
#include "fixed_point.glsl"
#include "interface.h"

layout(constant_id = 0) const uint INVOCATIONS = 8;   // of the workgroup
layout(constant_id = 1) const bool WEIGHTED = false;  // the weights are not all 1
layout(constant_id = 2) const bool PACKED = true;     // n is at most 2^16
layout(local_size_x_id = 0) in;

layout(push_constant, std430) uniform Push { WalkPush push; };

layout(buffer_reference, std430, buffer_reference_align = 8) readonly buffer Addresses {
  uint64_t at[];
};
layout(buffer_reference, std430, buffer_reference_align = 4) readonly buffer Integers {
  int at[];
};
layout(buffer_reference, std430, buffer_reference_align = 4) buffer Items {
  uint at[];
};
layout(buffer_reference, std430, buffer_reference_align = 16) buffer Sums {
  i64vec4 at[];
};

// The sum of an item that is chosen, or of padding: above any other sum, and far enough from both
// ends of int64 that rows can go on being added to it.
const int64_t NOT_A_CANDIDATE = int64_t(1) << 62;

// What a chosen item adds to the sums of four others.
i64vec4 contribution(ivec4 cosines, int weight) {
  if (!WEIGHTED) return i64vec4(cosines);
  i64vec4 product;
  [[unroll]] for (uint c = 0; c < 4; ++c) {
    product[c] = from_product(int64_t(cosines[c]) * int64_t(weight));
  }
  return product;
}

// The sums of four items, from `column` on, before the first row is added.
i64vec4 first_sums(uint column) {
  return mix(i64vec4(0), i64vec4(NOT_A_CANDIDATE),
             greaterThanEqual(uvec4(column) + uvec4(0, 1, 2, 3), uvec4(push.n)));
}

struct Candidate {
  int64_t sum;
  uint item;
};

// Worse than any candidate, and small enough to be packed.
Candidate no_candidate() {
  return Candidate(PACKED ? (int64_t(1) << 47) - 1 : NOT_A_CANDIDATE / 2, 0xffffu);
}

// The better of two: the smaller sum, the lower id on a tie.
Candidate better(Candidate a, Candidate b) {
  const bool take_b = b.sum < a.sum || (b.sum == a.sum && b.item < a.item);
  return Candidate(take_b ? b.sum : a.sum, take_b ? b.item : a.item);
}

// The best candidate of the subgroup. In reductions of 32 bits, which devices have instructions for,
// where one of 64 bits would be a tree of shuffles.
Candidate best_of_subgroup(Candidate mine) {
  // With at most 2^16 items, a sum has 48 bits and leaves room for the id below it.
  const int64_t key = PACKED ? (mine.sum << 16) | int64_t(mine.item) : mine.sum;
  const int high = int(key >> 32);
  const int least_high = subgroupMin(high);
  const uint low = high == least_high ? uint(key) : 0xffffffffu;
  const uint least_low = subgroupMin(low);
  const int64_t least_key = (int64_t(least_high) << 32) | int64_t(uint64_t(least_low));
  if (PACKED) return Candidate(least_key >> 16, least_low & 0xffffu);
  return Candidate(least_key, subgroupMin(least_key == key ? mine.item : 0xffffffffu));
}

// The best of four items, from `column` on, and `best`, whose item is lower than theirs.
Candidate better_of_four(Candidate best, i64vec4 sums, uint column) {
  [[unroll]] for (uint c = 0; c < 4; ++c) {
    const bool take = sums[c] < best.sum;
    best.sum = take ? sums[c] : best.sum;
    best.item = take ? column + c : best.item;
  }
  return best;
}
