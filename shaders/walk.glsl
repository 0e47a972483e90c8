// One workgroup goes on with one walk: a step adds the latest item's row of the similarity matrix
// to the running sums A_j and chooses the item whose sum is smallest, the lowest id on a tie.
// Items are known by their rows of the matrix, which ORDERED says are not in the order of ids.
#include "fixed_point.glsl"
#include "interface.h"

layout(constant_id = 0) const uint INVOCATIONS = 8;   // of the workgroup
layout(constant_id = 1) const bool WEIGHTED = false;  // the weights are not all 1
layout(local_size_x_id = 0) in;

layout(push_constant, std430) uniform Push { WalkPush push; };

layout(buffer_reference, std430, buffer_reference_align = 8) readonly buffer Addresses {
  uint64_t at[];
};
layout(buffer_reference, std430, buffer_reference_align = 4) readonly buffer Integers {
  int at[];
};
layout(buffer_reference, std430, buffer_reference_align = 4) buffer Items {
  uint at[];
};

// What a chosen item adds to the sum of another.
int contribution(int cosine, int weight) {
  return WEIGHTED ? int(from_product(int64_t(cosine) * int64_t(weight))) : cosine;
}
