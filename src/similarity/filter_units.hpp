// The unit vectors in floating point, which kernels filter by: fast arithmetic proposes a few
// candidates, and integers decide between them. filter_bound.hpp says how far it may be out.
#pragma once

#include <cstdint>

#include "similarity/device_embeddings.hpp"
#include "vulkan/buffer.hpp"
#include "vulkan/device.hpp"

namespace vkc {

enum class FilterPrecision { kHalf, kFloat };

// The faster one: a GPU waits for memory, and a CPU converts float16 slowly.
FilterPrecision filter_precision(const Device& device);

class FilterUnits {
 public:
  // Throws Error (OUT_OF_DEVICE_MEMORY).
  FilterUnits(const Device& device, const DeviceEmbeddings& embeddings, FilterPrecision precision);

  [[nodiscard]] FilterPrecision precision() const { return precision_; }
  [[nodiscard]] const Buffer& buffer() const { return units_; }

  // The largest distance of a unit vector u and its v here: exact, but for rounding up.
  [[nodiscard]] double distance() const { return distance_; }

  static Footprint footprint(const Device& device, uint32_t n, uint32_t d,
                             FilterPrecision precision);
  // Whether the device reads that many in one piece, and its kernels can go through d dimensions.
  static bool is_readable(const Device& device, uint32_t n, uint32_t d, FilterPrecision precision);

 private:
  FilterPrecision precision_;
  Buffer units_;  // see FilterUnitsPush
  double distance_ = 0;
};

// Blocks of items that n items fill.
uint32_t filter_blocks(uint32_t n);

}  // namespace vkc
