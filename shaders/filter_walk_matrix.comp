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
#include "filter_walk_tile.glsl"

layout(local_size_x = 256) in;

const uint CHUNK = 8;           // groups of dimensions that are in the tile at a time
const uint STRIDE = CHUNK + 1;  // from one item to the next: rows begin in different banks
const uint SIDE = 16;           // of a cooperative matrix
const uint SUBGROUP_WALKS = WALKS / 2;
const uint ACROSS = SUBGROUP_WALKS / SIDE;
const uint MOST_ACROSS = 4;
const uint ITEM_LOADS = TILE_ITEMS * CHUNK / 256;
const uint WALK_LOADS = WALKS * CHUNK / 256;

// Items and as many walks at most. At the end, products of 32 items and 32 walks for each subgroup.
shared uvec4 tile[2 * TILE_ITEMS * STRIDE];
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

// The least of eight items, times `scale`.
float least_of_eight(uint place, float scale, uint bits) {
  return least_of_four(min(without(uintBitsToFloat(tile[place]) * scale, bits),
                           without(uintBitsToFloat(tile[place + 1]) * scale, bits >> 4)));
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
    if (invocation < WALKS) read_walk(invocation, first_walk, block, HALF_SCALE);

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

    // 32 items of 32 walks at a time go through shared memory.
    const uint corner = gl_SubgroupID * 2 * SIDE * STRIDE;
    const uint first_row = block * FILTER_BLOCK + side * 32;
    const bool is_there = first_row < blocks * FILTER_BLOCK;
    [[unroll]] for (uint j = 0; j < ACROSS; j += 2) {
      const uint first_column = half_of_walks * SUBGROUP_WALKS + j * SIDE;
      [[unroll]] for (uint i = 0; i < 2; ++i) {
        coopMatStoreNV(sums[i][j], tile, corner + i * 4, STRIDE, true);
        coopMatStoreNV(sums[i][j + 1], tile, corner + SIDE * STRIDE + i * 4, STRIDE, true);
      }
      subgroup_barrier();
      if (SCORES) {  // an invocation takes an item
        const uint row = first_row + lane;
        [[dont_unroll]] for (uint c = 0; c < 32; ++c) {
          const uint column = first_column + c;
          if (counts[column] == 0 || row >= push.n) continue;
          const uint place = corner + c * STRIDE + lane / 4;
          const float product = uintBitsToFloat(tile[place][lane % 4]) * scales[column];
          const float score = score_of(first_walk + column, row, counts[column], product);
          tile[place][lane % 4] = floatBitsToUint(score);
        }
        subgroup_barrier();
      }
      // The smallest of eight: four of each walk, which four invocations take. They put them behind
      // the walk's products, too.
      [[unroll]] for (uint i = 0; i < 4; ++i) {
        const uint c = i * 8 + lane / 4;
        const uint column = first_column + c;
        const uint place = corner + c * STRIDE;
        const uint eighth = lane % 4;
        const float least = least_of_eight(place + 2 * eighth, SCORES ? 1 : scales[column],
                                           gone[column][side] >> (8 * eighth));
        if (counts[column] > 0 && is_there) {
          Floats(part_of(first_walk + column, push.at.eights)).at[first_row / 8 + eighth] = least;
        }
        tile[place + 8][eighth] = floatBitsToUint(least);
      }
      subgroup_barrier();
      least_of_subgroups[side][first_column + lane] =
          least_of_four(uintBitsToFloat(tile[corner + lane * STRIDE + 8]));
    }
    barrier();
    if (invocation < 2 * WALKS) {
      const uint column = invocation % WALKS;
      const uint which = invocation / WALKS;
      if (counts[column] > 0 && block + which < blocks) {
        Floats(part_of(first_walk + column, push.at.minima)).at[block + which] =
            min(least_of_subgroups[2 * which][column], least_of_subgroups[2 * which + 1][column]);
      }
    }
    barrier();
  }
}
