// The first kernel of a step: filtered values of all items, of which the smallest of each eight and of
// each block are kept. An invocation for each item of a block, for WALKS walks.
#version 460
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require
#extension GL_GOOGLE_include_directive : require
#include "filter_walk.glsl"
#include "filter_walk_score.glsl"

layout(constant_id = HALF_ID) const bool HALF = true;
layout(constant_id = WALKS_ID) const uint WALKS = 1;
layout(local_size_x = FILTER_BLOCK) in;

const uint EIGHTS = FILTER_BLOCK / 8;

layout(buffer_reference, std430, buffer_reference_align = 16) readonly buffer Groups {
  uvec4 at[];
};
layout(buffer_reference, std430, buffer_reference_align = 16) readonly buffer Vector {
  vec4 at[];
};

shared float scores[WALKS][FILTER_BLOCK];
shared float eights[WALKS][EIGHTS];

void main() {
  const uint invocation = gl_LocalInvocationIndex;
  const uint blocks = blocks_of_items();
  const uint groups = push.units_pitch / FILTER_GROUP;
  const uint work = blocks * ((push.walks + WALKS - 1) / WALKS);
  for (uint number = gl_WorkGroupID.x; number < work; number += gl_NumWorkGroups.x) {
    const uint block = number % blocks;
    const uint first_walk = number / blocks * WALKS;
    const uint row = block * FILTER_BLOCK + invocation;
    const uint group_bytes = FILTER_BLOCK * FILTER_GROUP * (HALF ? 2 : 4);
    Groups units = Groups(push.filter_units + uint64_t(block) * groups * group_bytes);
    float products[WALKS];
    Vector vectors[WALKS];
    [[unroll]] for (uint w = 0; w < WALKS; ++w) {
      products[w] = 0;
      vectors[w] = Vector(part_of(min(first_walk + w, push.walks - 1), push.at.vector));
    }
    for (uint g = 0; g < groups; ++g) {
      vec4 low;
      vec4 high;
      if (HALF) {
        const uvec4 packed = units.at[g * FILTER_BLOCK + invocation];
        low = vec4(unpackHalf2x16(packed.x), unpackHalf2x16(packed.y));
        high = vec4(unpackHalf2x16(packed.z), unpackHalf2x16(packed.w));
      } else {
        low = uintBitsToFloat(units.at[(g * FILTER_BLOCK + invocation) * 2]);
        high = uintBitsToFloat(units.at[(g * FILTER_BLOCK + invocation) * 2 + 1]);
      }
      [[unroll]] for (uint w = 0; w < WALKS; ++w) {
        products[w] += dot(low, vectors[w].at[g * 2]) + dot(high, vectors[w].at[g * 2 + 1]);
      }
    }
    [[unroll]] for (uint w = 0; w < WALKS; ++w) {
      const uint walk = min(first_walk + w, push.walks - 1);
      const FilterWalkHead head = Head(state_of(walk)).head;
      float score = ABOVE_ALL;
      const bool steps = first_walk + w < push.walks && head.condition == WALK_STEPS;
      if (steps && row < push.n) {
        const float scale = HALF ? HALF_SCALE : 1.0;
        score = score_of(walk, row, head.count, products[w] * scale);
        if (is_chosen(walk, row)) score = ABOVE_ALL;
      }
      scores[w][invocation] = score;
    }
    barrier();
    if (invocation < WALKS * EIGHTS) {
      const uint w = invocation / EIGHTS;
      const uint eighth = invocation % EIGHTS;
      float least = scores[w][8 * eighth];
      for (uint i = 1; i < 8; ++i) least = min(least, scores[w][8 * eighth + i]);
      eights[w][eighth] = least;
      const uint walk = first_walk + w;
      if (walk < push.walks && Head(state_of(walk)).head.condition == WALK_STEPS) {
        Floats(part_of(walk, push.at.eights)).at[block * EIGHTS + eighth] = least;
      }
    }
    barrier();
    if (invocation < WALKS && first_walk + invocation < push.walks) {
      const uint walk = first_walk + invocation;
      float least = eights[invocation][0];
      for (uint e = 1; e < EIGHTS; ++e) least = min(least, eights[invocation][e]);
      if (Head(state_of(walk)).head.condition == WALK_STEPS) {
        Floats(part_of(walk, push.at.minima)).at[block] = least;
      }
    }
    barrier();
  }
}
