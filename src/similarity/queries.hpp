// Queries: vectors that are not among the embeddings, normalised and centred as those are.
#pragma once

#include <cstdint>
#include <vector>

#include "similarity/device_embeddings.hpp"
#include "similarity/fixed_point.hpp"
#include "similarity/known_similarities.hpp"
#include "vulkan/buffer.hpp"
#include "vulkan/staging.hpp"

namespace vkc {

// The unit vectors of some queries on the device, for one call after another.
class Queries {
 public:
  // With room for `capacity` queries.
  Queries(Staging& staging, const DeviceEmbeddings& embeddings, uint32_t capacity);

  // Puts queries first .. first + count - 1 there; count <= capacity(). fixed must stay as long as
  // they are there.
  void upload(HostThreads& threads, const FixedPointEmbeddings& fixed, uint32_t first,
              uint32_t count);

  [[nodiscard]] uint32_t capacity() const { return capacity_; }
  [[nodiscard]] const Buffer& units() const { return units_; }

  // Similarities to compare with what the device computes for `count` queries; the first is an id,
  // FIRST_QUERY or above.
  [[nodiscard]] std::vector<KnownSimilarity> known_in_rows(uint32_t first, uint32_t count) const;

 private:
  Staging& staging_;
  const DeviceEmbeddings& embeddings_;
  uint32_t capacity_;
  Buffer units_;  // int32 [rows][units_pitch], as those of the embeddings
  const FixedPointEmbeddings* fixed_ = nullptr;
  uint32_t first_ = 0;  // of those in `fixed`
};

}  // namespace vkc
