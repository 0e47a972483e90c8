// Keys of neighbours, and how a workgroup puts some in order. Included behind the declarations of
// `push` and of INVOCATIONS, the workgroup's.

uint64_t key_of(int cosine, uint id) {
  return (uint64_t(uint(FIXED_POINT_ONE) - uint(cosine)) << push.id_bits) | uint64_t(id);
}

#include "sort.glsl"
