// Which tile of the similarity matrix a workgroup computes, and where its elements go.
#include "interface.h"
#include "fixed_point.glsl"

layout(push_constant, std430) uniform Push { SimilarityPush push; };

#include "matrix.glsl"

layout(buffer_reference, std430, buffer_reference_align = 16) writeonly buffer OutputRow {
  ivec4 at[];
};
layout(buffer_reference, std430, buffer_reference_align = 4) readonly buffer Uints {
  uint at[];
};

// The row of the unit vectors that holds an item's, or a query's.
uint units_row(uint item) {
  if (item >= FIRST_QUERY) return item - FIRST_QUERY;
  return push.reordered == 0 ? item : Uints(push.units_rows).at[item];
}

// Row and column of this workgroup's tile. In a triangle, tiles are numbered down the columns of
// the upper half: 0 | 1 2 | 3 4 5 | ...
uvec2 tile_of_workgroup() {
  const uint tile = push.first_tile + gl_WorkGroupID.x;
  if (push.triangle == 0) return uvec2(tile / push.tiles_across, tile % push.tiles_across);
  uint column = uint((sqrt(8.0 * float(tile) + 1.0) - 1.0) * 0.5);
  while (column * (column + 1) / 2 > tile) --column;
  while ((column + 1) * (column + 2) / 2 <= tile) ++column;
  return uvec2(tile - column * (column + 1) / 2, column);
}

// The address of an item's row of the output.
uint64_t output_row(uint item) { return row_address(item - push.first_item); }

bool has_output_row(uint item) { return item < push.end_item; }
