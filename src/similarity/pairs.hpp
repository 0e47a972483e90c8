// Cosine similarities of arbitrary pairs of items, from their unit vectors: no row of the
// similarity matrix is computed for them.
#pragma once

#include <cstdint>

#include "similarity/device_embeddings.hpp"
#include "vulkan/buffer.hpp"
#include "vulkan/kernel.hpp"
#include "vulkan/pacer.hpp"
#include "vulkan/staging.hpp"

namespace vkc {

class Pairs {
 public:
  Pairs(Staging& staging, const DeviceEmbeddings& embeddings);

  // The similarity of items first[i] and second[i] into output[i], for each i below count.
  void compute(const uint32_t* first, const uint32_t* second, uint64_t count, float* output);

  // Computes what the host knows. Throws Error (WRONG_RESULT) where that is not what comes out.
  void check_known();

 private:
  Staging& staging_;
  const DeviceEmbeddings& embeddings_;
  Kernel kernel_;
  Buffer work_;  // made when first needed: uint32 [capacity][2], the pairs, and int32 [capacity]
  Pacer pacer_;  // pairs of a submission
};

}  // namespace vkc
