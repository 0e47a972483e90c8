// filter_walk_scores.comp for many walks: the product of all items with the vectors of all walks, in
// float32, and the same at its end. A workgroup for a tile of 128 items and WALKS walks, an
// invocation for four items of each block and four of each 32 walks: as many as registers have room
// for, so that shared memory is read little for each multiply-add.
#version 460
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require
#extension GL_GOOGLE_include_directive : require
#include "filter_walk.glsl"
#include "filter_walk_score.glsl"
#include "filter_walk_tile.glsl"

layout(constant_id = HALF_ID) const bool HALF = true;

const uint INVOCATIONS = 128;
layout(local_size_x = INVOCATIONS) in;

layout(buffer_reference, std430, buffer_reference_align = 16) buffer Eights { vec4 at[]; };

const uint ITEM_PARTS = HALF ? 1 : 2;  // of a group of dimensions
const uint ITEM_LOADS = ITEM_PARTS * TILE_ITEMS / INVOCATIONS;
const uint WALK_LOADS = 2 * WALKS / INVOCATIONS;
const uint FOURS = WALKS / 32;  // walks of an invocation, by four
const uint MOST_FOURS = 4;

// A group of dimensions of all items and walks of the tile. With two at a time, and so a loop of twice
// as much code, an H100 took twice as long.
shared vec4 items[FILTER_GROUP][TILE_ITEMS / 4];
shared vec4 vectors[FILTER_GROUP][WALKS / 4];
shared float least_of_rows[16][WALKS];

// A group of dimensions of a row of a tile, or half of it where it is float32.
uvec4 loaded(uint64_t base, uint blocks, uint first_block, uint group, uint row, uint part, uint parts) {
  const uint groups = push.units_pitch / FILTER_GROUP;
  const uint block = min(first_block + row / FILTER_BLOCK, blocks - 1);
  Groups from = Groups(base + uint64_t(block) * groups * FILTER_BLOCK * parts * 16);
  return from.at[(group * FILTER_BLOCK + row % FILTER_BLOCK) * parts + part];
}

uvec4 loaded_items(uint blocks, uint block, uint group, uint place) {
  return loaded(push.filter_units, blocks, block, group, place % TILE_ITEMS, place / TILE_ITEMS, ITEM_PARTS);
}

uvec4 loaded_vectors(uint blocks, uint block, uint group, uint place) {
  return loaded(vectors_of_walks(), blocks, block, group, place % WALKS, place / WALKS, 2);
}

// Where the walk is in the tile that is the j-th of an invocation's.
uint column_of(uint x, uint j) { return j / 4 * 32 + 4 * x + j % 4; }

// The values of four items of one of the two blocks.
void take_four(vec4 values, uint b, uint y, uint column) {
  const uint bits = gone[column][2 * b + y / 8] >> (y % 8 * 4);
  least_of_rows[y][column] = least_of_four(without(values, bits));
}

// The smallest of each eight items of a block, and of all, once least_of_rows has those of fours. All
// invocations come here.
void write_least(uint block, uint first_walk) {
  const uint column = gl_LocalInvocationIndex;
  barrier();
  if (column < WALKS && counts[column] > 0 && block < blocks_of_items()) {
    vec4 eights[2];
    [[unroll]] for (uint e = 0; e < 8; ++e) {
      eights[e / 4][e % 4] = min(least_of_rows[2 * e][column], least_of_rows[2 * e + 1][column]);
    }
    Eights all = Eights(part_of(first_walk + column, push.at.eights));
    all.at[block * 2] = eights[0];
    all.at[block * 2 + 1] = eights[1];
    Floats(part_of(first_walk + column, push.at.minima)).at[block] = least_of_four(min(eights[0], eights[1]));
  }
  barrier();
}

void main() {
  const uint invocation = gl_LocalInvocationIndex;
  // 32 invocations side by side read eight vectors of items and four of walks.
  const uint x = invocation / 64 * 4 + invocation / 8 % 4;   // walks 4 x to 4 x + 3 of each 32
  const uint y = invocation / 32 % 2 * 8 + invocation % 8;  // items 4 y to 4 y + 3 of each block
  const uint groups = push.units_pitch / FILTER_GROUP;
  const uint blocks = blocks_of_items();
  const uint walk_blocks = (push.walks + FILTER_BLOCK - 1) / FILTER_BLOCK;
  const uint walk_tiles = (push.walks + WALKS - 1) / WALKS;
  const uint tiles = (blocks + 1) / 2 * walk_tiles;
  for (uint number = gl_WorkGroupID.x; number < tiles; number += gl_NumWorkGroups.x) {
    const uint block = number / walk_tiles * 2;
    const uint first_walk = number % walk_tiles * WALKS;
    const uint walk_block = first_walk / FILTER_BLOCK;
    if (invocation < WALKS) read_walk(invocation, first_walk, block, HALF ? HALF_SCALE : 1.0);

    vec4 sums[2][4 * MOST_FOURS];
    [[unroll]] for (uint b = 0; b < 2; ++b) {
      [[unroll]] for (uint j = 0; j < 4 * FOURS; ++j) sums[b][j] = vec4(0);
    }
    uvec4 units[2];
    uvec4 walks[2];
    [[unroll]] for (uint q = 0; q < ITEM_LOADS; ++q) {
      units[q] = loaded_items(blocks, block, 0, invocation + INVOCATIONS * q);
    }
    [[unroll]] for (uint q = 0; q < WALK_LOADS; ++q) {
      walks[q] = loaded_vectors(walk_blocks, walk_block, 0, invocation + INVOCATIONS * q);
    }
    for (uint group = 0; group < groups; ++group) {
      [[unroll]] for (uint q = 0; q < ITEM_LOADS; ++q) {
        const uint place = invocation + INVOCATIONS * q;
        const uint item = place % TILE_ITEMS;
        [[unroll]] for (uint k = 0; k < 4; ++k) {
          if (HALF) {
            const vec2 two = unpackHalf2x16(units[q][k]);
            items[2 * k][item / 4][item % 4] = two.x;
            items[2 * k + 1][item / 4][item % 4] = two.y;
          } else {
            items[place / TILE_ITEMS * 4 + k][item / 4][item % 4] = uintBitsToFloat(units[q][k]);
          }
        }
      }
      [[unroll]] for (uint q = 0; q < WALK_LOADS; ++q) {
        const uint place = invocation + INVOCATIONS * q;
        const uint column = place % WALKS;
        [[unroll]] for (uint k = 0; k < 4; ++k) {
          vectors[place / WALKS * 4 + k][column / 4][column % 4] = uintBitsToFloat(walks[q][k]);
        }
      }
      barrier();
      // What comes next is on its way meanwhile.
      if (group + 1 < groups) {
        [[unroll]] for (uint q = 0; q < ITEM_LOADS; ++q) {
          units[q] = loaded_items(blocks, block, group + 1, invocation + INVOCATIONS * q);
        }
        [[unroll]] for (uint q = 0; q < WALK_LOADS; ++q) {
          walks[q] = loaded_vectors(walk_blocks, walk_block, group + 1, invocation + INVOCATIONS * q);
        }
      }
      // All of it is unrolled: else sums are not in registers.
      [[unroll]] for (uint k = 0; k < FILTER_GROUP; ++k) {
        const vec4 first = items[k][y];
        const vec4 second = items[k][16 + y];
        [[unroll]] for (uint f = 0; f < FOURS; ++f) {
          const vec4 factors = vectors[k][8 * f + x];
          [[unroll]] for (uint j = 0; j < 4; ++j) {
            sums[0][4 * f + j] = fma(first, vec4(factors[j]), sums[0][4 * f + j]);
            sums[1][4 * f + j] = fma(second, vec4(factors[j]), sums[1][4 * f + j]);
          }
        }
      }
      barrier();
    }

    if (SCORES) {
      // Few copies of the code: drivers would compile many for long.
      [[dont_unroll]] for (uint b = 0; b < 2; ++b) {
        const uint row = (block + b) * FILTER_BLOCK + 4 * y;
        [[dont_unroll]] for (uint j = 0; j < 4 * FOURS; ++j) {
          vec4 sum = vec4(0);
          [[unroll]] for (uint other = 0; other < 4 * FOURS; ++other) {
            if (j == other) sum = b == 0 ? sums[0][other] : sums[1][other];
          }
          const uint column = column_of(x, j);
          vec4 scores = sum * scales[column];
          [[unroll]] for (uint i = 0; i < 4; ++i) {
            if (counts[column] == 0 || row + i >= push.n) continue;
            scores[i] = score_of(first_walk + column, row + i, counts[column], scores[i]);
          }
          take_four(scores, b, y, column);
        }
        write_least(block + b, first_walk);
      }
    } else {
      [[unroll]] for (uint b = 0; b < 2; ++b) {
        [[unroll]] for (uint j = 0; j < 4 * FOURS; ++j) {
          const uint column = column_of(x, j);
          take_four(sums[b][j] * scales[column], b, y, column);
        }
        write_least(block + b, first_walk);
      }
    }
  }
}
