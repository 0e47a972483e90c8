// filter_walk_scores.comp for many walks on a device with cooperative matrices: the product of all items
// with the vectors of all walks, in float16 with float32 sums, and the same at its end. A workgroup
// for a tile of 128 items and WALKS walks, a subgroup of 32 invocations for 32 items and half the
// walks.
#version 460
#pragma use_vulkan_memory_model
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_memory_scope_semantics : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_NV_cooperative_matrix : require
#include "filter_walk.glsl"
#include "filter_walk_score.glsl"

layout(constant_id = WALKS_ID) const uint WALKS = 128;
layout(local_size_x = 256) in;

layout(buffer_reference, std430, buffer_reference_align = 16) readonly buffer Groups {
  uvec4 at[];
};

const uint TILE_ITEMS = 2 * FILTER_BLOCK;
const uint CHUNK = 8;           // groups of dimensions that are in the tile at a time
const uint STRIDE = CHUNK + 1;  // from one item to the next: rows begin in different banks
const uint SIDE = 16;           // of a cooperative matrix
const uint SUBGROUP_WALKS = WALKS / 2;
const uint ACROSS = SUBGROUP_WALKS / SIDE;
const uint MOST_ACROSS = 4;
const uint ITEM_LOADS = TILE_ITEMS * CHUNK / 256;
const uint WALK_LOADS = WALKS * CHUNK / 256;

shared uvec4 tile[(TILE_ITEMS + WALKS) * STRIDE];
shared FilterWalkHead heads[WALKS];
shared uvec4 chosen[WALKS];
shared float least_of_subgroups[4][WALKS];

uvec4 loaded(uint64_t base, uint blocks, uint first_block, uint group, uint place) {
  const uint groups = push.units_pitch / FILTER_GROUP;
  const uint of_block = CHUNK * FILTER_BLOCK;
  const uint block = min(first_block + place / of_block, blocks - 1);
  const uint its_group = group + place % of_block / FILTER_BLOCK;
  if (its_group >= groups) return uvec4(0);
  Groups from = Groups(base + uint64_t(block) * groups * FILTER_BLOCK * 16);
  return from.at[its_group * FILTER_BLOCK + place % FILTER_BLOCK];
}

uint place_in_tile(uint place) {
  const uint item = place / (CHUNK * FILTER_BLOCK) * FILTER_BLOCK + place % FILTER_BLOCK;
  return item * STRIDE + place / FILTER_BLOCK % CHUNK;
}

void subgroup_barrier() {
  controlBarrier(gl_ScopeSubgroup, gl_ScopeSubgroup, gl_StorageSemanticsShared, gl_SemanticsAcquireRelease);
}

float least_of_four(uint place) {
  const vec4 four = uintBitsToFloat(tile[place]);
  return min(min(four.x, four.y), min(four.z, four.w));
}

void main() {
  const uint invocation = gl_LocalInvocationIndex;
  const uint lane = gl_SubgroupInvocationID;
  const uint side = gl_SubgroupID / 2;  // which 32 items
  const uint half_of_walks = gl_SubgroupID % 2;
  const uint groups = push.units_pitch / FILTER_GROUP;
  const uint blocks = blocks_of_items();
  const uint walk_blocks = (push.walks + FILTER_BLOCK - 1) / FILTER_BLOCK;
  const uint walk_tiles = (push.walks + WALKS - 1) / WALKS;
  const uint tiles = (blocks + 1) / 2 * walk_tiles;
  for (uint number = gl_WorkGroupID.x; number < tiles; number += gl_NumWorkGroups.x) {
    const uint block = number / walk_tiles * 2;
    const uint first_walk = number % walk_tiles * WALKS;
    const uint walk_block = first_walk / FILTER_BLOCK;
    if (invocation < WALKS) {
      const uint walk = min(first_walk + invocation, push.walks - 1);
      heads[invocation] = Head(state_of(walk)).head;
      chosen[invocation] = Groups(part_of(walk, push.at.chosen)).at[block / 2];
    }

    fcoopmatNV<32, gl_ScopeSubgroup, SIDE, SIDE> sums[2][MOST_ACROSS];
    [[unroll]] for (uint i = 0; i < 2; ++i) {
      [[unroll]] for (uint j = 0; j < ACROSS; ++j) {
        sums[i][j] = fcoopmatNV<32, gl_ScopeSubgroup, SIDE, SIDE>(0.0);
      }
    }
    uvec4 items[4];
    uvec4 vectors[4];
    [[unroll]] for (uint q = 0; q < ITEM_LOADS; ++q) {
      items[q] = loaded(push.filter_units, blocks, block, 0, invocation + 256 * q);
    }
    [[unroll]] for (uint q = 0; q < WALK_LOADS; ++q) {
      vectors[q] = loaded(vectors_of_walks(), walk_blocks, walk_block, 0, invocation + 256 * q);
    }
    for (uint group = 0; group < groups; group += CHUNK) {
      [[unroll]] for (uint q = 0; q < ITEM_LOADS; ++q) {
        tile[place_in_tile(invocation + 256 * q)] = items[q];
      }
      [[unroll]] for (uint q = 0; q < WALK_LOADS; ++q) {
        tile[TILE_ITEMS * STRIDE + place_in_tile(invocation + 256 * q)] = vectors[q];
      }
      barrier();
      // What comes next is on its way meanwhile.
      if (group + CHUNK < groups) {
        [[unroll]] for (uint q = 0; q < ITEM_LOADS; ++q) {
          items[q] = loaded(push.filter_units, blocks, block, group + CHUNK, invocation + 256 * q);
        }
        [[unroll]] for (uint q = 0; q < WALK_LOADS; ++q) {
          vectors[q] = loaded(vectors_of_walks(), walk_blocks, walk_block, group + CHUNK,
                              invocation + 256 * q);
        }
      }
      [[unroll]] for (uint k = 0; k < CHUNK; k += 2) {
        fcoopmatNV<16, gl_ScopeSubgroup, SIDE, SIDE> a[2];
        [[unroll]] for (uint i = 0; i < 2; ++i) {
          coopMatLoadNV(a[i], tile, (side * 2 + i) * SIDE * STRIDE + k, STRIDE, false);
        }
        [[unroll]] for (uint j = 0; j < ACROSS; ++j) {
          fcoopmatNV<16, gl_ScopeSubgroup, SIDE, SIDE> b;
          const uint column = half_of_walks * SUBGROUP_WALKS + j * SIDE;
          coopMatLoadNV(b, tile, (TILE_ITEMS + column) * STRIDE + k, STRIDE, true);
          [[unroll]] for (uint i = 0; i < 2; ++i) sums[i][j] = coopMatMulAddNV(a[i], b, sums[i][j]);
        }
      }
      barrier();
    }

    // 32 items of 16 walks at a time go through shared memory, an invocation takes an item.
    const uint corner = gl_SubgroupID * SIDE * STRIDE;
    const uint first_row = block * FILTER_BLOCK + side * 32;
    const uint row = first_row + lane;
    const bool is_there = first_row < blocks * FILTER_BLOCK;
    [[unroll]] for (uint j = 0; j < ACROSS; ++j) {
      [[unroll]] for (uint i = 0; i < 2; ++i) {
        coopMatStoreNV(sums[i][j], tile, corner + i * 4, STRIDE, true);
      }
      subgroup_barrier();
      [[dont_unroll]] for (uint c = 0; c < SIDE; ++c) {
        const uint column = half_of_walks * SUBGROUP_WALKS + j * SIDE + c;
        const uint walk = first_walk + column;
        const FilterWalkHead head = heads[column];
        const bool steps = walk < push.walks && head.condition == WALK_STEPS;
        float score = ABOVE_ALL;
        if (steps && row < push.n) {
          const float sum = uintBitsToFloat(tile[corner + c * STRIDE + lane / 4][lane % 4]);
          score = score_of(walk, row, head.count, sum * head.scale * HALF_SCALE);
          if ((chosen[column][side] >> lane & 1) != 0) score = ABOVE_ALL;
        }
        tile[corner + c * STRIDE + lane / 4][lane % 4] = floatBitsToUint(score);
      }
      subgroup_barrier();
      // The smallest of eight: four of each walk, two by each invocation.
      [[unroll]] for (uint i = 0; i < 2; ++i) {
        const uint c = i * 8 + lane / 4;
        const uint eighth = lane % 4;
        const uint column = half_of_walks * SUBGROUP_WALKS + j * SIDE + c;
        const uint walk = first_walk + column;
        const float least = min(least_of_four(corner + c * STRIDE + 2 * eighth),
                                least_of_four(corner + c * STRIDE + 2 * eighth + 1));
        if (walk < push.walks && heads[column].condition == WALK_STEPS && is_there) {
          Floats(part_of(walk, push.at.eights)).at[first_row / 8 + eighth] = least;
        }
      }
      if (lane < SIDE) {
        float least = ABOVE_ALL;
        [[unroll]] for (uint i = 0; i < 8; ++i) least = min(least, least_of_four(corner + lane * STRIDE + i));
        least_of_subgroups[side][half_of_walks * SUBGROUP_WALKS + j * SIDE + lane] = least;
      }
      subgroup_barrier();
    }
    barrier();
    if (invocation < 2 * WALKS) {
      const uint column = invocation % WALKS;
      const uint which = invocation / WALKS;
      const uint walk = first_walk + column;
      if (walk < push.walks && heads[column].condition == WALK_STEPS && block + which < blocks) {
        Floats(part_of(walk, push.at.minima)).at[block + which] =
            min(least_of_subgroups[2 * which][column], least_of_subgroups[2 * which + 1][column]);
      }
    }
    barrier();
  }
}
