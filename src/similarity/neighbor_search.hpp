// How neighbours are found: from rows of the similarity matrix, or by the filter.
#pragma once

#include <cstdint>
#include <memory>

#include "similarity/device_embeddings.hpp"
#include "similarity/filtered_neighbors.hpp"
#include "similarity/half_vectors.hpp"
#include "similarity/neighbors.hpp"
#include "similarity/row_source.hpp"
#include "vulkan/staging.hpp"

namespace vkc {

enum class NeighborWay {
  kRows,           // neighbors.hpp
  kFilter,         // filtered_neighbors.hpp, in float32
  kFilterMatrices  // the same by cooperative matrices
};

// What is to be found, of n embeddings of dimension d.
struct NeighborWork {
  uint32_t n;
  uint32_t d;
  uint32_t count;  // items or queries
  uint32_t k;
  uint64_t before = 0;  // how many were found by earlier calls, as if these were parts of one
};

// The way that is estimated to be the fastest of those that fit. matrix_is_there: the similarity
// matrix is on the device. halves_bytes: what is still to be taken for unit vectors in float16. The
// environment variable VKC_NEIGHBORS, "rows", "filter" or "filter-float32", names the way instead,
// for tests and measurements.
NeighborWay choose_way(const Device& device, const NeighborWork& work, bool matrix_is_there,
                       uint64_t halves_bytes, uint64_t available);

// Seconds to expect, from rates measured on an H100 and, for CPUs, on two cores of a Xeon.
double expected_neighbor_seconds(const Device& device, const NeighborWork& work, NeighborWay way,
                                 bool matrix_is_there, uint64_t halves_bytes, uint64_t available);

class NeighborSearch {
 public:
  // units: the unit vectors of what has neighbours, as RowSource has them.
  NeighborSearch(Staging& staging, RowSource& rows, const Buffer& units, ItemHalves& halves)
      : staging_(staging), rows_(rows), units_(units), halves_(halves), by_rows_(staging, rows) {}

  // As Neighbors::find.
  void find(uint32_t first, uint32_t count, uint32_t k, uint32_t* ids, float* similarities);

 private:
  Staging& staging_;
  RowSource& rows_;
  const Buffer& units_;
  ItemHalves& halves_;
  uint64_t found_ = 0;  // items whose neighbours were searched for
  Neighbors by_rows_;
  NeighborWay filter_way_ = NeighborWay::kRows;   // that of the filter below
  std::unique_ptr<FilteredNeighbors> by_filter_;  // made when first needed
};

}  // namespace vkc
