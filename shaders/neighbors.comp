// The k most similar items of one item a workgroup, from its row of the similarity matrix: a radix
// selection, whose digits are counted in shared memory. It ends at the first digit that tells apart
// what is taken and what is not, on real data mostly the second; so a row is read about three times,
// and but for the first time from a cache.
#version 460
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require
#extension GL_GOOGLE_include_directive : require
#include "fixed_point.glsl"
#include "interface.h"

layout(constant_id = 0) const uint INVOCATIONS = 64;  // a power of two
layout(constant_id = 1) const uint MOST_SORTED = 64;  // keys; what sort_size may be
layout(local_size_x_id = 0) in;

layout(push_constant, std430) uniform Push { NeighborsPush push; };

layout(buffer_reference, std430, buffer_reference_align = 8) readonly buffer Addresses {
  uint64_t at[];
};
layout(buffer_reference, std430, buffer_reference_align = 16) readonly buffer MatrixRow {
  ivec4 at[];
};
layout(buffer_reference, std430, buffer_reference_align = 8) writeonly buffer Keys {
  uint64_t at[];
};

layout(buffer_reference, std430, buffer_reference_align = 4) readonly buffer Items {
  uint at[];
};

const uint DIGIT_BITS = 10;
const uint DIGITS = 1u << DIGIT_BITS;
const uint GROUPS = 32;  // of digits, so that one invocation has few numbers to go through

shared uint counts[DIGITS];  // of the keys with each digit
shared uint group_counts[GROUPS];
// The digit of the last key to be taken, the keys with lower digits and those with this one.
shared uint last_digit, below_last, with_last;
shared uint taken;
shared uint64_t sorted[MOST_SORTED];

uint64_t row_address(uint row) {
  const uint64_t block = Addresses(push.blocks).at[row >> push.block_shift];
  return block + uint64_t(row & ((1u << push.block_shift) - 1)) * push.matrix_pitch * 4;
}

uint id_of(uint column) {
  return push.ids == 0 || column >= push.n ? column : Items(push.ids).at[column];
}

uint64_t key_of(int cosine, uint id) {
  return (uint64_t(uint(FIXED_POINT_ONE) - uint(cosine)) << push.id_bits) | uint64_t(id);
}

// Counts the digit from bit `shift` on of the keys that begin, down to bit `known`, with `prefix`.
void count_digits(MatrixRow row, uint item, uint64_t prefix, uint known, uint shift) {
  for (uint d = gl_LocalInvocationIndex; d < DIGITS; d += INVOCATIONS) counts[d] = 0;
  barrier();
  const uint vectors = (push.n + 3) / 4;
  const uint mask = (1u << (known - shift)) - 1;
  for (uint v = gl_LocalInvocationIndex; v < vectors; v += INVOCATIONS) {
    const ivec4 cosines = row.at[v];
    [[unroll]] for (uint c = 0; c < 4; ++c) {
      const uint id = id_of(v * 4 + c);
      const uint64_t key = key_of(cosines[c], id);
      if (id < push.n && id != item && (key >> known) == prefix) {
        atomicAdd(counts[uint(key >> shift) & mask], 1);
      }
    }
  }
  barrier();
}

// Finds the digit of the wanted-th smallest of the keys counted.
void find_last_digit(uint wanted) {
  const uint per_group = DIGITS / GROUPS;
  for (uint g = gl_LocalInvocationIndex; g < GROUPS; g += INVOCATIONS) {
    uint sum = 0;
    // Each begins at another place, so that they do not all read from the same bank.
    for (uint d = 0; d < per_group; ++d) sum += counts[g * per_group + (d + g) % per_group];
    group_counts[g] = sum;
  }
  barrier();
  if (gl_LocalInvocationIndex == 0) {
    uint below = 0;
    uint group = 0;
    while (below + group_counts[group] < wanted) below += group_counts[group++];
    uint digit = group * per_group;
    while (below + counts[digit] < wanted) below += counts[digit++];
    last_digit = digit;
    below_last = below;
    with_last = counts[digit];
    taken = 0;
  }
  barrier();
}

// Takes the keys that begin, down to bit `known`, with no more than `prefix`: they are k.
void take(MatrixRow row, uint item, uint64_t prefix, uint known) {
  Keys result = Keys(push.neighbors + uint64_t(gl_WorkGroupID.x) * push.k * 8);
  const uint vectors = (push.n + 3) / 4;
  for (uint v = gl_LocalInvocationIndex; v < vectors; v += INVOCATIONS) {
    const ivec4 cosines = row.at[v];
    [[unroll]] for (uint c = 0; c < 4; ++c) {
      const uint id = id_of(v * 4 + c);
      const uint64_t key = key_of(cosines[c], id);
      if (id < push.n && id != item && (key >> known) <= prefix) {
        const uint place = atomicAdd(taken, 1);
        if (push.sort_size > 0) {
          sorted[place] = key;
        } else {
          result.at[place] = key;
        }
      }
    }
  }
}

// A bitonic sort.
void sort() {
  for (uint i = push.k + gl_LocalInvocationIndex; i < push.sort_size; i += INVOCATIONS) {
    sorted[i] = ~uint64_t(0);
  }
  barrier();
  for (uint run = 2; run <= push.sort_size; run *= 2) {
    for (uint distance = run / 2; distance > 0; distance /= 2) {
      for (uint p = gl_LocalInvocationIndex; p < push.sort_size / 2; p += INVOCATIONS) {
        const uint low = 2 * p - (p & (distance - 1));
        const uint high = low + distance;
        const uint64_t a = sorted[low];
        const uint64_t b = sorted[high];
        if ((a > b) == ((low & run) == 0)) {
          sorted[low] = b;
          sorted[high] = a;
        }
      }
      barrier();
    }
  }
}

void main() {
  const uint item = push.first_item + push.first_row + gl_WorkGroupID.x;
  const uint row_number = push.rows == 0 ? item - push.first_item : Items(push.rows).at[item];
  MatrixRow row = MatrixRow(row_address(row_number));

  uint64_t prefix = 0;  // of the last key to be taken: its bits from `known` on
  uint known = 32 + push.id_bits;
  uint wanted = push.k;  // of the keys that begin with prefix
  bool told_apart = false;
  while (!told_apart) {
    const uint shift = known > DIGIT_BITS ? known - DIGIT_BITS : 0;
    count_digits(row, item, prefix, known, shift);
    find_last_digit(wanted);
    prefix = (prefix << (known - shift)) | uint64_t(last_digit);
    known = shift;
    wanted -= below_last;
    told_apart = wanted == with_last;
  }

  take(row, item, prefix, known);
  if (push.sort_size == 0) return;
  barrier();
  sort();
  Keys result = Keys(push.neighbors + uint64_t(gl_WorkGroupID.x) * push.k * 8);
  for (uint i = gl_LocalInvocationIndex; i < push.k; i += INVOCATIONS) result.at[i] = sorted[i];
}
