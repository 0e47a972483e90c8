// What stays on the device between calls: the embeddings in fixed point, and the similarity matrix.
#pragma once

#include <cstdint>
#include <vector>

#include "shaders/interface.h"
#include "vulkan/buffer.hpp"
#include "vulkan/device.hpp"
#include "vulkan/staging.hpp"

namespace vkc {

inline constexpr uint32_t kTile = LARGEST_TILE_SIDE;

constexpr uint64_t round_up(uint64_t value, uint64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

// The embeddings as kernels read them.
struct ResidentEmbeddings {
  // Throws Error (DOES_NOT_FIT, OUT_OF_DEVICE_MEMORY).
  ResidentEmbeddings(Staging& staging, const float* embeddings, uint32_t num_embeddings,
                     uint32_t embedding_dim, bool center);

  // What n embeddings of dimension d take, at most: while they are brought here, and from then on.
  static Footprint most_footprint(const Device& device, uint32_t n, uint32_t d);
  static Footprint footprint(const Device& device, uint32_t n, uint32_t d);

  // The bytes of each half of the staging memory.
  static uint64_t staging_bytes(const Device& device, uint32_t n, uint32_t d);

  // Whether the device reads that many in one piece.
  static bool is_readable(const Device& device, uint32_t n, uint32_t d);

  uint32_t n;
  uint32_t d;
  bool centered;
  bool weighted = false;
  bool reordered = false;  // rows are not in the order of the ids
  uint32_t units_pitch;    // elements
  Buffer units;            // int32 [rows][units_pitch], rows >= n + kTile - 1
  Buffer weights;          // int32 [n], of each row

  // The order of the rows of units, and so of the rows and columns of the similarity matrix that
  // walks read: see FixedPointEmbeddings.
  std::vector<uint32_t> ids;   // [n]: the id of the item in each row; none unless reordered
  std::vector<uint32_t> rows;  // [n]: the row of each id; none unless reordered
  Buffer ids_table;            // uint32 [n]: the same, always
  Buffer rows_table;           // uint32 [rows of units]: likewise; padding is where it is
};

// Rows of the similarity matrix in fixed point, over as many allocations as the device's limits
// ask for.
class MatrixRows {
 public:
  // Space for `rows` rows of n elements. Throws Error (DOES_NOT_FIT, OUT_OF_DEVICE_MEMORY).
  MatrixRows(Staging& staging, uint32_t rows, uint32_t n);

  [[nodiscard]] uint32_t rows() const { return rows_; }
  [[nodiscard]] uint32_t pitch() const { return pitch_; }
  [[nodiscard]] uint64_t row_bytes() const { return uint64_t{pitch_} * sizeof(int32_t); }
  [[nodiscard]] uint32_t block_shift() const { return block_shift_; }
  [[nodiscard]] const std::vector<Buffer>& blocks() const { return blocks_; }
  [[nodiscard]] vk::DeviceAddress block_table() const { return block_table_.address(); }

  // Where a row lies.
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

  // The same with the table of their blocks.
  static Footprint footprint(const Device& device, uint32_t rows, uint32_t n);

  // The bytes that rows of n elements may take on a device which has `available` bytes left.
  static uint64_t most_bytes(const Device& device, uint32_t n, uint64_t available);

 private:
  uint32_t rows_;
  uint32_t pitch_;
  uint32_t block_shift_ = 0;  // a block has 2^block_shift_ rows
  std::vector<Buffer> blocks_;
  Buffer block_table_;  // uint64 addresses of the blocks
};

}  // namespace vkc
