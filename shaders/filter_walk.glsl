// What the kernels of walks by the filter share. A step of a walk is taken by four of them, one after
// another: filter_walk_scores.comp, filter_walk_candidates.comp, filter_walk_judge.comp, filter_walk_choose.comp. Within
// them an item is known by its row.
#include "interface.h"
#include "fixed_point.glsl"

layout(constant_id = SCORES_ID) const bool SCORES = false;

layout(push_constant, std430) uniform Push { FilterWalkPush push; };

layout(buffer_reference, std430, buffer_reference_align = 16) readonly buffer UnitVector {
  ivec4 at[];
};
layout(buffer_reference, std430, buffer_reference_align = 4) buffer Ints {
  int at[];
};
layout(buffer_reference, std430, buffer_reference_align = 4) buffer Uints {
  uint at[];
};
layout(buffer_reference, std430, buffer_reference_align = 8) buffer Longs {
  int64_t at[];
};
layout(buffer_reference, std430, buffer_reference_align = 4) buffer Floats {
  float at[];
};
layout(buffer_reference, std430, buffer_reference_align = 16) buffer Head { FilterWalkHead head; };

// The filtered value of what is no candidate.
const float ABOVE_ALL = 3e38;

const float UNIT = 1.0 / 1073741824.0;  // of fixed point

const float HALF_SCALE = 1.0 / float(1u << HALF_SCALE_BITS);

uint64_t state_of(uint walk) { return push.states + uint64_t(walk) * push.at.stride * 16; }

uint64_t part_of(uint walk, uint place) { return state_of(walk) + uint64_t(place) * 16; }

// The parts behind the head: see FilterWalkPlaces.
uint64_t behind_head(uint walk) { return state_of(walk) + FILTER_WALK_HEAD_BYTES; }
Uints candidates_of(uint walk) { return Uints(behind_head(walk)); }
Longs parts_of(uint walk) { return Longs(behind_head(walk) + MOST_WALK_CANDIDATES * 4); }
Ints with_start_of(uint walk) {
  return Ints(behind_head(walk) + MOST_WALK_CANDIDATES * (4 + 8 * MOST_PARTS));
}

Uints chosen_of(uint walk) { return Uints(push.chosen + uint64_t(walk) * push.items * 4); }

UnitVector unit_vector(uint row) {
  return UnitVector(push.units + uint64_t(row) * push.units_pitch * 4);
}

// The vectors of all walks, for the kernels that multiply with many: as filter units are laid out, in
// float16 times a power of two or in float32.
uint64_t vectors_of_walks() { return state_of(push.walks); }

bool is_chosen(uint walk, uint row) {
  return (Uints(part_of(walk, push.at.chosen)).at[row / 32] >> (row % 32) & 1) != 0;
}

uint blocks_of_items() { return (push.n + FILTER_BLOCK - 1) / FILTER_BLOCK; }
