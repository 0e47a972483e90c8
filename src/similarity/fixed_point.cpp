#include "similarity/fixed_point.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <utility>

#include "base/error.hpp"
#include "base/host_threads.hpp"
#include "base/progress.hpp"

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

// Numbers that are gone through between two words to the caller: some milliseconds' work, and so
// many that all threads have enough of them.
constexpr uint64_t kNumbersAtOnce = 1U << 24;

}  // namespace

// Goes through all rows, on several threads, and tells the caller.
class FixedPointEmbeddings::Pass {
 public:
  Pass(HostThreads& threads, Progress& progress, uint32_t n, uint32_t d)
      : threads_(threads), progress_(progress), n_(n), d_(d) {}

  // Calls body(i) for each row.
  template <typename Body>
  void for_rows(const Body& body) const {
    in_blocks([&](uint64_t first, uint64_t end) {
      threads_.for_each(end - first, kLeastNumbers / d_ + 1,
                        [&](uint64_t i) { body(static_cast<uint32_t>(first + i)); });
    });
  }

  // Calls body(i, begin, end) for each row and ranges of its columns: for any column, in the order
  // of the rows.
  template <typename Body>
  void for_columns(const Body& body) const {
    in_blocks([&](uint64_t first, uint64_t end) {
      const uint64_t least = kLeastNumbers / (end - first) + kCacheLine;
      threads_.for_ranges(d_, least, [&](uint64_t begin_column, uint64_t end_column) {
        for (uint64_t i = first; i < end; ++i) {
          body(static_cast<uint32_t>(i), begin_column, end_column);
        }
      });
    });
  }

 private:
  template <typename Body>
  void in_blocks(const Body& body) const {
    const uint64_t rows = kNumbersAtOnce / d_ + 1;
    for (uint64_t first = 0; first < n_; first += rows) {
      const uint64_t end = std::min<uint64_t>(first + rows, n_);
      body(first, end);
      progress_.advance(end - first);
    }
  }

  HostThreads& threads_;
  Progress& progress_;
  uint32_t n_;
  uint32_t d_;
};

FixedPointEmbeddings::FixedPointEmbeddings(HostThreads& threads, Progress& progress,
                                           const float* embeddings, uint32_t n, uint32_t d,
                                           bool center)
    : embeddings_(embeddings), n_(n), d_(d), mean_(d, 0.0), norms_(n) {
  const Pass pass(threads, progress, n, d);
  require_finite(pass, "embedding");
  if (center) set_mean(pass);
  set_norms(pass);
  if (n <= kMostOrdered) set_order(pass);
}

FixedPointEmbeddings::FixedPointEmbeddings(HostThreads& threads, Progress& progress,
                                           const float* queries, uint32_t n, uint32_t d,
                                           std::vector<double> mean)
    : embeddings_(queries), n_(n), d_(d), mean_(std::move(mean)), norms_(n) {
  const Pass pass(threads, progress, n, d);
  require_finite(pass, "query");
  set_norms(pass);
}

uint64_t FixedPointEmbeddings::row_passes(uint32_t n, bool center) {
  const uint64_t passes = 2 + (center ? 1 : 0) + (n <= kMostOrdered ? 2 : 0);
  return passes * n;
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

void FixedPointEmbeddings::require_finite(const Pass& pass, const char* what) const {
  pass.for_rows([&](uint32_t i) {
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

void FixedPointEmbeddings::set_mean(const Pass& pass) {
  // Each thread has columns of its own and adds the rows up in order: sums do not depend on
  // threads.
  pass.for_columns([&](uint32_t i, uint64_t begin, uint64_t end) {
    for (uint64_t k = begin; k < end; ++k) mean_[k] += row(i)[k];
  });
  for (double& m : mean_) m /= n_;
}

void FixedPointEmbeddings::set_norms(const Pass& pass) {
  pass.for_rows([&](uint32_t i) {
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

void FixedPointEmbeddings::set_order(const Pass& pass) {
  // The unit vector of a row of zeros is zero.
  const auto inverse_norm = [&](uint32_t i) { return norms_[i] == 0 ? 0 : 1 / norms_[i]; };
  std::vector<double> centroid(d_, 0.0);
  pass.for_columns([&](uint32_t i, uint64_t begin, uint64_t end) {
    const double scale = inverse_norm(i) / n_;
    for (uint64_t k = begin; k < end; ++k) centroid[k] += (row(i)[k] - mean_[k]) * scale;
  });
  const double squares =
      std::inner_product(centroid.begin(), centroid.end(), centroid.begin(), 0.0);
  if (std::sqrt(squares) < kCommonDirection) return;
  std::vector<double> similarities(n_, 0.0);
  pass.for_rows([&](uint32_t i) {
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
