// Whether walks go over the similarity matrix or by the filter.
#pragma once

#include <cstddef>
#include <cstdint>

#include "vulkan/device.hpp"
#include "walks/filter_walks.hpp"

namespace vkc {

enum class WalkWay {
  kMatrix,  // n^2 d / 2 multiply-adds for the matrix and 4 n^2 bytes; then n additions a step
  kFilter   // n d multiply-adds a step, and no matrix
};

struct WalkRequest {
  uint32_t n;
  uint32_t d;
  std::size_t count;
  uint32_t length;
};

// What there is already, and what is free.
struct WalkMemory {
  bool has_matrix;
  bool has_filter;
  uint64_t available;  // bytes, beside what is there; of no interest where the matrix is
};

// The way that fits and is faster for the whole of what is asked. With about the same times it is
// the matrix, which later calls use again. The environment variable VKC_WALKS, "matrix", "filter"
// or "filter-float32", names the way instead, for tests and measurements. Throws Error
// (INVALID_ARGUMENT) where it is another.
WalkWay choose_walk_way(const Device& device, const WalkRequest& request, const WalkMemory& memory);

// The fastest that the device can do; without cooperative matrices where VKC_WALKS is
// "filter-float32".
FilterProduct choose_filter_product(const Device& device);

// Seconds to expect, from rates measured on an H100 and, for CPUs, on two cores of a Xeon.
// is_ready: the matrix, or the filter, is there.
double expected_walk_seconds(const Device& device, const WalkRequest& request, WalkWay way,
                             bool is_ready);

}  // namespace vkc
