// How fast memory streams: the yardstick of walks, which do little but read rows of the matrix.
#pragma once

#include <cstdint>

#include "device.hpp"

namespace bench {

struct Bandwidth {
  uint64_t buffer_bytes = 0;
  double bytes_per_second = 0;  // read and written
};

// The best of several vkCmdCopyBuffer between two device buffers, by device timestamps.
Bandwidth copy_bandwidth(const vkc::Device& device);

// The best of several memcpy between two blocks of the host's memory, on `threads` threads.
Bandwidth memcpy_bandwidth(unsigned threads);

}  // namespace bench
