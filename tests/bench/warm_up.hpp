// Keeps a GPU awake: one that idles lowers its clocks, and what is measured next would show that.
#pragma once

#include <limits>

#include "similarity/device_embeddings.hpp"
#include "similarity/device_matrix.hpp"
#include "similarity/similarity.hpp"
#include "vulkan/device.hpp"
#include "vulkan/staging.hpp"

namespace bench {

class WarmUp {
 public:
  // The work to repeat is made here, once.
  explicit WarmUp(const vkc::Device& device);

  // Repeats the similarity kernel until its time has settled, for some seconds at most: until it
  // has not become faster for a while, and is about what it was when it was fastest. Memory alone
  // would not do: while it is copied the processors' clocks may stay low.
  void run();

 private:
  const vkc::Device& device_;
  vkc::Staging staging_;
  vkc::DeviceEmbeddings embeddings_;
  vkc::Similarity similarity_;
  vkc::DeviceMatrix matrix_;
  double least_ = std::numeric_limits<double>::infinity();  // seconds, of all warm-ups
};

}  // namespace bench
