// Tiles: the squares in which the similarity matrix is computed.
#pragma once

#include <algorithm>
#include <cstdint>

#include "shaders/interface.h"

namespace vkc {

// Items on a side.
inline constexpr uint32_t kTile = LARGEST_TILE_SIDE;

constexpr uint64_t round_up(uint64_t value, uint64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

// So many rows, less those that do not fill a tile: the kernel computes whole tiles anyway. Where
// there is no whole tile all rows are kept, and at least 1.
constexpr uint64_t whole_tiles(uint64_t rows) {
  return rows < kTile ? std::max<uint64_t>(rows, 1) : rows / kTile * kTile;
}

}  // namespace vkc
