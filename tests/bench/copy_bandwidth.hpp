// How fast memory streams: the yardstick of walks, which do little but read rows of the matrix.
#pragma once

#include <cstdint>

#include "vulkan/buffer.hpp"
#include "vulkan/device.hpp"
#include "vulkan/kernel.hpp"
#include "vulkan/submission.hpp"

namespace bench {

struct Bandwidth {
  uint64_t buffer_bytes = 0;
  double bytes_per_second = 0;  // read and written
};

// Copying from one device buffer to another.
class DeviceCopy {
 public:
  // Buffers of so many bytes, or fewer where not as many are free.
  DeviceCopy(const vkc::Device& device, uint64_t most_bytes);

  // The best of several copies by vkCmdCopyBuffer and by a kernel, by device timestamps.
  Bandwidth best_bandwidth();

 private:
  double seconds_by_command();
  double seconds_by_kernel();

  uint64_t bytes_;
  vkc::Buffer from_;
  vkc::Buffer to_;
  vkc::Kernel kernel_;
  vkc::Submission submission_;
};

// The best of several memcpy between two blocks of the host's memory, on `threads` threads.
Bandwidth memcpy_bandwidth(unsigned threads);

}  // namespace bench
