// Rows of the similarity matrix on the device.
#pragma once

#include <cstdint>
#include <vector>

#include "similarity/tiles.hpp"
#include "vulkan/buffer.hpp"
#include "vulkan/device.hpp"
#include "vulkan/staging.hpp"

namespace vkc {

// Space for rows of cosines in fixed point, in blocks as large as the device can address.
class DeviceMatrix {
 public:
  // `rows` rows of n elements. Throws Error (DOES_NOT_FIT, OUT_OF_DEVICE_MEMORY).
  DeviceMatrix(Staging& staging, uint32_t rows, uint32_t n);

  [[nodiscard]] uint32_t rows() const { return rows_; }
  [[nodiscard]] uint32_t pitch() const { return pitch_; }
  [[nodiscard]] uint64_t row_bytes() const { return uint64_t{pitch_} * sizeof(int32_t); }
  [[nodiscard]] uint64_t bytes() const { return rows_ * row_bytes(); }
  [[nodiscard]] uint32_t block_shift() const { return block_shift_; }
  [[nodiscard]] const std::vector<Buffer>& blocks() const { return blocks_; }
  [[nodiscard]] vk::DeviceAddress block_table() const { return block_table_.address(); }

  // Where a row is in memory.
  struct Place {
    vk::Buffer block;
    uint64_t offset;  // bytes
    bool operator==(const Place&) const = default;
  };
  [[nodiscard]] Place place(uint32_t row) const;

  // Whether the host can reach the rows.
  [[nodiscard]] bool is_mapped() const { return blocks_.front().mapped() != nullptr; }

  // A row's elements; only where they are mapped.
  [[nodiscard]] const int32_t* mapped_row(uint32_t row) const;

  // The elements of a row of n, padding included.
  static uint32_t pitch_of(uint32_t n) { return static_cast<uint32_t>(round_up(n, kTile)); }

  // The bytes of `rows` rows of n elements, padding included.
  static uint64_t bytes(uint32_t rows, uint32_t n);

  // What they take together with the table of their blocks.
  static Footprint footprint(const Device& device, uint32_t rows, uint32_t n);

  // The bytes that rows of n elements may take on a device which has `available` bytes left.
  static uint64_t most_bytes(const Device& device, uint32_t n, uint64_t available);

 private:
  [[nodiscard]] const Buffer& block_of(uint32_t row) const { return blocks_[row >> block_shift_]; }
  [[nodiscard]] uint64_t offset_of(uint32_t row) const {
    return (row & ((1U << block_shift_) - 1)) * row_bytes();
  }

  uint32_t rows_;
  uint32_t pitch_;
  uint32_t block_shift_ = 0;  // a block has 2^block_shift_ rows
  std::vector<Buffer> blocks_;
  Buffer block_table_;  // uint64 addresses of the blocks
};

}  // namespace vkc
