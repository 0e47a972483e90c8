#include "similarity/fixed_point.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <utility>

#include "base/error.hpp"
#include "base/host_threads.hpp"

namespace vkc {

namespace {

// Norms that agree to within this, relative to the largest, count as equal.
constexpr double kEqualNorms = 1e-5;

// A mean of the unit vectors longer than this shows a common direction.
constexpr double kCommonDirection = 0.1;

// The fewest numbers worth waking a thread for.
constexpr uint64_t kLeastNumbers = 1U << 16;
// Numbers in a cache line, which is best read by one thread.
constexpr uint64_t kCacheLine = 16;

// Calls body(i) for the n rows of length d, on several threads.
template <typename Body>
void for_rows(HostThreads& threads, uint32_t n, uint32_t d, const Body& body) {
  threads.for_each(n, kLeastNumbers / d + 1, body);
}

// Calls body(begin, end) of ranges of the d columns of n rows, on several threads.
template <typename Body>
void for_columns(HostThreads& threads, uint32_t n, uint32_t d, const Body& body) {
  threads.for_ranges(d, kLeastNumbers / n + kCacheLine, body);
}

}  // namespace

FixedPointEmbeddings::FixedPointEmbeddings(HostThreads& threads, const float* embeddings,
                                           uint32_t n, uint32_t d, bool center)
    : embeddings_(embeddings), n_(n), d_(d), mean_(d, 0.0), norms_(n) {
  require_finite(threads, "embedding");
  if (center) set_mean(threads);
  set_norms(threads);
  if (n <= kMostOrdered) set_order(threads);
}

FixedPointEmbeddings::FixedPointEmbeddings(HostThreads& threads, const float* queries, uint32_t n,
                                           uint32_t d, std::vector<double> mean)
    : embeddings_(queries), n_(n), d_(d), mean_(std::move(mean)), norms_(n) {
  require_finite(threads, "query");
  set_norms(threads);
}

uint64_t FixedPointEmbeddings::bytes(uint32_t n, uint32_t d) {
  const uint64_t of_dimension = 2 * sizeof(double);  // mean and centroid
  const uint64_t of_item = sizeof(double);           // its norm
  // Its similarity to the centroid, and its entry in the order.
  const uint64_t of_ordered_item = sizeof(double) + sizeof(uint32_t);
  return d * of_dimension + n * of_item + (n <= kMostOrdered ? n * of_ordered_item : 0);
}

void FixedPointEmbeddings::write_unit_vector(uint32_t item, int32_t* to) const {
  const double norm = norms_[item];
  if (norm == 0) {
    std::fill_n(to, d_, 0);
    return;
  }
  const float* from = row(item);
  for (uint32_t k = 0; k < d_; ++k) {
    to[k] = static_cast<int32_t>(std::llrint((from[k] - mean_[k]) / norm * kFixedPointOne));
  }
}

int32_t FixedPointEmbeddings::weight(uint32_t item) const {
  if (!weighted_) return 1 << FIXED_POINT_BITS;
  return static_cast<int32_t>(std::llrint(norms_[item] / largest_norm_ * kFixedPointOne));
}

void FixedPointEmbeddings::require_finite(HostThreads& threads, const char* what) const {
  for_rows(threads, n_, d_, [&](uint32_t i) {
    const float* numbers = row(i);
    // x - x is 0 for finite x and NaN otherwise: one sum a row keeps the usual case vectorised.
    float probe = 0;
    for (uint32_t k = 0; k < d_; ++k) probe += numbers[k] - numbers[k];
    if (probe == 0) return;
    for (uint32_t k = 0; k < d_; ++k) {
      if (std::isfinite(numbers[k])) continue;
      fail(VKC_ERROR_NOT_FINITE, what, " in row ", i, " has ",
           std::isnan(numbers[k]) ? "NaN" : "infinity", " in column ", k,
           " (both from 0): mend or remove that ", what);
    }
  });
}

void FixedPointEmbeddings::set_mean(HostThreads& threads) {
  // Each thread has columns of its own and adds the rows up in order: sums do not depend on
  // threads.
  for_columns(threads, n_, d_, [&](uint64_t begin, uint64_t end) {
    for (uint32_t i = 0; i < n_; ++i) {
      for (uint64_t k = begin; k < end; ++k) mean_[k] += row(i)[k];
    }
  });
  for (double& m : mean_) m /= n_;
}

void FixedPointEmbeddings::set_norms(HostThreads& threads) {
  for_rows(threads, n_, d_, [&](uint32_t i) {
    double sum = 0;  // in index order, as the definition says
    for (uint32_t k = 0; k < d_; ++k) {
      const double x = row(i)[k] - mean_[k];
      sum += x * x;
    }
    norms_[i] = std::sqrt(sum);
  });
  largest_norm_ = *std::max_element(norms_.begin(), norms_.end());
  double smallest = largest_norm_;  // of those that are not zero
  for (const double norm : norms_) {
    if (norm > 0) smallest = std::min(smallest, norm);
  }
  weighted_ = largest_norm_ - smallest > kEqualNorms * largest_norm_;
}

void FixedPointEmbeddings::set_order(HostThreads& threads) {
  // The unit vector of a row of zeros is zero.
  const auto inverse_norm = [&](uint32_t i) { return norms_[i] == 0 ? 0 : 1 / norms_[i]; };
  std::vector<double> centroid(d_, 0.0);
  for_columns(threads, n_, d_, [&](uint64_t begin, uint64_t end) {
    for (uint32_t i = 0; i < n_; ++i) {
      const double scale = inverse_norm(i) / n_;
      for (uint64_t k = begin; k < end; ++k) centroid[k] += (row(i)[k] - mean_[k]) * scale;
    }
  });
  const double squares =
      std::inner_product(centroid.begin(), centroid.end(), centroid.begin(), 0.0);
  if (std::sqrt(squares) < kCommonDirection) return;
  std::vector<double> similarities(n_, 0.0);
  for_rows(threads, n_, d_, [&](uint32_t i) {
    double product = 0;
    for (uint32_t k = 0; k < d_; ++k) product += (row(i)[k] - mean_[k]) * centroid[k];
    similarities[i] = product * inverse_norm(i);
  });
  std::vector<uint32_t>& ids = order_.emplace(n_);
  std::iota(ids.begin(), ids.end(), 0);
  std::sort(ids.begin(), ids.end(), [&](uint32_t a, uint32_t b) {
    return std::pair(similarities[a], a) < std::pair(similarities[b], b);
  });
}

}  // namespace vkc
