// Compares a few elements of rows that the device computed with what the host knows. A driver that
// failed, and did not say so, otherwise leaves rows of zeros that look like results.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "similarity/device_matrix.hpp"
#include "similarity/known_similarities.hpp"
#include "vulkan/buffer.hpp"
#include "vulkan/device.hpp"

namespace vkc {

// Throws Error (WRONG_RESULT): the device has `found`, in fixed point, for a similarity that the
// host knows.
[[noreturn]] void fail_as_wrong(const KnownSimilarity& known, double found);

// Likewise: the device left an item, known.second, out of the nearest of another.
[[noreturn]] void fail_as_missing(const KnownSimilarity& known);

// Throws Error (WRONG_RESULT): kernels ran and did nothing.
[[noreturn]] void fail_as_idle();

class SpotCheck {
 public:
  // An element of the matrix, and what it must be.
  struct Spot {
    KnownSimilarity known;
    uint32_t row;
    uint32_t column;
  };

  explicit SpotCheck(const Device& device) : device_(device) {}

  // Records what brings the spots of the matrix to the host, behind the commands that compute it.
  // which: of two checks that may be under way, 0 or 1.
  void record(const vk::raii::CommandBuffer& commands, std::size_t which,
              const DeviceMatrix& matrix, std::vector<Spot> spots);

  // Once these commands are done, compares. Throws Error (WRONG_RESULT).
  void compare(std::size_t which, const DeviceMatrix& matrix);

 private:
  struct Turn {
    std::vector<Spot> spots;
    Buffer copies;  // int32 [spots]; made when first needed
  };

  const Device& device_;
  std::array<Turn, 2> turns_;
};

}  // namespace vkc
