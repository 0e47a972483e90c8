// What the kernels that multiply for the filter share: which tile a workgroup has, and what becomes of its
// products.
#include "interface.h"

layout(push_constant, std430) uniform Push { FilterProductPush push; };

layout(buffer_reference, std430, buffer_reference_align = 16) readonly buffer Halves {
  uvec4 at[];  // eight each
};
layout(buffer_reference, std430, buffer_reference_align = 4) readonly buffer Thresholds {
  float at[];
};
layout(buffer_reference, std430, buffer_reference_align = 4) buffer Counts {
  uint at[];
};
layout(buffer_reference, std430, buffer_reference_align = 4) readonly buffer OwnRows {
  uint at[];
};
layout(buffer_reference, std430, buffer_reference_align = 8) writeonly buffer Candidates {
  uint64_t at[];
};

const uint SIDE = FILTER_TILE_SIDE;

// The first row and the first column of this workgroup's tile. Tiles one behind the other have the same
// columns, which so are in the cache. Columns come spread over all items: wherever a row's neighbours are,
// what has been seen is a sample of them.
uvec2 tile_of_workgroup() {
  const uint place = push.first_column + gl_WorkGroupID.x / push.row_tiles;
  const uint column = uint(uint64_t(place) * push.column_stride % push.column_tiles);
  return uvec2(gl_WorkGroupID.x % push.row_tiles, column) * SIDE;
}

Halves row_halves(uint row) { return Halves(push.rows + uint64_t(row) * push.halves_pitch * 2); }

Halves item_halves(uint row) {
  return Halves(push.items + uint64_t(min(row, push.n - 1)) * push.halves_pitch * 2);
}

float threshold_of(uint row) { return Thresholds(push.thresholds).at[row]; }

// The greatest product has the smallest key, in its upper half.
uint order_of(float product) {
  const uint bits = floatBitsToUint(product);
  return (bits >> 31) == 1 ? bits : ~(bits | 0x80000000u);
}

// Takes a product that is not below the row's threshold. Of the first tiles all are taken, into places that need
// no counting; what is no candidate has the last of all keys there.
void add_candidate(uint row, uint column, float product) {
  const bool is_one = column < push.n && column != OwnRows(push.own_rows).at[row];
  if (push.all == 1) {
    const uint tile = push.first_column + gl_WorkGroupID.x / push.row_tiles;
    Candidates(push.candidates + uint64_t(row) * MOST_CANDIDATES * 8).at[tile * SIDE + column % SIDE] =
        is_one ? (uint64_t(order_of(product)) << 32) | uint64_t(column) : ~uint64_t(0);
    return;
  }
  if (!is_one) return;
  const uint place = atomicAdd(Counts(push.counts).at[row], 1);
  if (place >= MOST_CANDIDATES) return;
  Candidates(push.candidates + uint64_t(row) * MOST_CANDIDATES * 8).at[place] =
      (uint64_t(order_of(product)) << 32) | uint64_t(column);
}
