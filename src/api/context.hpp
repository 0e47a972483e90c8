// What the C API's functions do, once their arguments are known to be good.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "api/plan.hpp"
#include "similarity/device_embeddings.hpp"
#include "similarity/half_vectors.hpp"
#include "similarity/neighbor_search.hpp"
#include "similarity/pairs.hpp"
#include "similarity/query_neighbors.hpp"
#include "similarity/row_source.hpp"
#include "vulkan/device.hpp"
#include "vulkan/pacer.hpp"
#include "vulkan/staging.hpp"
#include "vulkan_compute.h"
#include "walks/filter_walks.hpp"
#include "walks/walk_choice.hpp"
#include "walks/walks.hpp"

// The device and what is resident on it. In the global namespace: the C API names it.
struct VkComputeContext {
 public:
  VkComputeContext(std::string_view device, bool validation)
      : device_(device, validation), staging_(device_) {}

  [[nodiscard]] const vkc::Device& device() const { return device_; }
  [[nodiscard]] const VkcDeviceInfo& device_info() const { return device_.info(); }
  [[nodiscard]] VkcEmbeddingsInfo embeddings_info() const;

  void tell_to(VkcProgressFunction function, void* user) {
    device_.progress().tell_to(function, user);
  }
  void upload(const float* embeddings, uint32_t n, uint32_t d, bool center);
  [[nodiscard]] VkcMemoryPlan plan_memory(uint32_t n, uint32_t d, const vkc::Work& work) const {
    return vkc::plan_memory(device_, n, d, work);
  }
  void similarity_rows(uint32_t first, uint32_t count, float* output);
  void pair_similarities(const uint32_t* first, const uint32_t* second, uint64_t count,
                         float* output);
  void diversity_sequences(std::span<const uint32_t> starts, uint32_t length,
                           const vkc::Order& order, uint32_t planned, uint32_t* output);
  [[nodiscard]] uint32_t recommended_batch(uint32_t length, const vkc::Order& order) const;
  void nearest_neighbors(uint32_t first, uint32_t count, uint32_t k, uint32_t* ids,
                         float* similarities);
  void nearest_of_queries(const float* queries, uint32_t count, uint32_t k, uint32_t* ids,
                          float* similarities);
  [[nodiscard]] uint32_t recommended_neighbors_batch() const;

  // The number of embeddings. Throws Error (NO_EMBEDDINGS) before the first upload.
  [[nodiscard]] uint32_t require_embeddings() const;
  // Their dimension; of those that are there.
  [[nodiscard]] uint32_t embedding_dim() const { return resident_->embeddings.d; }

  // Set while a call is in progress: contexts are for one thread at a time.
  std::atomic_flag busy = ATOMIC_FLAG_INIT;
  // Set once the device is lost: nothing on it can be trusted any more.
  bool lost = false;

 private:
  // What was made from one upload. Members are destroyed in the reverse order.
  struct Resident {
    Resident(vkc::Staging& staging, const float* values, uint32_t n, uint32_t d, bool center)
        : embeddings(staging, values, n, d, center),
          rows(staging, embeddings),
          halves(staging.device(), embeddings),
          walk_batches(vkc::kOrders,
                       {vkc::kBatchSeconds, vkc::expected_walk_rate(staging.device(), n)}),
          neighbor_batches(vkc::kBatchSeconds,
                           vkc::Neighbors::expected_rate(staging.device(), embeddings)) {}

    vkc::DeviceEmbeddings embeddings;
    vkc::RowSource rows;
    vkc::ItemHalves halves;
    std::unique_ptr<vkc::Walks> walks;                     // made when first needed
    std::unique_ptr<vkc::FilterUnits> filter_units;        // likewise
    std::unique_ptr<vkc::FilterWalks> filter_walks;        // likewise
    std::unique_ptr<vkc::NeighborSearch> neighbors;        // likewise
    std::unique_ptr<vkc::QueryNeighbors> query_neighbors;  // likewise
    std::unique_ptr<vkc::Pairs> pairs;                     // likewise
    std::vector<vkc::Pacer> walk_batches;  // of each order: steps of all walks together
    vkc::Pacer neighbor_batches;           // items
  };

  vkc::Pairs& pairs();
  void walk_over_matrix(std::span<const uint32_t> starts, uint32_t length, const vkc::Order& order,
                        uint32_t* output);
  void walk_by_filter(std::span<const uint32_t> starts, uint32_t length, const vkc::Order& order,
                      uint32_t* output);

  vkc::Device device_;
  vkc::Staging staging_;
  std::unique_ptr<Resident> resident_;
};
