// filter_walk_scores.comp for many walks: the product of all items with the vectors of all walks, in
// float32, and the same at its end. A workgroup for a tile of 128 items and WALKS walks, an
// invocation for four items of each block and every 16th walk.
#version 460
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require
#extension GL_GOOGLE_include_directive : require
#include "filter_walk.glsl"
#include "filter_walk_score.glsl"

layout(constant_id = HALF_ID) const bool HALF = true;
layout(constant_id = WALKS_ID) const uint WALKS = 128;
layout(local_size_x = 256) in;

layout(buffer_reference, std430, buffer_reference_align = 16) readonly buffer Groups {
  uvec4 at[];
};
layout(buffer_reference, std430, buffer_reference_align = 16) buffer Eights { vec4 at[]; };

const uint TILE_ITEMS = 2 * FILTER_BLOCK;
const uint CHUNK = 2;  // groups of dimensions that are in the tile at a time
const uint DEPTH = CHUNK * FILTER_GROUP;
const uint FOURS = WALKS / 64;  // walks of an invocation, by four
const uint UNIT_LOADS = HALF ? 1 : 2;

shared vec4 items[DEPTH][TILE_ITEMS / 4];
shared vec4 vectors[DEPTH][WALKS / 4];
shared float least_of_rows[16][WALKS];

// Part `place` of a chunk of two blocks of rows: a group of one, or half of it where it is float32.
uvec4 loaded(uint64_t base, uint blocks, uint first_block, uint group, uint place, uint parts) {
  const uint groups = push.units_pitch / FILTER_GROUP;
  const uint of_block = CHUNK * FILTER_BLOCK * parts;
  const uint block = min(first_block + place / of_block, blocks - 1);
  const uint row_of_parts = FILTER_BLOCK * parts;
  Groups from = Groups(base + uint64_t(block) * groups * row_of_parts * 16);
  return from.at[group * row_of_parts + place % of_block];
}

// A float32 part's row, and the first of its four dimensions in the chunk.
uvec2 place_of_part(uint place) {
  const uint of_block = CHUNK * FILTER_BLOCK * 2;
  const uint in_block = place % of_block;
  return uvec2(place / of_block * FILTER_BLOCK + in_block / 2 % FILTER_BLOCK,
               in_block / (2 * FILTER_BLOCK) * FILTER_GROUP + in_block % 2 * 4);
}

void main() {
  const uint invocation = gl_LocalInvocationIndex;
  const uint x = invocation / 16;  // walks 4 x to 4 x + 3 of each 64
  const uint y = invocation % 16;  // items 4 y to 4 y + 3 of each block
  const uint groups = push.units_pitch / FILTER_GROUP;
  const uint blocks = blocks_of_items();
  const uint walk_blocks = (push.walks + FILTER_BLOCK - 1) / FILTER_BLOCK;
  const uint walk_tiles = (push.walks + WALKS - 1) / WALKS;
  const uint tiles = (blocks + 1) / 2 * walk_tiles;
  for (uint number = gl_WorkGroupID.x; number < tiles; number += gl_NumWorkGroups.x) {
    const uint block = number / walk_tiles * 2;
    const uint first_walk = number % walk_tiles * WALKS;
    const uint walk_block = first_walk / FILTER_BLOCK;
    vec4 sums[2][8];
    [[unroll]] for (uint b = 0; b < 2; ++b) {
      [[unroll]] for (uint j = 0; j < 4 * FOURS; ++j) sums[b][j] = vec4(0);
    }
    uvec4 units[2];
    uvec4 walks[2];
    [[unroll]] for (uint q = 0; q < UNIT_LOADS; ++q) {
      units[q] = loaded(push.filter_units, blocks, block, 0, invocation + 256 * q, UNIT_LOADS);
    }
    [[unroll]] for (uint q = 0; q < FOURS; ++q) {
      walks[q] = loaded(vectors_of_walks(), walk_blocks, walk_block, 0, invocation + 256 * q, 2);
    }
    for (uint group = 0; group < groups; group += CHUNK) {
      [[unroll]] for (uint q = 0; q < UNIT_LOADS; ++q) {
        if (HALF) {
          const uint item = invocation / (CHUNK * FILTER_BLOCK) * FILTER_BLOCK +
                            invocation % FILTER_BLOCK;
          const uint first = invocation / FILTER_BLOCK % CHUNK * FILTER_GROUP;
          [[unroll]] for (uint k = 0; k < 4; ++k) {
            const vec2 two = unpackHalf2x16(units[0][k]);
            items[first + 2 * k][item / 4][item % 4] = two.x;
            items[first + 2 * k + 1][item / 4][item % 4] = two.y;
          }
        } else {
          const uvec2 place = place_of_part(invocation + 256 * q);
          [[unroll]] for (uint k = 0; k < 4; ++k) {
            items[place.y + k][place.x / 4][place.x % 4] = uintBitsToFloat(units[q][k]);
          }
        }
      }
      [[unroll]] for (uint q = 0; q < FOURS; ++q) {
        const uvec2 place = place_of_part(invocation + 256 * q);
        [[unroll]] for (uint k = 0; k < 4; ++k) {
          vectors[place.y + k][place.x / 4][place.x % 4] = uintBitsToFloat(walks[q][k]);
        }
      }
      barrier();
      // What comes next is on its way meanwhile.
      if (group + CHUNK < groups) {
        [[unroll]] for (uint q = 0; q < UNIT_LOADS; ++q) {
          units[q] = loaded(push.filter_units, blocks, block, group + CHUNK, invocation + 256 * q,
                            UNIT_LOADS);
        }
        [[unroll]] for (uint q = 0; q < FOURS; ++q) {
          walks[q] = loaded(vectors_of_walks(), walk_blocks, walk_block, group + CHUNK,
                            invocation + 256 * q, 2);
        }
      }
      // All of it is unrolled: else sums are not in registers.
      [[unroll]] for (uint k = 0; k < DEPTH; ++k) {
        const vec4 first = items[k][y];
        const vec4 second = items[k][16 + y];
        [[unroll]] for (uint f = 0; f < FOURS; ++f) {
          const vec4 factors = vectors[k][16 * f + x];
          [[unroll]] for (uint j = 0; j < 4; ++j) {
            sums[0][4 * f + j] = fma(first, vec4(factors[j]), sums[0][4 * f + j]);
            sums[1][4 * f + j] = fma(second, vec4(factors[j]), sums[1][4 * f + j]);
          }
        }
      }
      barrier();
    }

    const float scale = HALF ? HALF_SCALE : 1.0;
    // Few copies of the code: drivers would compile many for long.
    [[dont_unroll]] for (uint b = 0; b < 2; ++b) {
      const uint row = (block + b) * FILTER_BLOCK + 4 * y;
      [[dont_unroll]] for (uint j = 0; j < 4 * FOURS; ++j) {
        vec4 sum = vec4(0);
        [[unroll]] for (uint other = 0; other < 4 * FOURS; ++other) {
          if (j == other) sum = b == 0 ? sums[0][other] : sums[1][other];
        }
        const uint column = j / 4 * 64 + 4 * x + j % 4;
        const uint walk = first_walk + column;
        vec4 scores = vec4(ABOVE_ALL);
        if (walk < push.walks && block + b < blocks) {
          const FilterWalkHead head = Head(state_of(walk)).head;
          if (head.condition == WALK_STEPS) {
            const uint bits = Uints(part_of(walk, push.at.chosen)).at[row / 32] >> (row % 32);
            [[unroll]] for (uint i = 0; i < 4; ++i) {
              if (row + i >= push.n) continue;
              const float score = score_of(walk, row + i, head.count, sum[i] * scale);
              scores[i] = (bits >> i & 1) != 0 ? ABOVE_ALL : score;
            }
          }
        }
        least_of_rows[y][column] = min(min(scores.x, scores.y), min(scores.z, scores.w));
      }
      barrier();
      const uint walk = first_walk + invocation;
      if (invocation < WALKS && walk < push.walks && block + b < blocks &&
          Head(state_of(walk)).head.condition == WALK_STEPS) {
        vec4 eights[2];
        [[unroll]] for (uint e = 0; e < 8; ++e) {
          eights[e / 4][e % 4] = min(least_of_rows[2 * e][invocation], least_of_rows[2 * e + 1][invocation]);
        }
        Eights all = Eights(part_of(walk, push.at.eights));
        all.at[(block + b) * 2] = eights[0];
        all.at[(block + b) * 2 + 1] = eights[1];
        const vec4 least = min(eights[0], eights[1]);
        Floats(part_of(walk, push.at.minima)).at[block + b] =
            min(min(least.x, least.y), min(least.z, least.w));
      }
      barrier();
    }
  }
}
