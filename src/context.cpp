#include "context.hpp"

#include <algorithm>
#include <cmath>

#include "error.hpp"

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
  resident_ = std::make_unique<Resident>(device_, embeddings, n, d, center);
}

const vkc::MatrixRows& VkComputeContext::matrix() {
  if (!resident_->matrix) {
    const uint32_t n = resident_->embeddings.n;
    auto matrix = std::make_unique<vkc::MatrixRows>(device_, n, n);
    resident_->similarity.fill(*matrix);
    resident_->matrix = std::move(matrix);
  }
  return *resident_->matrix;
}

bool VkComputeContext::is_worth_matrix(uint32_t rows) const {
  return vkc::rows_route(device_, resident_->embeddings.n, rows, device_.available_bytes()).whole;
}

void VkComputeContext::similarity_rows(uint32_t first, uint32_t count, float* output) {
  const uint32_t n = resident_->embeddings.n;
  if (resident_->matrix || is_worth_matrix(count)) {
    vkc::download_rows(device_, matrix(), first, count, n, resident_->embeddings.rows, output);
    return;
  }
  const uint32_t at_once = vkc::rows_route(device_, n, count, device_.available_bytes()).at_once;
  const vkc::MatrixRows passing(device_, at_once, n);
  for (uint32_t done = 0; done < count;) {
    const uint32_t part = std::min(at_once, count - done);
    resident_->similarity.fill_rows(passing, first + done, part);
    vkc::download_rows(device_, passing, 0, part, n, {}, output + std::size_t{done} * n);
    done += part;
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
        std::make_unique<vkc::Neighbors>(device_, resident_->embeddings, resident_->similarity);
  }
  const bool whole = resident_->matrix || is_worth_matrix(count);
  resident_->neighbors->find(first, count, k, ids, similarities, whole ? &matrix() : nullptr);
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
