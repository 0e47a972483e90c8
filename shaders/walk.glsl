// One workgroup goes on with one walk: a step adds the latest item's row of the similarity matrix
// to the running sums A_j and chooses the item whose sum is smallest, the lowest id on a tie.
// Within the kernels an item is known by its row of the matrix.
#include "interface.h"
#include "fixed_point.glsl"

layout(constant_id = WORKGROUP_SIZE_ID) const uint INVOCATIONS = 8;
layout(constant_id = WEIGHTED_ID) const bool WEIGHTED = false;
layout(local_size_x_id = WORKGROUP_SIZE_ID) in;

layout(push_constant, std430) uniform Push { WalkPush push; };

#include "matrix.glsl"

layout(buffer_reference, std430, buffer_reference_align = 4) readonly buffer Ints {
  int at[];
};
layout(buffer_reference, std430, buffer_reference_align = 4) buffer Uints {
  uint at[];
};

// What a chosen item adds to the sum of another.
int contribution(int cosine, int weight) {
  return WEIGHTED ? int(from_product(int64_t(cosine) * int64_t(weight))) : cosine;
}
