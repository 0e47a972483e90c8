// One workgroup goes on with one walk: a step takes in the latest item's row of the similarity
// matrix and chooses the best of the items not yet chosen, the lowest id on a tie.
// Within the kernels an item is known by its row of the matrix.
#include "interface.h"
#include "fixed_point.glsl"

layout(constant_id = WORKGROUP_SIZE_ID) const uint INVOCATIONS = 8;
layout(local_size_x_id = WORKGROUP_SIZE_ID) in;

layout(push_constant, std430) uniform Push { WalkPush push; };

#include "matrix.glsl"

layout(buffer_reference, std430, buffer_reference_align = 4) readonly buffer Ints {
  int at[];
};
layout(buffer_reference, std430, buffer_reference_align = 4) buffer Uints {
  uint at[];
};
