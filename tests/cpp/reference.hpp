// The definition in include/vulkan_compute.h, step by step, for the library's results to be
// compared with: plain loops, one thread, no Vulkan.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace reference {

constexpr int64_t kOne = int64_t{1} << 30;  // 1.0 in fixed point
constexpr int64_t kHalf = kOne / 2;         // added before >> 30, so that the shift rounds

// n rows of d numbers, row-major.
template <typename T>
struct Rows {
  uint32_t n = 0;
  uint32_t d = 0;
  std::vector<T> values{};

  T* row(uint32_t i) { return values.data() + size_t{i} * d; }
  const T* row(uint32_t i) const { return values.data() + size_t{i} * d; }
};

using Embeddings = Rows<float>;

inline int64_t rescale(int64_t product) { return (product + kHalf) >> 30; }

// Step 1: the embeddings in float64, less their mean row where centring is asked for.
inline Rows<double> in_double(const Embeddings& embeddings, bool center) {
  Rows<double> rows{
      embeddings.n, embeddings.d, {embeddings.values.begin(), embeddings.values.end()}};
  if (!center) return rows;
  for (uint32_t k = 0; k < rows.d; ++k) {
    double sum = 0;
    for (uint32_t i = 0; i < rows.n; ++i) sum += rows.row(i)[k];
    const double mean = sum / rows.n;
    for (uint32_t i = 0; i < rows.n; ++i) rows.row(i)[k] -= mean;
  }
  return rows;
}

// Step 2: the Euclidean norm of each row.
inline std::vector<double> norms(const Rows<double>& rows) {
  std::vector<double> result;
  for (uint32_t i = 0; i < rows.n; ++i) {
    double sum = 0;
    for (uint32_t k = 0; k < rows.d; ++k) sum += rows.row(i)[k] * rows.row(i)[k];
    result.push_back(std::sqrt(sum));
  }
  return result;
}

// Step 3: unit vectors in fixed point; 0 for a zero row.
inline Rows<int32_t> unit_vectors(const Rows<double>& rows, const std::vector<double>& norms) {
  Rows<int32_t> units{rows.n, rows.d, std::vector<int32_t>(rows.values.size())};
  for (uint32_t i = 0; i < rows.n; ++i) {
    if (norms[i] == 0) continue;
    for (uint32_t k = 0; k < rows.d; ++k) {
      units.row(i)[k] =
          static_cast<int32_t>(std::llrint(rows.row(i)[k] / norms[i] * static_cast<double>(kOne)));
    }
  }
  return units;
}

// Step 4, one entry: the cosine similarity of rows i and j in fixed point.
inline int32_t cosine(const Rows<int32_t>& units, const std::vector<double>& norms, uint32_t i,
                      uint32_t j) {
  if (i == j) return norms[i] == 0 ? 0 : static_cast<int32_t>(kOne);
  int64_t sum = 0;
  for (uint32_t k = 0; k < units.d; ++k) sum += int64_t{units.row(i)[k]} * units.row(j)[k];
  return static_cast<int32_t>(std::clamp(rescale(sum), -kOne, kOne));
}

// Step 4: all cosine similarities, n x n.
inline Rows<int32_t> cosines(const Rows<int32_t>& units, const std::vector<double>& norms) {
  const uint32_t n = units.n;
  Rows<int32_t> result{n, n, std::vector<int32_t>(size_t{n} * n)};
  for (uint32_t i = 0; i < n; ++i) {
    for (uint32_t j = 0; j <= i; ++j) {
      result.row(i)[j] = cosine(units, norms, i, j);
      result.row(j)[i] = result.row(i)[j];
    }
  }
  return result;
}

// Step 5: the similarity matrix in float32. The product with 2^-30 is exact in float64, so the
// conversion is the only rounding.
inline Rows<float> similarity_matrix(const Rows<int32_t>& cosines) {
  Rows<float> result{cosines.n, cosines.d, {}};
  for (const int32_t c : cosines.values) {
    result.values.push_back(static_cast<float>(c * std::ldexp(1.0, -30)));
  }
  return result;
}

// Step 6: whether the norms of the rows that are not zero differ by more than 1e-5.
inline bool weighted(const std::vector<double>& norms) {
  double smallest = 0;
  double largest = 0;
  for (const double norm : norms) {
    if (norm == 0) continue;
    smallest = smallest == 0 ? norm : std::min(smallest, norm);
    largest = std::max(largest, norm);
  }
  return largest - smallest > 1e-5 * largest;
}

// Step 6: w_i, the share of row i in the centroid.
inline std::vector<int64_t> weights(const std::vector<double>& norms) {
  std::vector<int64_t> result(norms.size(), kOne);
  if (!weighted(norms)) return result;
  const double largest = *std::max_element(norms.begin(), norms.end());
  for (size_t i = 0; i < norms.size(); ++i) {
    result[i] = std::llrint(norms[i] / largest * static_cast<double>(kOne));
  }
  return result;
}

// Step 6: row i is what choosing item i adds to every A_j.
inline Rows<int32_t> contributions(const Rows<int32_t>& cosines,
                                   const std::vector<int64_t>& weights) {
  Rows<int32_t> result = cosines;
  for (uint32_t i = 0; i < result.n; ++i) {
    for (uint32_t j = 0; j < result.d; ++j) {
      result.row(i)[j] = static_cast<int32_t>(rescale(weights[i] * cosines.row(i)[j]));
    }
  }
  return result;
}

// Step 6: the first length items of the diversity sequence from start. Contributions: n items, and
// row(i), as in Rows<int32_t>.
template <typename Contributions>
std::vector<uint32_t> diversity_sequence(const Contributions& contributions, uint32_t start,
                                         uint32_t length) {
  std::vector<int64_t> a(contributions.n, 0);
  std::vector<uint32_t> left;  // not yet chosen, lowest id first
  for (uint32_t j = 0; j < contributions.n; ++j) {
    if (j != start) left.push_back(j);
  }
  std::vector<uint32_t> sequence{start};
  while (sequence.size() < length) {
    const int32_t* added = contributions.row(sequence.back());
    for (uint32_t j = 0; j < contributions.n; ++j) a[j] += added[j];
    // Of equal elements, min_element gives the first.
    const auto best = std::min_element(left.begin(), left.end(),
                                       [&a](uint32_t i, uint32_t j) { return a[i] < a[j]; });
    sequence.push_back(*best);
    left.erase(best);
  }
  return sequence;
}

// The orders `away` and, where `toward` is said, `toward`: the first length items from start. Row i
// of the cosines has an entry for each item.
inline std::vector<uint32_t> scored_sequence(const Rows<int32_t>& cosines, uint32_t start,
                                             uint32_t length, bool toward, float lambda) {
  const int64_t l = std::llrint(double{lambda} * static_cast<double>(kOne));
  std::vector<int64_t> greatest(cosines.n, 0);  // M_j
  std::vector<bool> chosen(cosines.n, false);
  std::vector<uint32_t> sequence{start};
  chosen[start] = true;
  while (sequence.size() < length) {
    // The first of those that count in M_j gives its cosine, each other one what is greater.
    const size_t counting = sequence.size() - (toward ? 1 : 0);
    const int32_t* latest = cosines.row(sequence.back());
    uint32_t best = cosines.n;
    int64_t best_score = 0;
    for (uint32_t j = 0; j < cosines.n; ++j) {
      if (counting == 1) greatest[j] = latest[j];
      if (counting > 1) greatest[j] = std::max<int64_t>(greatest[j], latest[j]);
      const int64_t with_start = cosines.row(start)[j];
      const int64_t score = (toward ? -l : l) * with_start + (kOne - l) * greatest[j];
      if (chosen[j] || (best < cosines.n && score >= best_score)) continue;
      best = j;
      best_score = score;
    }
    sequence.push_back(best);
    chosen[best] = true;
  }
  return sequence;
}

// Step 8: queries in float64, less the mean row of the embeddings where these are centred.
inline Rows<double> queries_in_double(const Embeddings& queries, const Embeddings& embeddings,
                                      bool center) {
  Rows<double> rows{queries.n, queries.d, {queries.values.begin(), queries.values.end()}};
  if (!center) return rows;
  for (uint32_t k = 0; k < rows.d; ++k) {
    double sum = 0;
    for (uint32_t i = 0; i < embeddings.n; ++i) sum += embeddings.row(i)[k];
    for (uint32_t i = 0; i < rows.n; ++i) rows.row(i)[k] -= sum / embeddings.n;
  }
  return rows;
}

// Everything that one set of embeddings gives.
struct Results {
  bool weighted;
  Rows<float> similarity;
  Rows<int32_t> contributions;

  Results(const Embeddings& embeddings, bool center) {
    const Rows<double> rows = in_double(embeddings, center);
    const std::vector<double> row_norms = norms(rows);
    const Rows<int32_t> c = cosines(unit_vectors(rows, row_norms), row_norms);
    weighted = reference::weighted(row_norms);
    similarity = similarity_matrix(c);
    contributions = reference::contributions(c, weights(row_norms));
  }

  std::vector<uint32_t> sequence(uint32_t start, uint32_t length) const {
    return diversity_sequence(contributions, start, length);
  }
};

// Step 7: the other items, nearest to item i first. Row i of the cosines has an entry for each.
inline std::vector<uint32_t> neighbors(const int32_t* cosines, uint32_t n, uint32_t i) {
  std::vector<uint32_t> others;  // lowest id first
  for (uint32_t j = 0; j < n; ++j) {
    if (j != i) others.push_back(j);
  }
  // Equal elements stay in order.
  std::stable_sort(others.begin(), others.end(),
                   [cosines](uint32_t a, uint32_t b) { return cosines[a] > cosines[b]; });
  return others;
}

// The nearest neighbours of some items, count x k.
struct NeighborLists {
  std::vector<uint32_t> ids{};
  std::vector<float> similarities{};
};

// All that there is to know of the neighbours in one set of embeddings.
struct Neighbors {
  Rows<int32_t> c;
  std::vector<std::vector<uint32_t>> of;  // item i: all others, nearest first

  Neighbors(const Embeddings& embeddings, bool center) {
    const Rows<double> rows = in_double(embeddings, center);
    const std::vector<double> row_norms = norms(rows);
    c = cosines(unit_vectors(rows, row_norms), row_norms);
    for (uint32_t i = 0; i < c.n; ++i) of.push_back(neighbors(c.row(i), c.n, i));
  }

  NeighborLists lists(uint32_t first, uint32_t count, uint32_t k) const {
    NeighborLists result;
    for (uint32_t i = first; i < first + count; ++i) {
      for (uint32_t place = 0; place < k; ++place) {
        const uint32_t j = of[i][place];
        result.ids.push_back(j);
        result.similarities.push_back(static_cast<float>(c.row(i)[j] * std::ldexp(1.0, -30)));
      }
    }
    return result;
  }
};

// Step 8: the k nearest items of each query.
inline NeighborLists nearest(const Embeddings& queries, const Embeddings& embeddings, bool center,
                             uint32_t k) {
  const Rows<double> rows = in_double(embeddings, center);
  const Rows<int32_t> units = unit_vectors(rows, norms(rows));
  const Rows<double> query_rows = queries_in_double(queries, embeddings, center);
  const Rows<int32_t> query_units = unit_vectors(query_rows, norms(query_rows));
  NeighborLists result;
  for (uint32_t q = 0; q < queries.n; ++q) {
    std::vector<int32_t> c;
    for (uint32_t j = 0; j < units.n; ++j) {
      int64_t sum = 0;
      for (uint32_t m = 0; m < units.d; ++m) {
        sum += int64_t{query_units.row(q)[m]} * units.row(j)[m];
      }
      c.push_back(static_cast<int32_t>(std::clamp(rescale(sum), -kOne, kOne)));
    }
    std::vector<uint32_t> ids = neighbors(c.data(), units.n, units.n);  // of no item: all count
    ids.resize(k);
    for (const uint32_t j : ids) {
      result.ids.push_back(j);
      result.similarities.push_back(static_cast<float>(c[j] * std::ldexp(1.0, -30)));
    }
  }
  return result;
}

}  // namespace reference
