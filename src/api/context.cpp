#include "api/context.hpp"

#include <algorithm>
#include <chrono>
#include <functional>

#include "base/error.hpp"
#include "shaders/interface.h"
#include "similarity/download.hpp"
#include "similarity/tiles.hpp"

namespace {

using Phase = vkc::Progress::Phase;

// Walks that even a small GPU can work on side by side.
constexpr uint32_t kFewestGpuWalks = 64;

double seconds_of(const std::function<void()>& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

}  // namespace

uint32_t VkComputeContext::require_embeddings() const {
  if (!resident_) {
    vkc::fail(VKC_ERROR_NO_EMBEDDINGS, "no embeddings are uploaded: upload some first");
  }
  return resident_->embeddings.n;
}

VkcEmbeddingsInfo VkComputeContext::embeddings_info() const {
  VkcEmbeddingsInfo info{};
  info.struct_size = sizeof(info);
  if (resident_) {
    info.num_embeddings = resident_->embeddings.n;
    info.embedding_dim = resident_->embeddings.d;
    info.centered = resident_->embeddings.centered ? 1 : 0;
    info.weighted = resident_->embeddings.weighted ? 1 : 0;
  }
  return info;
}

void VkComputeContext::upload(const float* embeddings, uint32_t n, uint32_t d, bool center) {
  if (resident_) resident_->rows.free_unused();
  auto resident = std::make_unique<Resident>(staging_, embeddings, n, d, center);
  if (resident_) resident->rows.reuse_matrix_of(resident_->rows);
  resident_ = std::move(resident);
}

void VkComputeContext::similarity_rows(uint32_t first, uint32_t count, float* output) {
  Phase phase(device_.progress(), VKC_PHASE_SIMILARITIES, count);
  vkc::download_rows(staging_, resident_->rows, first, count, output);
  phase.finish();
}

vkc::Pairs& VkComputeContext::pairs() {
  if (!resident_->pairs) {
    resident_->pairs = std::make_unique<vkc::Pairs>(staging_, resident_->embeddings);
  }
  return *resident_->pairs;
}

void VkComputeContext::pair_similarities(const uint32_t* first, const uint32_t* second,
                                         uint64_t count, float* output) {
  Phase phase(device_.progress(), VKC_PHASE_SIMILARITIES, count);
  pairs().compute(first, second, count, output);
  phase.finish();
}

void VkComputeContext::diversity_sequences(std::span<const uint32_t> starts, uint32_t length,
                                           const vkc::Order& order, uint32_t planned,
                                           uint32_t* output) {
  const uint64_t steps = uint64_t{length - 1} * starts.size();
  Phase phase(device_.progress(), VKC_PHASE_WALKS, steps);
  const vkc::DeviceEmbeddings& embeddings = resident_->embeddings;
  const vkc::WalkRequest request{embeddings.n, embeddings.d, starts.size(), length};
  const bool has_matrix = resident_->rows.has_whole();
  const vkc::WalkMemory memory{has_matrix, resident_->filter_walks != nullptr,
                               has_matrix ? 0 : resident_->rows.available_bytes()};
  const vkc::WalkWay way =
      vkc::choose_walk_way(device_, {embeddings.n, embeddings.d, planned, length}, memory);
  const bool is_ready = way == vkc::WalkWay::kMatrix ? memory.has_matrix : memory.has_filter;
  // Checked first: a matrix can take minutes, in vain if it leaves no room for the walks.
  if (!is_ready) {
    vkc::require_walks_fit(device_, request, way, resident_->rows.available_bytes());
  }
  const double seconds = seconds_of([&] {
    if (way == vkc::WalkWay::kMatrix) {
      walk_over_matrix(starts, length, order, output);
    } else {
      walk_by_filter(starts, length, order, output);
    }
  });
  resident_->walk_batches.at(order.rule).measured(seconds, steps);
  phase.finish();
}

void VkComputeContext::walk_over_matrix(std::span<const uint32_t> starts, uint32_t length,
                                        const vkc::Order& order, uint32_t* output) {
  if (!resident_->walks) {
    resident_->walks =
        std::make_unique<vkc::Walks>(device_, resident_->embeddings, resident_->rows.whole(),
                                     vkc::fastest_variant(resident_->embeddings));
  }
  resident_->walks->walk(starts, length, order, output);
}

void VkComputeContext::walk_by_filter(std::span<const uint32_t> starts, uint32_t length,
                                      const vkc::Order& order, uint32_t* output) {
  if (length == 1) {  // no step to take, and nothing to make for it
    std::copy(starts.begin(), starts.end(), output);
    return;
  }
  if (!resident_->filter_walks) {
    resident_->rows.free_unused();
    pairs().check_known();
    resident_->filter_units = std::make_unique<vkc::FilterUnits>(device_, resident_->embeddings,
                                                                 vkc::filter_precision(device_));
    resident_->filter_walks = std::make_unique<vkc::FilterWalks>(
        device_, resident_->embeddings, *resident_->filter_units,
        vkc::FilterWalks::room_for_candidates(device_, resident_->embeddings.d),
        vkc::choose_filter_product(device_));
  }
  resident_->filter_walks->walk(starts, length, order, output);
}

uint32_t VkComputeContext::recommended_batch(uint32_t length, const vkc::Order& order) const {
  const uint32_t n = resident_->embeddings.n;
  // With fewer walks a GPU would be partly idle, and the rate measured too low.
  const uint64_t fewest = std::min(n, device_.limits().is_cpu ? 1U : kFewestGpuWalks);
  const uint64_t steps = resident_->walk_batches.at(order.rule).next(uint64_t{n} * length);
  uint64_t walks = std::max(steps / length, fewest);
  if (resident_->walks) walks = resident_->walks->in_whole_turns(walks);
  return static_cast<uint32_t>(std::min<uint64_t>(walks, n));
}

void VkComputeContext::nearest_neighbors(uint32_t first, uint32_t count, uint32_t k, uint32_t* ids,
                                         float* similarities) {
  Phase phase(device_.progress(), VKC_PHASE_NEIGHBORS, count);
  if (!resident_->neighbors) {
    resident_->neighbors = std::make_unique<vkc::NeighborSearch>(
        staging_, resident_->rows, resident_->embeddings.units, resident_->halves);
  }
  const double seconds =
      seconds_of([&] { resident_->neighbors->find(first, count, k, ids, similarities); });
  resident_->neighbor_batches.measured(seconds, count);
  phase.finish();
}

void VkComputeContext::nearest_of_queries(const float* queries, uint32_t count, uint32_t k,
                                          uint32_t* ids, float* similarities) {
  Phase phase(device_.progress(), VKC_PHASE_NEIGHBORS, count);
  std::unique_ptr<vkc::QueryNeighbors>& search = resident_->query_neighbors;
  const uint32_t capacity = vkc::QueryNeighbors::capacity_for(resident_->embeddings, count);
  if (!search || search->capacity() < capacity) {
    search.reset();  // freed before the larger one is allocated
    search = std::make_unique<vkc::QueryNeighbors>(staging_, resident_->embeddings,
                                                   resident_->halves, capacity);
  }
  const double seconds = seconds_of([&] { search->find(queries, count, k, ids, similarities); });
  resident_->neighbor_batches.measured(seconds, count);
  phase.finish();
}

uint32_t VkComputeContext::recommended_neighbors_batch() const {
  const uint32_t n = resident_->embeddings.n;
  // The kernels compute whole tiles anyway, those of the filter the larger ones.
  const uint64_t items = resident_->neighbor_batches.next(vkc::round_up(n, vkc::FILTER_TILE_SIDE));
  const uint64_t tiles = std::max<uint64_t>(items / vkc::FILTER_TILE_SIDE, 1);
  return static_cast<uint32_t>(std::min<uint64_t>(tiles * vkc::FILTER_TILE_SIDE, n));
}
