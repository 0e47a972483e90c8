#include "api/context.hpp"

#include <algorithm>
#include <cmath>

#include "base/error.hpp"

namespace {

// How long a call with a recommended batch is to take.
constexpr double kBatchSeconds = 0.5;

// Walks that even a small GPU can work on side by side.
constexpr uint32_t kFewestGpuWalks = 64;

}  // namespace

uint32_t VkComputeContext::require_embeddings() const {
  if (!resident_) {
    vkc::fail(VKC_ERROR_NO_EMBEDDINGS,
              "no embeddings are uploaded: call vkc_upload_embeddings first");
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
  if (resident_ && !resident_->is_filled) resident_->matrix.reset();  // nobody wanted it again
  auto resident = std::make_unique<Resident>(staging_, embeddings, n, d, center);
  // Memory of that size is slow to get.
  if (resident_ && resident_->embeddings.n == n) resident->matrix = std::move(resident_->matrix);
  resident_ = std::move(resident);
}

const vkc::MatrixRows& VkComputeContext::matrix() {
  const uint32_t n = resident_->embeddings.n;
  if (!resident_->matrix) resident_->matrix = std::make_unique<vkc::MatrixRows>(staging_, n, n);
  if (!resident_->is_filled) {
    resident_->similarity.fill(*resident_->matrix);
    resident_->is_filled = true;
  }
  return *resident_->matrix;
}

vkc::RowsRoute VkComputeContext::choose_route(uint32_t rows) {
  const uint32_t n = resident_->embeddings.n;
  if (resident_->is_filled || (resident_->matrix && rows == n)) return {.whole = true};
  resident_->matrix.reset();  // its memory may be what the rows need
  return vkc::rows_route(device_, n, rows, device_.available_bytes());
}

void VkComputeContext::similarity_rows(uint32_t first, uint32_t count, float* output) {
  const uint32_t n = resident_->embeddings.n;
  const vkc::RowsRoute route = choose_route(count);
  if (route.whole) {
    vkc::download_rows(staging_, matrix(), first, count, n, resident_->embeddings.rows, output);
  } else {
    vkc::compute_and_download_rows(staging_, resident_->similarity, route, first, count, n, output);
  }
}

void VkComputeContext::diversity_sequences(std::span<const uint32_t> starts, uint32_t length,
                                           uint32_t* output) {
  if (!resident_->matrix) {
    // Before minutes go into a matrix that leaves no room for the walks.
    vkc::require_fit(device_, resident_->embeddings.n,
                     {VKC_WORK_DIVERSITY, static_cast<uint32_t>(starts.size()), length});
  }
  if (!resident_->diversity) {
    resident_->diversity =
        std::make_unique<vkc::Diversity>(device_, resident_->embeddings, matrix(),
                                         vkc::fastest_form(device_, resident_->embeddings));
  }
  resident_->diversity->walk(starts, length, output);
}

uint32_t VkComputeContext::recommended_batch(uint32_t length) const {
  const uint32_t n = resident_->embeddings.n;
  const double rate = resident_->diversity ? resident_->diversity->walk_steps_per_second()
                                           : vkc::Diversity::expected_rate(device_, n);
  // A GPU with fewer walks than it has processors would idle, and measure itself as slower.
  const double fewest = std::min(n, device_.limits().is_cpu ? 1U : kFewestGpuWalks);
  const double walks = std::clamp(kBatchSeconds * rate / length, fewest, static_cast<double>(n));
  return static_cast<uint32_t>(walks);
}

void VkComputeContext::nearest_neighbors(uint32_t first, uint32_t count, uint32_t k, uint32_t* ids,
                                         float* similarities) {
  if (!resident_->neighbors) {
    resident_->neighbors =
        std::make_unique<vkc::Neighbors>(staging_, resident_->embeddings, resident_->similarity);
  }
  resident_->neighbors->find(first, count, k, ids, similarities,
                             choose_route(count).whole ? &matrix() : nullptr);
}

uint32_t VkComputeContext::recommended_neighbors_batch() const {
  const uint32_t n = resident_->embeddings.n;
  const double rate = resident_->neighbors
                          ? resident_->neighbors->items_per_second()
                          : vkc::Neighbors::expected_rate(device_, resident_->embeddings);
  // Whole tiles of the similarity kernel: it computes those anyway.
  const double tiles = std::clamp(kBatchSeconds * rate / vkc::kTile, 1.0, static_cast<double>(n));
  return static_cast<uint32_t>(std::min<uint64_t>(static_cast<uint64_t>(tiles) * vkc::kTile, n));
}
