// The embeddings on the device, in fixed point, as kernels read them.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "similarity/item_order.hpp"
#include "similarity/known_similarities.hpp"
#include "vulkan/buffer.hpp"
#include "vulkan/device.hpp"
#include "vulkan/staging.hpp"

namespace vkc {

class FixedPointEmbeddings;
class HostThreads;

// Unit vectors that kernels read in tiles: bytes a row, and all rows of n, padding included. A tile
// may begin at any row, and so reach kTile - 1 rows past the last.
uint64_t units_row_bytes(uint32_t d);
uint64_t padded_rows_of(uint32_t n);

// Fills `units` with the unit vectors of n rows, those that id_in(row) gives, and zeros behind.
void upload_units(Staging& staging, HostThreads& threads, const Buffer& units,
                  const FixedPointEmbeddings& fixed, uint32_t n, uint32_t d,
                  const std::function<uint32_t(uint32_t)>& id_in);

// How many of their elements a slow device of its kind converts to floating point in a second.
double expected_conversion_rate(const Device& device);

struct DeviceEmbeddings {
  // Throws Error (NOT_FINITE, DOES_NOT_FIT, OUT_OF_DEVICE_MEMORY).
  DeviceEmbeddings(Staging& staging, const float* embeddings, uint32_t num_embeddings,
                   uint32_t embedding_dim, bool center);

  // What n embeddings of dimension d take: while they are uploaded, and from then on.
  static Footprint upload_footprint(const Device& device, uint32_t n, uint32_t d);
  static Footprint footprint(const Device& device, uint32_t n, uint32_t d);

  // The bytes of each half of the staging memory.
  static uint64_t staging_bytes(const Device& device, uint32_t n, uint32_t d);

  // Whether the device reads that many in one piece.
  static bool is_readable(const Device& device, uint32_t n, uint32_t d);

  uint32_t n;
  uint32_t d;
  bool centered;
  bool weighted = false;
  uint32_t units_pitch;  // elements
  ItemOrder order;       // of the rows of units and weights: see FixedPointEmbeddings
  Buffer units;          // int32 [rows][units_pitch], rows >= n + kTile - 1
  Buffer weights;        // int32 [n]
  KnownSimilarities known;
  std::vector<double> mean;  // see FixedPointEmbeddings
};

}  // namespace vkc
