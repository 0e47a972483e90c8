// Nearest neighbours: the most similar items are selected from rows of the similarity matrix. The
// rows do not leave the device.
#pragma once

#include <cstdint>
#include <vector>

#include "similarity/device_embeddings.hpp"
#include "similarity/known_similarities.hpp"
#include "similarity/row_source.hpp"
#include "vulkan/kernel.hpp"
#include "vulkan/pacer.hpp"
#include "vulkan/staging.hpp"

namespace vkc {

// A neighbour is a key: see NeighborsPush. Bits of its id, where there are n.
uint32_t bits_of_ids(uint32_t n);

// No key. Memory is filled with it before a kernel finds keys, so that one that does nothing is
// told.
inline constexpr uint64_t kNoKey = ~uint64_t{0};

// Writes the k neighbours of each of `count` items, which come as keys, into the output.
// similarities may be nullptr. Keys are put in order where the device has not done so, which is for
// k above MOST_SORTED.
void deliver(HostThreads& threads, uint64_t* keys, uint32_t count, uint32_t k, uint32_t id_bits,
             uint32_t* ids, float* similarities);

// Compares lists that deliver() has put in order, of the k neighbours of items (or queries) first
// .., with what the host knows: an item is in a list with its similarity, or after the last of it.
// Lists that begin with kNoKey are not there. Throws Error (WRONG_RESULT).
void check_lists(const std::vector<KnownSimilarity>& known, const uint64_t* keys, uint32_t first,
                 uint32_t k, uint32_t id_bits);

// What the k neighbours of `count` items take, of n embeddings.
struct NeighborSizes {
  NeighborSizes(const Device& device, uint32_t n, uint32_t count, uint32_t k,
                const RowChoice& choice);

  RowSizes rows;
  uint64_t keys_bytes;  // what is found in one submission; so much of each half of staging memory
};

class Neighbors {
 public:
  // Throws Error (DOES_NOT_FIT) where the device cannot go through rows that long.
  Neighbors(Staging& staging, RowSource& source);

  // The k most similar others of items first .. first + count - 1, or most similar items of queries
  // (ids from FIRST_QUERY on), into ids and, unless that is nullptr, similarities: count x k each.
  // count > 0.
  void find(uint32_t first, uint32_t count, uint32_t k, uint32_t* ids, float* similarities);

  [[nodiscard]] const RowSource& source() const { return source_; }

  // Items a second to expect of a device not yet measured.
  static double expected_rate(const Device& device, const DeviceEmbeddings& embeddings);

 private:
  const Device& device_;
  Staging& staging_;
  RowSource& source_;
  uint32_t n_;
  Kernel kernel_;
  Buffer keys_;  // uint64 [items][k]; made when first needed
  Pacer pacer_;  // rows to select from in a submission
};

}  // namespace vkc
