// filter_walk_scores.comp for drivers that run shaders on the CPU, in float32: texels are what they load with vector
// instructions. A workgroup is one subgroup, which takes a block of items for WALKS walks. Its lanes have some of the items
// each. What these are multiplied with they load together, a texel (four dimensions) each, and broadcast.
#version 460
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_shader_subgroup_arithmetic : require
#extension GL_KHR_shader_subgroup_ballot : require
#extension GL_KHR_shader_subgroup_basic : require
#include "filter_walk.glsl"
#include "filter_walk_score.glsl"

layout(local_size_x_id = WORKGROUP_SIZE_ID) in;
layout(constant_id = WORKGROUP_SIZE_ID) const uint LANES = 8;  // the subgroup's; divides FILTER_BLOCK
layout(constant_id = WALKS_ID) const uint WALKS = 1;           // divides LANES

const uint ITEMS = FILTER_BLOCK / LANES;  // of a lane
const uint EIGHTHS = (FILTER_BLOCK / 8 + LANES - 1) / LANES;  // likewise

// Texels of a vector that are loaded together: four at most, which every vector has.
const uint TEXELS = LANES / WALKS < 4 ? LANES / WALKS : 4;

// Filter units, and the states of walks.
layout(set = 0, binding = 0) uniform isamplerBuffer buffers[2];

shared float scores[FILTER_BLOCK];

void main() {
  const uint lane = gl_LocalInvocationID.x;
  const uint blocks = blocks_of_items();
  const uint groups = push.units_pitch / FILTER_GROUP;
  const uint sharing = (push.walks + WALKS - 1) / WALKS;
  for (uint number = gl_WorkGroupID.x; number < blocks * sharing; number += gl_NumWorkGroups.x) {
    const uint block = number / sharing;  // one after another: it is in a cache for all walks
    const uint first_walk = number % sharing * WALKS;
    const uint walk_of_lane = min(first_walk + lane % WALKS, push.walks - 1);
    const int vector = int(walk_of_lane * push.at.stride + push.at.vector + lane / WALKS % TEXELS);
    float sums[WALKS * ITEMS];
    [[unroll]] for (uint s = 0; s < WALKS * ITEMS; ++s) sums[s] = 0;
    for (uint texel = 0; texel < groups * 2; texel += TEXELS) {
      const vec4 factors = intBitsToFloat(texelFetch(buffers[1], vector + int(texel)));
      [[unroll]] for (uint t = 0; t < TEXELS; ++t) {
        const uint group = block * groups + (texel + t) / 2;
        const uint first = (group * FILTER_BLOCK + lane) * 2 + (texel + t) % 2;
        vec4 units[ITEMS];
        [[unroll]] for (uint i = 0; i < ITEMS; ++i) {
          units[i] = intBitsToFloat(texelFetch(buffers[0], int(first + i * LANES * 2)));
        }
        [[unroll]] for (uint w = 0; w < WALKS; ++w) {
          const vec4 factor = subgroupBroadcast(factors, t * WALKS + w);
          [[unroll]] for (uint k = 0; k < 4; ++k) {
            [[unroll]] for (uint i = 0; i < ITEMS; ++i) {
              sums[w * ITEMS + i] = fma(units[i][k], factor[k], sums[w * ITEMS + i]);
            }
          }
        }
      }
    }
    // A loop that cannot be unrolled must not be in it: it would not be unrolled either, and have sums in memory.
    [[unroll]] for (uint w = 0; w < WALKS; ++w) {
      const uint walk = min(first_walk + w, push.walks - 1);
      Head state = Head(state_of(walk));
      if (first_walk + w == walk && state.head.condition == WALK_STEPS) {
        const uint count = state.head.count;
        Uints chosen = Uints(part_of(walk, push.at.chosen));
        uint bits;
        [[unroll]] for (uint i = 0; i < ITEMS; ++i) {
          const uint first = block * FILTER_BLOCK + i * LANES;
          const uint row = first + lane;
          if (i * LANES % 32 == 0) bits = chosen.at[first / 32];
          float score = score_of(walk, row, count, sums[w * ITEMS + i]);
          if (row >= push.n || (bits >> row % 32 & 1) != 0) score = ABOVE_ALL;
          scores[i * LANES + lane] = score;
        }
        subgroupBarrier();
        float least = ABOVE_ALL;
        [[unroll]] for (uint e = 0; e < EIGHTHS; ++e) {
          const uint eighth = e * LANES + lane;
          if (eighth >= FILTER_BLOCK / 8) continue;
          float of_eight = scores[8 * eighth];
          [[unroll]] for (uint i = 1; i < 8; ++i) of_eight = min(of_eight, scores[8 * eighth + i]);
          Floats(part_of(walk, push.at.eights)).at[block * FILTER_BLOCK / 8 + eighth] = of_eight;
          least = min(least, of_eight);
        }
        subgroupBarrier();
        least = subgroupMin(least);
        if (subgroupElect()) Floats(part_of(walk, push.at.minima)).at[block] = least;
      }
    }
  }
}
