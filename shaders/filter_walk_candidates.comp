// The second kernel of a step: which items may come next. Those whose filtered values are within
// twice the bound of the smallest. In the order `centroid` only the smallest value of each eight is
// known, so all of its eight are listed, and of these stay the ones that are within the bound of a
// sharper value. A workgroup for each walk.
//
// Of a crowded walk: as many more of its candidates as there is room for.
#version 460
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require
#extension GL_GOOGLE_include_directive : require
#include "filter_walk.glsl"
#include "filter_walk_score.glsl"

layout(constant_id = WORKGROUP_SIZE_ID) const uint INVOCATIONS = 64;
layout(constant_id = CANDIDATES_ID) const uint CANDIDATES = MOST_WALK_CANDIDATES;
layout(local_size_x_id = WORKGROUP_SIZE_ID) in;

const uint LISTED = LISTED_PER_CANDIDATE * CANDIDATES;

// Invocations that work out a sharper value together.
const uint REFINERS = 8;

// Blocks of a crowded walk that one invocation looks at: few enough for drivers that end long loops.
const uint MOST_BLOCKS = 8192;

shared float least[INVOCATIONS];
shared uint listed;
shared uint list[LISTED];
shared int64_t refined[LISTED];
shared int64_t parts[INVOCATIONS];
shared uint kept;

// S . u_j of the order `centroid`, times 2^36, in integers: 24 bits of S after those above them,
// so that no sum overflows. A part of it, of every REFINERS-th 16 dimensions; at most 1 too low.
int64_t refined_part(uint walk, uint row, uint part) {
  Longs sums = Longs(part_of(walk, push.at.sums));
  UnitVector unit = unit_vector(row);
  int64_t high = 0;
  int64_t low = 0;
  for (uint v = 4 * part; v < push.units_pitch / 4; v += 4 * REFINERS) {
    [[unroll]] for (uint i = 0; i < 4; ++i) {
      const ivec4 u = unit.at[v + i];
      [[unroll]] for (uint k = 0; k < 4; ++k) {
        const int64_t s = sums.at[(v + i) * 4 + k];
        high += (s >> 24) * int64_t(u[k]);
        low += (s & int64_t(0xffffff)) * int64_t(u[k]);
      }
    }
  }
  return high + (low >> 24);
}

// Finds the smallest filtered value of all items.
float smallest(uint walk) {
  Floats minima = Floats(part_of(walk, push.at.minima));
  float mine = ABOVE_ALL;
  for (uint b = gl_LocalInvocationIndex; b < blocks_of_items(); b += INVOCATIONS) {
    mine = min(mine, minima.at[b]);
  }
  least[gl_LocalInvocationIndex] = mine;
  barrier();
  for (uint half_way = INVOCATIONS / 2; half_way > 0; half_way /= 2) {
    if (gl_LocalInvocationIndex < half_way) {
      mine = min(mine, least[gl_LocalInvocationIndex + half_way]);
      least[gl_LocalInvocationIndex] = mine;
    }
    barrier();
  }
  return least[0];
}

// Works out a sharper value of each item of the list. All invocations come here.
void refine(uint walk, uint count) {
  const uint invocation = gl_LocalInvocationIndex;
  const uint part = invocation % REFINERS;
  for (uint first = 0; first < count; first += INVOCATIONS / REFINERS) {
    const uint c = first + invocation / REFINERS;
    if (c < count) parts[invocation] = refined_part(walk, list[c], part);
    barrier();
    if (c < count && part == 0) {
      int64_t sum = parts[invocation];
      for (uint p = 1; p < REFINERS; ++p) sum += parts[invocation + p];
      refined[c] = sum;
    }
    barrier();
  }
}

// Lists the candidates of a block; more than there is room for are only counted.
void list_block(uint walk, uint block, float threshold, uint room) {
  Floats eights = Floats(part_of(walk, push.at.eights));
  for (uint e = block * FILTER_BLOCK / 8; e < (block + 1) * FILTER_BLOCK / 8 && listed <= room; ++e) {
    if (eights.at[e] > threshold) continue;
    for (uint row = 8 * e; row < min(8 * e + 8, push.n); ++row) {
      if (is_chosen(walk, row) || (SCORES && score_again(walk, row) > threshold)) continue;
      const uint place = atomicAdd(listed, 1);
      if (place < room) list[place] = row;
    }
  }
}

void main() {
  const uint invocation = gl_LocalInvocationIndex;
  const uint walk = gl_WorkGroupID.x;
  Head state = Head(state_of(walk));
  if (state.head.condition != push.condition) return;
  Floats minima = Floats(part_of(walk, push.at.minima));
  Uints candidates = candidates_of(walk);
  const uint blocks = blocks_of_items();
  if (invocation == 0) {
    listed = 0;
    kept = 0;
  }

  if (push.condition == WALK_CROWDED) {
    const float threshold = state.head.threshold;
    uint block = state.head.next_block;
    barrier();
    // The first invocation goes on alone, in order, while a whole block has room.
    if (invocation == 0) {
      const uint end = min(blocks, state.head.next_block + MOST_BLOCKS);
      while (block < end && listed + FILTER_BLOCK <= CANDIDATES) {
        if (minima.at[block] <= threshold) list_block(walk, block, threshold, CANDIDATES);
        ++block;
      }
      for (uint c = 0; c < listed; ++c) candidates.at[c] = list[c];
      state.head.next_block = block;
      state.head.candidates = listed;
    }
    return;
  }

  const float lowest = smallest(walk);
  // What a sum in float32 may round is added, and more.
  const float threshold = lowest + 2 * state.head.bound + abs(lowest) * (1.0 / 1048576.0);
  for (uint b = invocation; b < blocks && listed <= LISTED; b += INVOCATIONS) {
    if (minima.at[b] <= threshold) list_block(walk, b, threshold, LISTED);
  }
  barrier();
  const uint count = listed;
  bool crowded = count > LISTED;
  if (!crowded) {
    if (!SCORES && count > 1) {
      refine(walk, count);
      int64_t most = refined[0];
      for (uint c = 1; c < count; ++c) most = min(most, refined[c]);
      most += 2 * (int64_t(push.refined_of_pick) * int64_t(state.head.count) + 1 + REFINERS);
      for (uint c = invocation; c < count; c += INVOCATIONS) {
        if (refined[c] <= most) {
          const uint place = atomicAdd(kept, 1);
          if (place < CANDIDATES) candidates.at[place] = list[c];
        }
      }
    } else {
      for (uint c = invocation; c < min(count, CANDIDATES); c += INVOCATIONS) candidates.at[c] = list[c];
      if (invocation == 0) kept = count;
    }
    barrier();
    crowded = kept > CANDIDATES;
  }
  if (invocation == 0) {
    state.head.threshold = threshold;
    state.head.candidates = kept;
    if (crowded) {
      state.head.condition = WALK_CROWDED;
      state.head.next_block = 0;
      state.head.has_best = 0;
    }
  }
}
