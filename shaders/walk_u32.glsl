// Walks whose sums have 32 bits.
//
// Only differences between candidates' sums matter. A step changes each by at most 2^30. So while
// the candidates' sums lie within 2^31 - 2 of each other, 32 bits above the smallest of them hold
// all of the next step's sums exactly:
//   sum = (smallest before - 2^30) + now,  0 <= now < CHOSEN.
// Every step checks that they do. Where they do not, push.overflow is set, and the walks must be
// computed anew with int64 sums. Embeddings without a common direction stay far from that.
#include "walk.glsl"
#include "walk_sums.glsl"

const uint RANGE = (1u << 31) - 1;
const uint CHOSEN = 0xffffffffu;  // in place of the sum of a chosen item, or padding

layout(buffer_reference, std430, buffer_reference_align = 16) buffer Sums {
  uvec4 at[];
};

struct Candidate {
  uint sum;
  uint row;
};

Candidate no_candidate() { return Candidate(CHOSEN, 0xffffffffu); }

// The better of two: the smaller sum, the lower id on a tie.
Candidate better(Candidate a, Candidate b) {
  const bool take_b = b.sum < a.sum || (b.sum == a.sum && b.row < a.row);
  return Candidate(take_b ? b.sum : a.sum, take_b ? b.row : a.row);
}

Candidate best_of_subgroup(Candidate mine) {
  const uint least = subgroupMin(mine.sum);
  return Candidate(least, subgroupMin(mine.sum == least ? mine.row : 0xffffffffu));
}

// The sums of four items, from `column` on, before the first row is added.
uvec4 first_sums(uint column) {
  return mix(uvec4(0), uvec4(CHOSEN),
             greaterThanEqual(uvec4(column) + uvec4(0, 1, 2, 3), uvec4(push.n)));
}

// Whether a candidate's sum is too far above the smallest for the next step. `most` is the largest
// of some candidates', 0 if there is none.
bool overflows(uint least, uint most) { return most > least && most - least >= RANGE; }

// Four sums as they are kept between dispatches: above the smallest.
uvec4 kept(uvec4 sums, bvec4 gone, uint least) { return mix(sums - least, uvec4(CHOSEN), gone); }
