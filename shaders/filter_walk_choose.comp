// The last kernel of a step: the best candidate is chosen, the lowest id on a tie, and the next step
// made ready. A workgroup for each walk.
//
// Of a crowded walk: the best of all candidates so far is kept, and chosen when there are no more.
#version 460
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require
#extension GL_GOOGLE_include_directive : require
#include "filter_walk.glsl"

layout(constant_id = WORKGROUP_SIZE_ID) const uint INVOCATIONS = 64;
layout(constant_id = PARTS_ID) const uint PARTS = 1;
layout(constant_id = VECTORS_ID) const uint VECTORS = VECTORS_OWN;
layout(local_size_x_id = WORKGROUP_SIZE_ID) in;

shared uint next_row;  // n: none yet
shared float squares[INVOCATIONS];

float sum_of_all(float mine) {
  barrier();
  squares[gl_LocalInvocationIndex] = mine;
  barrier();
  float sum = squares[0];
  for (uint i = 1; i < INVOCATIONS; ++i) sum += squares[i];
  return sum;
}

// Where a vector's dimensions k and k + 1 are, among the vectors of all walks.
uint place_of_pair(uint walk, uint k) {
  const uint groups = push.units_pitch / FILTER_GROUP;
  const uint group = (walk / FILTER_BLOCK * groups + k / FILTER_GROUP) * FILTER_BLOCK + walk % FILTER_BLOCK;
  return (group * FILTER_GROUP + k % FILTER_GROUP) / 2;
}

// A float16 that is 0 or normal: by its bits, since compilers may take a conversion there and back away.
float value_of_half(uint half_bits) {
  const uint size = half_bits & 0x7fffu;
  return size == 0 ? 0 : uintBitsToFloat((half_bits & 0x8000u) << 16 | (size << 13) + (112u << 23));
}

// Writes a vector of this length in float16, times a power of two by which its length is about 2^14.
// What is then too small to be normal is 0. Returns the length of what rounding took away, and
// what products with it are to be multiplied with.
float write_halves(uint walk, Floats vector, float size, out float scale) {
  const int exponent = max(int(floatBitsToUint(size) >> 23) - 127, -90);
  const float factor = uintBitsToFloat(uint(127 + 14 - exponent) << 23);
  scale = uintBitsToFloat(uint(127 - 14 + exponent) << 23);
  Uints halves = Uints(vectors_of_walks());
  float square = 0;
  for (uint k = 2 * gl_LocalInvocationIndex; k < push.units_pitch; k += 2 * INVOCATIONS) {
    vec2 pair = vec2(vector.at[k], vector.at[k + 1]) * factor;
    const vec2 normal = mix(pair, vec2(0), lessThan(abs(pair), vec2(1.0 / 16384)));
    const uint bits = packHalf2x16(normal);
    pair -= vec2(value_of_half(bits & 0xffffu), value_of_half(bits >> 16));
    square += dot(pair, pair);
    halves.at[place_of_pair(walk, k)] = bits;
  }
  // As for other lengths, filter_bound_of_length has the same factor.
  return sqrt(sum_of_all(square)) * scale * 1.03;
}

void write_floats(uint walk, Floats vector) {
  Floats floats = Floats(vectors_of_walks());
  for (uint k = 2 * gl_LocalInvocationIndex; k < push.units_pitch; k += 2 * INVOCATIONS) {
    const uint place = 2 * place_of_pair(walk, k);
    floats.at[place] = vector.at[k];
    floats.at[place + 1] = vector.at[k + 1];
  }
}

int64_t score_of(uint walk, uint candidate) {
  Longs parts = parts_of(walk);
  int64_t value = parts.at[candidate * MOST_PARTS];
  for (uint p = 1; p < PARTS; ++p) {
    const int64_t other = parts.at[candidate * MOST_PARTS + p];
    value = SCORES ? max(value, other) : value + other;
  }
  if (!SCORES) return value;
  const int64_t with_start = int64_t(with_start_of(walk).at[candidate]);
  return int64_t(push.lambda) * (push.toward == 1 ? -with_start : with_start) +
         int64_t(FIXED_POINT_ONE - push.lambda) * value;
}

// The row to choose.
uint best_row(uint walk) {
  Head state = Head(state_of(walk));
  Uints candidates = candidates_of(walk);
  Uints ids = Uints(push.ids);
  // The start, which is there already.
  if (state.head.count == 0) return chosen_of(walk).at[0];
  const bool crowded = push.condition == WALK_CROWDED;
  if (state.head.candidates == 1 && !crowded) return candidates.at[0];
  bool found = crowded && state.head.has_best == 1;
  int64_t score = packInt2x32(ivec2(state.head.best_score_low, state.head.best_score_high));
  uint row = state.head.best_row;
  uint id = state.head.best_id;
  for (uint c = 0; c < state.head.candidates; ++c) {
    const int64_t its = score_of(walk, c);
    const uint its_row = candidates.at[c];
    const uint its_id = ids.at[its_row];
    if (!found || its < score || (its == score && its_id < id)) {
      score = its;
      row = its_row;
      id = its_id;
      found = true;
    }
  }
  if (crowded) {
    const ivec2 halves = unpackInt2x32(score);
    state.head.best_score_low = uint(halves.x);
    state.head.best_score_high = uint(halves.y);
    state.head.best_row = row;
    state.head.best_id = id;
    state.head.has_best = found ? 1 : 0;
    if (state.head.next_block < blocks_of_items()) return push.n;
  }
  return row;
}

void main() {
  const uint invocation = gl_LocalInvocationIndex;
  const uint walk = gl_WorkGroupID.x;
  Head state = Head(state_of(walk));
  if (state.head.condition != push.condition) return;
  const uint count = state.head.count;
  if (invocation == 0) {
    next_row = best_row(walk);
    if (next_row < push.n) {
      chosen_of(walk).at[count] = next_row;
      Uints bits = Uints(part_of(walk, push.at.chosen));
      bits.at[next_row / 32] |= 1u << (next_row % 32);
    }
  }
  barrier();
  const uint row = next_row;
  if (row >= push.n) return;

  const int weight = Ints(push.weights).at[row];
  Longs sums = Longs(part_of(walk, push.at.sums));
  Floats vector = Floats(part_of(walk, push.at.vector));
  Ints unit = Ints(push.units + uint64_t(row) * push.units_pitch * 4);
  float square = 0;
  for (uint k = 2 * invocation; k < push.units_pitch; k += 2 * INVOCATIONS) {
    [[unroll]] for (uint i = 0; i < 2; ++i) {
      int64_t sum = int64_t(unit.at[k + i]);
      if (!SCORES) {
        sum = sums.at[k + i] + from_product(int64_t(weight) * sum);
        sums.at[k + i] = sum;
      }
      const float component = float(sum) * UNIT;
      vector.at[k + i] = component;
      square += component * component;
    }
  }
  square = sum_of_all(square);
  const float size = sqrt(square);
  float left_out = 0;
  float scale = 1;
  if (VECTORS == VECTORS_HALF) {
    left_out = write_halves(walk, vector, size, scale);
  } else if (VECTORS == VECTORS_FLOAT) {
    write_floats(walk, vector);
  }
  if (invocation == 0) {
    state.head.scale = scale;
    const float bound = size * push.bound_of_length + left_out +
                        float(count + 1) * push.bound_of_pick + push.bound_of_step;
    // Scores are made of the products of earlier steps, too.
    state.head.bound = SCORES ? max(bound, state.head.bound) : bound;
    state.head.count = count + 1;
    state.head.condition = count + 1 == push.items ? WALK_ENDED : WALK_STEPS;
  }
}
