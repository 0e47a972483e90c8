// Nearest neighbours: rows of the similarity matrix, computed a block at a time, and from each the
// most similar items. Neither the matrix nor any row of it leaves the device.
#pragma once

#include <cstdint>
#include <memory>

#include "similarity/resident.hpp"
#include "similarity/similarity.hpp"
#include "vulkan/kernel.hpp"
#include "vulkan/pacer.hpp"
#include "vulkan/staging.hpp"

namespace vkc {

class Neighbors {
 public:
  // Throws Error (DOES_NOT_FIT) where the device cannot go through rows that long.
  Neighbors(Staging& staging, const ResidentEmbeddings& embeddings, Similarity& similarity);

  // The k most similar others of items first .. first + count - 1, into ids and, unless that is
  // nullptr, similarities: count x k each. count > 0. whole: the similarity matrix, in the order of
  // the embeddings' rows, where it is there; else nullptr, and rows are computed as needed.
  void find(uint32_t first, uint32_t count, uint32_t k, uint32_t* ids, float* similarities,
            const MatrixRows* whole);

  // What find() takes of a device that has `available` bytes left: for rows, where the matrix is
  // not given; for what is found in them; and of each half of the staging memory.
  static Footprint rows_footprint(const Device& device, uint32_t n, uint32_t count, uint32_t k,
                                  uint64_t available);
  static Footprint keys_footprint(const Device& device, uint32_t n, uint32_t count, uint32_t k,
                                  bool with_rows, uint64_t available);
  static uint64_t staging_bytes(const Device& device, uint32_t n, uint32_t count, uint32_t k,
                                bool with_rows, uint64_t available);

  // Items a second to expect of a device not yet measured.
  static double expected_rate(const Device& device, const ResidentEmbeddings& embeddings);

 private:
  void make_buffers(uint32_t rows, uint64_t keys);

  const Device& device_;
  Staging& staging_;
  const ResidentEmbeddings& embeddings_;
  Similarity& similarity_;
  Kernel kernel_;
  std::unique_ptr<MatrixRows> block_;  // made when first needed: rows, where there is no matrix
  Buffer keys_;                        // likewise: uint64 [items][k]
  Pacer pacer_;                        // rows to select from in a submission
};

}  // namespace vkc
