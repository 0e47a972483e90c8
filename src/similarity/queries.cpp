#include "similarity/queries.hpp"

#include <algorithm>

#include "base/host_threads.hpp"
#include "shaders/interface.h"

namespace vkc {

Queries::Queries(Staging& staging, const DeviceEmbeddings& embeddings, uint32_t capacity)
    : staging_(staging),
      embeddings_(embeddings),
      capacity_(capacity),
      units_(staging.device(), padded_rows_of(capacity) * units_row_bytes(embeddings.d),
             MemoryUse::kDevice) {}

void Queries::upload(HostThreads& threads, const FixedPointEmbeddings& fixed, uint32_t first,
                     uint32_t count) {
  const Progress::Phase phase(staging_.device().progress(), VKC_PHASE_UPLOAD,
                              padded_rows_of(count));
  upload_units(staging_, threads, units_, fixed, count, embeddings_.d,
               [first](uint32_t row) { return first + row; });
  fixed_ = &fixed;
  first_ = first;
}

std::vector<KnownSimilarity> Queries::known_in_rows(uint32_t first, uint32_t count) const {
  std::vector<KnownSimilarity> known;
  std::vector<int32_t> unit(embeddings_.d);
  const uint32_t checked = std::min(count, KnownSimilarities::kItems);
  for (uint32_t i = 0; i < checked; ++i) {
    const auto id = static_cast<uint32_t>(first + uint64_t{count} * i / checked);
    fixed_->write_unit_vector(first_ + (id - FIRST_QUERY), unit.data());
    for (const KnownSimilarity& pair : embeddings_.known.of_other(unit, id)) known.push_back(pair);
  }
  return known;
}

}  // namespace vkc
