// Nearest neighbours by a filter in fast arithmetic: products of unit vectors in float16 propose
// candidates, which are decided exactly. The similarity matrix is never there; results are those of
// neighbors.hpp.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "similarity/device_embeddings.hpp"
#include "similarity/half_vectors.hpp"
#include "similarity/neighbors.hpp"
#include "similarity/tiles.hpp"
#include "vulkan/kernel.hpp"
#include "vulkan/pacer.hpp"
#include "vulkan/staging.hpp"
#include "vulkan/submission.hpp"

namespace vkc {

// What multiplies for the filter.
enum class FilterArithmetic {
  kFloat,    // float32, on any device
  kMatrices  // cooperative matrices, where the device has them
};

// What a call for the k neighbours of `count` items takes, of n embeddings of dimension d, beside
// the items' unit vectors in float16.
struct FilterSizes {
  FilterSizes(const Device& device, uint32_t d, uint32_t count, uint32_t k, uint64_t available);

  uint32_t rows;  // that are worked on together: whole tiles

  [[nodiscard]] uint64_t device_bytes(uint32_t d, uint32_t k) const;
  [[nodiscard]] uint64_t table_bytes() const;
  [[nodiscard]] uint64_t candidates_bytes() const;
  // So much of each half of staging memory, too.
  [[nodiscard]] uint64_t keys_bytes(uint32_t k) const;
};

// The kernel that multiplies items with rows, both whole tiles.
Kernel make_filter_product(const Device& device, FilterArithmetic arithmetic,
                           const HalfVectors& items, const HalfVectors& rows);

class FilteredNeighbors {
 public:
  // The most neighbours of an item that this finds: for more there are too few places for
  // candidates.
  static constexpr uint32_t kMostNeighbors = 256;

  // Whether the device can decide between as many candidates as a row has room for.
  static bool can_decide(const Device& device, uint32_t d);

  // items: the unit vectors of all embeddings. units: the unit vectors of what has neighbours,
  // those of the embeddings or of queries. exact: finds those that the filter leaves too many
  // candidates of.
  FilteredNeighbors(Staging& staging, const DeviceEmbeddings& embeddings, const HalfVectors& items,
                    const Buffer& units, Neighbors& exact, FilterArithmetic arithmetic);

  // As Neighbors::find; k is at most kMostNeighbors.
  void find(uint32_t first, uint32_t count, uint32_t k, uint32_t* ids, float* similarities);

  // Rows of the latest find() that were done again exactly.
  [[nodiscard]] uint32_t overflowed() const { return overflowed_; }

 private:
  struct Memory {
    Memory(const Device& device, const DeviceEmbeddings& embeddings, const HalfVectors& items,
           FilterArithmetic arithmetic, const FilterSizes& sizes, uint32_t k);

    uint32_t rows;
    HalfVectors halves;
    Kernel product;     // of these and the items
    Buffer table;       // thresholds, counts, own rows: 3 x 4 bytes a row
    Buffer candidates;  // uint64 [rows][MOST_CANDIDATES]
    Buffer keys;        // uint64 [rows][k]
  };

  // Rows that the filter works on together.
  struct Batch {
    uint32_t first;  // id
    uint32_t count;
    uint32_t k;
    float margin;  // see FilterThresholdPush

    [[nodiscard]] uint32_t row_tiles() const {
      return static_cast<uint32_t>(round_up(count, FILTER_TILE_SIDE) / FILTER_TILE_SIDE);
    }
  };

  void reserve(const FilterSizes& sizes, uint32_t k);
  // Gives the device all that a batch takes, the last of it in a submission of half `which`.
  void begin(const Batch& batch, Staging::Half& half);
  void record_begin(const vk::raii::CommandBuffer& commands, const Batch& batch) const;
  void record_products(const vk::raii::CommandBuffer& commands, const Batch& batch,
                       uint32_t first_column, uint32_t columns) const;
  void record_thresholds(const vk::raii::CommandBuffer& commands, const Batch& batch) const;
  void record_decision(const vk::raii::CommandBuffer& commands, const Batch& batch) const;
  // Finds the neighbours of rows that overflowed, of those that begin with the id `first`.
  void find_overflowed(const std::vector<bool>& overflow, uint32_t first, uint32_t k, uint32_t* ids,
                       float* similarities);

  [[nodiscard]] vk::DeviceAddress table(uint32_t which) const;

  const Device& device_;
  Staging& staging_;
  const DeviceEmbeddings& embeddings_;
  const HalfVectors& items_;
  const Buffer& units_;
  Neighbors& exact_;
  uint32_t tiles_;  // along the columns
  FilterArithmetic arithmetic_;
  double unit_;  // of the arithmetic: see filter_bound.hpp
  Kernel begin_kernel_;
  Kernel threshold_kernel_;
  Kernel decide_kernel_;
  std::unique_ptr<Memory> memory_;  // made when first needed
  std::array<Submission, 2> pieces_;
  std::array<uint64_t, 2> piece_tiles_{};
  std::size_t piece_ = 0;
  Pacer pacer_;  // tiles of products in a submission
  uint32_t overflowed_ = 0;
};

}  // namespace vkc
