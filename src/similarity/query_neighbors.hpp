// The nearest items of queries, vectors that are not among the embeddings.
#pragma once

#include <cstdint>

#include "similarity/neighbor_search.hpp"
#include "similarity/queries.hpp"
#include "similarity/row_source.hpp"
#include "vulkan/staging.hpp"

namespace vkc {

class QueryNeighbors {
 public:
  // capacity: queries that are on the device at a time.
  QueryNeighbors(Staging& staging, const DeviceEmbeddings& embeddings, ItemHalves& halves,
                 uint32_t capacity)
      : device_(staging.device()),
        embeddings_(embeddings),
        queries_(staging, embeddings, capacity),
        rows_(staging, embeddings, queries_),
        search_(staging, rows_, queries_.units(), halves) {}

  // As many as pay, and as a call with `count` of them needs.
  static uint32_t capacity_for(const DeviceEmbeddings& embeddings, uint32_t count);
  [[nodiscard]] uint32_t capacity() const { return queries_.capacity(); }

  // The k most similar items of each of `count` queries, count x d, into ids and, unless that is
  // nullptr, similarities: count x k each. Throws Error (NOT_FINITE).
  void find(const float* queries, uint32_t count, uint32_t k, uint32_t* ids, float* similarities);

 private:
  const Device& device_;
  const DeviceEmbeddings& embeddings_;
  Queries queries_;
  RowSource rows_;
  NeighborSearch search_;
};

}  // namespace vkc
