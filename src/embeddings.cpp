// Compiled with -ffp-contract=off: a fused multiply-add rounds differently, and results must not
// depend on whether the host has one.
#include "embeddings.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "error.hpp"

namespace vkc {

namespace {

// Norms that agree to within this, relative to the largest, count as equal.
constexpr double kEqualNorms = 1e-5;

void require_finite(const float* embeddings, uint32_t n, uint32_t d) {
  for (uint32_t i = 0; i < n; ++i) {
    const float* row = embeddings + static_cast<std::size_t>(i) * d;
    // x - x is 0 for finite x and NaN otherwise: one sum a row keeps the usual case vectorised.
    float probe = 0;
    for (uint32_t k = 0; k < d; ++k) probe += row[k] - row[k];
    if (probe == 0) continue;
    for (uint32_t k = 0; k < d; ++k) {
      if (std::isfinite(row[k])) continue;
      fail(VKC_ERROR_NOT_FINITE, "embedding in row ", i, " has ",
           std::isnan(row[k]) ? "NaN" : "infinity", " in column ", k,
           " (both from 0): mend or remove that embedding");
    }
  }
}

std::vector<double> mean_row(const float* embeddings, uint32_t n, uint32_t d) {
  std::vector<double> mean(d, 0.0);
  for (uint32_t i = 0; i < n; ++i) {
    const float* row = embeddings + static_cast<std::size_t>(i) * d;
    for (uint32_t k = 0; k < d; ++k) mean[k] += row[k];
  }
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

}  // namespace

FixedPointEmbeddings to_fixed_point(const float* embeddings, uint32_t n, uint32_t d, bool center,
                                    uint32_t rows, uint32_t pitch) {
  require_finite(embeddings, n, d);
  const std::vector<double> mean =
      center ? mean_row(embeddings, n, d) : std::vector<double>(d, 0.0);

  FixedPointEmbeddings out;
  out.units.assign(static_cast<std::size_t>(rows) * pitch, 0);
  std::vector<double> norms(n);
  std::vector<double> x(d);
  for (uint32_t i = 0; i < n; ++i) {
    const float* row = embeddings + static_cast<std::size_t>(i) * d;
    int32_t* unit = out.units.data() + static_cast<std::size_t>(i) * pitch;
    double sum = 0;  // in index order, as the definition says
    for (uint32_t k = 0; k < d; ++k) {
      x[k] = row[k] - mean[k];
      sum += x[k] * x[k];
    }
    const double norm = std::sqrt(sum);
    norms[i] = norm;
    if (norm == 0) continue;
    for (uint32_t k = 0; k < d; ++k) {
      unit[k] = static_cast<int32_t>(std::llrint(x[k] / norm * kFixedPointOne));
    }
  }
  set_weights(norms, out);
  return out;
}

}  // namespace vkc
