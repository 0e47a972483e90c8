// What the diversity sequence claims to be, taken literally and in float64: the walk that always
// goes to the item farthest, by cosine distance, from the centroid of the items already chosen.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "reference.hpp"

namespace reference {

// Equal rows give the same bits here, so that duplicates tie exactly, as they do in integers.
inline double dot(const double* a, const double* b, uint32_t d) {
  double sum = 0;
#pragma omp simd reduction(+ : sum)
  for (uint32_t k = 0; k < d; ++k) sum += a[k] * b[k];
  return sum;
}

// The first length items of the walk over rows (see in_double) from start; lowest id on a tie.
// O(n d) a step.
inline std::vector<uint32_t> centroid_walk(const Rows<double>& rows, uint32_t start,
                                           uint32_t length) {
  const std::vector<double> row_norms = norms(rows);
  std::vector<double> sum(rows.d, 0.0);
  std::vector<double> centroid(rows.d);
  std::vector<bool> chosen(rows.n, false);
  std::vector<uint32_t> sequence{start};
  chosen[start] = true;
  while (sequence.size() < length) {
    for (uint32_t k = 0; k < rows.d; ++k) {
      sum[k] += rows.row(sequence.back())[k];
      centroid[k] = sum[k] / static_cast<double>(sequence.size());
    }
    const double centroid_norm = std::sqrt(dot(centroid.data(), centroid.data(), rows.d));
    uint32_t farthest = rows.n;
    double farthest_distance = 0;
    for (uint32_t j = 0; j < rows.n; ++j) {
      if (chosen[j]) continue;
      const double scale = row_norms[j] * centroid_norm;
      const double cosine = scale == 0 ? 0 : dot(rows.row(j), centroid.data(), rows.d) / scale;
      const double distance = 1 - cosine;
      if (farthest == rows.n || distance > farthest_distance) {
        farthest = j;
        farthest_distance = distance;
      }
    }
    sequence.push_back(farthest);
    chosen[farthest] = true;
  }
  return sequence;
}

}  // namespace reference
