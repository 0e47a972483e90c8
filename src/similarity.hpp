// The similarity kernel: rows of the matrix on the device, and from there to the caller as float32.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "kernel.hpp"
#include "resident.hpp"
#include "submission.hpp"

namespace vkc {

class Similarity {
 public:
  Similarity(const Device& device, const ResidentEmbeddings& embeddings);

  // Fills the whole matrix, in the order of the embeddings' rows: matrix.rows() == n. Each pair of
  // items is multiplied once.
  void fill(const MatrixRows& matrix);

  // Fills rows, in the order of the ids, with those of items first, first + 1, ... first + count -
  // 1; count <= rows.rows().
  void fill_rows(const MatrixRows& rows, uint32_t first, uint32_t count);

 private:
  [[nodiscard]] uint64_t tiles_along(uint32_t items) const;
  void fill_tiles(const struct SimilarityPush& push, uint64_t tiles);

  const Device& device_;
  const ResidentEmbeddings& embeddings_;
  uint32_t tile_;  // items on a side of a tile; divides kTile
  Kernel kernel_;
  double seconds_per_tile_;  // measured, to size the next submission
};

// How rows of the matrix come to the caller.
struct RowsRoute {
  bool whole;        // through a matrix of all rows, which stays: each pair is multiplied once
  uint32_t at_once;  // else: rows that are computed and sent off together
};

// The route of `count` rows of n, where the matrix is not there and the device has `available`
// bytes left.
RowsRoute rows_route(const Device& device, uint32_t n, uint32_t count, uint64_t available);

// What download_rows() takes for `count` rows of n.
Footprint download_footprint(const Device& device, uint32_t n, uint32_t count);

// Copies items first .. first + count - 1 of a similarity matrix of n items to the host, as
// float32. order: the row and column of each item in the matrix; empty where that is its id.
void download_rows(const Device& device, const MatrixRows& matrix, uint32_t first, uint32_t count,
                   uint32_t n, std::span<const uint32_t> order, float* output);

}  // namespace vkc
