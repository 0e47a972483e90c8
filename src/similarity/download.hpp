// Copies rows of the similarity matrix from the device into the caller's memory, as float32.
#pragma once

#include <cstdint>

#include "similarity/row_source.hpp"
#include "vulkan/staging.hpp"

namespace vkc {

// What a download of `count` rows of n takes.
struct DownloadSizes {
  DownloadSizes(const Device& device, uint32_t n, uint32_t count, const RowChoice& choice);

  RowSizes rows;
  uint64_t staging_bytes;  // of each half
};

// Copies the rows of items first .. first + count - 1 into output: count x n.
void download_rows(Staging& staging, RowSource& source, uint32_t first, uint32_t count,
                   float* output);

}  // namespace vkc
