#include "similarity/query_neighbors.hpp"

#include <algorithm>

#include "base/host_threads.hpp"
#include "shaders/interface.h"
#include "similarity/tiles.hpp"

namespace vkc {

namespace {

// There is room for so many at least: to grow for a call with more is slower than most calls.
constexpr uint32_t kFewestQueries = 1024;

}  // namespace

uint32_t QueryNeighbors::capacity_for(const DeviceEmbeddings& embeddings, uint32_t count) {
  const uint64_t most = whole_tiles(kStagingBytes / units_row_bytes(embeddings.d));
  return static_cast<uint32_t>(
      std::min<uint64_t>(round_up(std::max(count, kFewestQueries), kTile), most));
}

void QueryNeighbors::find(const float* queries, uint32_t count, uint32_t k, uint32_t* ids,
                          float* similarities) {
  HostThreads threads;
  const FixedPointEmbeddings fixed = [&] {
    const Progress::Phase phase(device_.progress(), VKC_PHASE_UPLOAD,
                                FixedPointEmbeddings::row_passes_of_queries(count));
    return FixedPointEmbeddings(threads, device_.progress(), queries, count, embeddings_.d,
                                embeddings_.mean);
  }();
  for (uint32_t done = 0; done < count;) {
    const uint32_t piece = std::min(queries_.capacity(), count - done);
    queries_.upload(threads, fixed, done, piece);
    const std::size_t place = std::size_t{done} * k;
    search_.find(FIRST_QUERY, piece, k, ids + place,
                 similarities == nullptr ? nullptr : similarities + place);
    done += piece;
  }
  rows_.free_unused();
}

}  // namespace vkc
