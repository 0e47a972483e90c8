// The k most similar items of one item a workgroup, from its row of the similarity matrix: a radix
// selection, whose digits are counted in shared memory. It ends at the first digit that tells apart
// what is taken and what is not, on real data mostly the second; so a row is read about three times,
// and but for the first time from a cache.
#version 460
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require
#extension GL_GOOGLE_include_directive : require
#include "interface.h"
#include "fixed_point.glsl"

layout(constant_id = WORKGROUP_SIZE_ID) const uint INVOCATIONS = 64;  // a power of two
layout(local_size_x_id = WORKGROUP_SIZE_ID) in;

layout(push_constant, std430) uniform Push { NeighborsPush push; };

#include "matrix.glsl"
#include "neighbor_keys.glsl"

layout(buffer_reference, std430, buffer_reference_align = 8) writeonly buffer Keys {
  uint64_t at[];
};
layout(buffer_reference, std430, buffer_reference_align = 4) readonly buffer Uints {
  uint at[];
};

const uint DIGITS = 1u << DIGIT_BITS;

shared uint counts[DIGITS];  // of the keys with each digit
shared uint group_counts[DIGIT_GROUPS];
// The digit of the last key to be taken, the keys with lower digits and those with this one.
shared uint last_digit, below_last, with_last;
shared uint taken;

// n or more in padding.
uint id_of(uint column) {
  if (push.reordered == 0 || column >= push.n) return column;
  return Uints(push.ids).at[min(column, push.n - 1)];  // in bounds even if loaded before the test
}

// Counts the digit from bit `shift` on of the keys that begin, down to bit `known`, with `prefix`.
void count_digits(MatrixRow cosines, uint own_id, uint64_t prefix, uint known, uint shift) {
  for (uint d = gl_LocalInvocationIndex; d < DIGITS; d += INVOCATIONS) counts[d] = 0;
  barrier();
  const uint vectors = (push.n + 3) / 4;
  const uint mask = (1u << (known - shift)) - 1;
  for (uint v = gl_LocalInvocationIndex; v < vectors; v += INVOCATIONS) {
    const ivec4 four = cosines.at[v];
    [[unroll]] for (uint c = 0; c < 4; ++c) {
      const uint id = id_of(v * 4 + c);
      const uint64_t key = key_of(four[c], id);
      if (id < push.n && id != own_id && (key >> known) == prefix) {
        atomicAdd(counts[uint(key >> shift) & mask], 1);
      }
    }
  }
  barrier();
}

// Finds the digit of the wanted-th smallest of the keys counted.
void find_last_digit(uint wanted) {
  const uint per_group = DIGITS / DIGIT_GROUPS;
  for (uint g = gl_LocalInvocationIndex; g < DIGIT_GROUPS; g += INVOCATIONS) {
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
void take(MatrixRow cosines, uint own_id, uint64_t prefix, uint known) {
  Keys result = Keys(push.neighbors + uint64_t(gl_WorkGroupID.x) * push.k * 8);
  const uint vectors = (push.n + 3) / 4;
  for (uint v = gl_LocalInvocationIndex; v < vectors; v += INVOCATIONS) {
    const ivec4 four = cosines.at[v];
    [[unroll]] for (uint c = 0; c < 4; ++c) {
      const uint id = id_of(v * 4 + c);
      const uint64_t key = key_of(four[c], id);
      if (id < push.n && id != own_id && (key >> known) <= prefix) {
        const uint place = atomicAdd(taken, 1);
        if (push.sort_capacity > 0) {
          sorted[place] = key;
        } else {
          result.at[place] = key;
        }
      }
    }
  }
}

void main() {
  const uint row_in_order = push.first_row + gl_WorkGroupID.x;
  const uint own_id = push.first_item + row_in_order;
  MatrixRow cosines =
      MatrixRow(row_address(push.reordered == 0 ? row_in_order : Uints(push.rows).at[own_id]));

  uint64_t prefix = 0;  // of the last key to be taken: its bits from `known` on
  uint known = 32 + push.id_bits;
  uint wanted = push.k;  // of the keys that begin with prefix
  bool told_apart = false;
  while (!told_apart) {
    const uint shift = known > DIGIT_BITS ? known - DIGIT_BITS : 0;
    count_digits(cosines, own_id, prefix, known, shift);
    find_last_digit(wanted);
    prefix = (prefix << (known - shift)) | uint64_t(last_digit);
    known = shift;
    wanted -= below_last;
    told_apart = wanted == with_last;
  }

  take(cosines, own_id, prefix, known);
  if (push.sort_capacity == 0) return;
  barrier();
  sort(push.k, push.sort_capacity);
  Keys result = Keys(push.neighbors + uint64_t(gl_WorkGroupID.x) * push.k * 8);
  for (uint i = gl_LocalInvocationIndex; i < push.k; i += INVOCATIONS) result.at[i] = sorted[i];
}
