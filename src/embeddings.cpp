// Compiled with -ffp-contract=off: a fused multiply-add rounds differently, and results must not
// depend on whether the host has one.
#include "embeddings.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>

#include "error.hpp"
#include "host_threads.hpp"

namespace vkc {

namespace {

// Norms that agree to within this, relative to the largest, count as equal.
constexpr double kEqualNorms = 1e-5;

// Lengths of the mean of the unit vectors above this show a common direction.
constexpr double kCommonDirection = 0.1;

// Numbers that are worth a thread of their own.
constexpr uint64_t kLeastNumbers = 1U << 16;
// Numbers side by side that one thread had better read all.
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

void require_finite(HostThreads& threads, const float* embeddings, uint32_t n, uint32_t d) {
  for_rows(threads, n, d, [&](uint32_t i) {
    const float* row = embeddings + static_cast<std::size_t>(i) * d;
    // x - x is 0 for finite x and NaN otherwise: one sum a row keeps the usual case vectorised.
    float probe = 0;
    for (uint32_t k = 0; k < d; ++k) probe += row[k] - row[k];
    if (probe == 0) return;
    for (uint32_t k = 0; k < d; ++k) {
      if (std::isfinite(row[k])) continue;
      fail(VKC_ERROR_NOT_FINITE, "embedding in row ", i, " has ",
           std::isnan(row[k]) ? "NaN" : "infinity", " in column ", k,
           " (both from 0): mend or remove that embedding");
    }
  });
}

std::vector<double> mean_row(HostThreads& threads, const float* embeddings, uint32_t n,
                             uint32_t d) {
  std::vector<double> mean(d, 0.0);
  // Threads share out the columns: each is added up in the order of the rows.
  for_columns(threads, n, d, [&](uint64_t begin, uint64_t end) {
    for (uint32_t i = 0; i < n; ++i) {
      const float* row = embeddings + static_cast<std::size_t>(i) * d;
      for (uint64_t k = begin; k < end; ++k) mean[k] += row[k];
    }
  });
  for (double& m : mean) m /= n;
  return mean;
}

void set_weights(const std::vector<double>& norms, FixedPointEmbeddings& out) {
  double largest = 0;
  for (const double norm : norms) largest = std::max(largest, norm);
  double smallest = largest;  // of the non-zero norms
  for (const double norm : norms) {
    if (norm > 0) smallest = std::min(smallest, norm);
  }
  out.weighted = largest - smallest > kEqualNorms * largest;
  out.weights.assign(norms.size(), 1 << kFixedPointBits);
  if (!out.weighted) return;
  for (std::size_t i = 0; i < norms.size(); ++i) {
    out.weights[i] = static_cast<int32_t>(std::llrint(norms[i] / largest * kFixedPointOne));
  }
}

// The items in ascending similarity to the centroid of the unit vectors, or nothing if those have
// no common direction.
std::vector<uint32_t> order_by_centroid(HostThreads& threads, const std::vector<int32_t>& units,
                                        uint32_t n, uint32_t d, uint32_t pitch) {
  const auto unit_of = [&](uint32_t i) { return units.data() + std::size_t{i} * pitch; };
  std::vector<int64_t> sums(d, 0);
  for_columns(threads, n, d, [&](uint64_t begin, uint64_t end) {
    for (uint32_t i = 0; i < n; ++i) {
      for (uint64_t k = begin; k < end; ++k) sums[k] += unit_of(i)[k];
    }
  });
  std::vector<double> centroid(d);
  double squares = 0;
  for (uint32_t k = 0; k < d; ++k) {
    centroid[k] = static_cast<double>(sums[k]) / (kFixedPointOne * n);
    squares += centroid[k] * centroid[k];
  }
  if (std::sqrt(squares) < kCommonDirection) return {};
  std::vector<double> similarities(n, 0.0);
  for_rows(threads, n, d, [&](uint32_t i) {
    for (uint32_t k = 0; k < d; ++k) similarities[i] += unit_of(i)[k] * centroid[k];
  });
  std::vector<uint32_t> order(n);
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](uint32_t a, uint32_t b) { return similarities[a] < similarities[b]; });
  return order;
}

}  // namespace

uint64_t fixed_point_bytes(uint32_t n, uint64_t rows, uint32_t pitch) {
  const uint64_t of_item = sizeof(int32_t) + sizeof(double);
  const uint64_t of_ordered_item = sizeof(double) + sizeof(uint32_t);
  return rows * pitch * sizeof(int32_t) + n * of_item +
         (n <= kMostOrdered ? n * of_ordered_item : 0);
}

FixedPointEmbeddings to_fixed_point(HostThreads& threads, const float* embeddings, uint32_t n,
                                    uint32_t d, bool center, uint32_t rows, uint32_t pitch) {
  require_finite(threads, embeddings, n, d);
  const std::vector<double> mean =
      center ? mean_row(threads, embeddings, n, d) : std::vector<double>(d, 0.0);

  FixedPointEmbeddings out;
  out.units.assign(static_cast<std::size_t>(rows) * pitch, 0);
  std::vector<double> norms(n);
  for_rows(threads, n, d, [&](uint32_t i) {
    const float* row = embeddings + static_cast<std::size_t>(i) * d;
    int32_t* unit = out.units.data() + static_cast<std::size_t>(i) * pitch;
    double sum = 0;  // in index order, as the definition says
    for (uint32_t k = 0; k < d; ++k) {
      const double x = row[k] - mean[k];
      sum += x * x;
    }
    const double norm = std::sqrt(sum);
    norms[i] = norm;
    if (norm == 0) return;
    for (uint32_t k = 0; k < d; ++k) {
      unit[k] = static_cast<int32_t>(std::llrint((row[k] - mean[k]) / norm * kFixedPointOne));
    }
  });
  set_weights(norms, out);
  if (n <= kMostOrdered) out.order = order_by_centroid(threads, out.units, n, d, pitch);
  return out;
}

}  // namespace vkc
