#include "exact.hpp"

#include <algorithm>
#include <cmath>
#include <iomanip>
#include <limits>
#include <sstream>
#include <stdexcept>
#include <string>

#include "parallel.hpp"

namespace bench {

namespace {

// Multiply-adds that may go into the reference's rows for one walk: enough for the whole of it at
// 2,461 x 512.
constexpr uint64_t kMostProducts = 3'200'000'000;

template <typename T>
[[noreturn]] void differs(const std::string& place, T got, T wanted) {
  std::ostringstream message;
  message << std::setprecision(std::numeric_limits<T>::max_digits10) << place << " is " << got
          << " and must be " << wanted;
  throw std::runtime_error(message.str());
}

// Of so many, some.
std::vector<uint32_t> sampled(uint32_t count) { return {0, count / 3, count / 2, count - 1}; }

std::string pair(uint32_t i, uint32_t j) { return std::to_string(i) + " and " + std::to_string(j); }

}  // namespace

Exact::Exact(const reference::Embeddings& embeddings, bool center, unsigned threads)
    : threads_(threads) {
  const reference::Rows<double> rows = reference::in_double(embeddings, center);
  norms_ = reference::norms(rows);
  units_ = reference::unit_vectors(rows, norms_);
  weights_ = reference::weights(norms_);
}

std::vector<float> Exact::float_units() const {
  std::vector<float> out(units_.values.size());
  std::transform(units_.values.begin(), units_.values.end(), out.begin(),
                 [](int32_t q) { return static_cast<float>(q) * 0x1p-30F; });
  return out;
}

std::vector<float> Exact::float_weights() const {
  std::vector<float> out(weights_.size());
  std::transform(weights_.begin(), weights_.end(), out.begin(),
                 [](int64_t w) { return static_cast<float>(w) * 0x1p-30F; });
  return out;
}

const std::vector<int32_t>& Exact::cosines(uint32_t item) {
  std::vector<int32_t>& row = cosines_[item];
  if (row.empty()) {
    row.resize(units_.n);
    constexpr uint32_t kChunk = 512;
    parallel(threads_, (units_.n + kChunk - 1) / kChunk, [&](uint32_t chunk) {
      const uint32_t end = std::min((chunk + 1) * kChunk, units_.n);
      for (uint32_t j = chunk * kChunk; j < end; ++j) {
        row[j] = reference::cosine(units_, norms_, item, j);
      }
    });
  }
  return row;
}

std::vector<int32_t> Exact::contributions(const Peer& peer) {
  const uint32_t n = units_.n;
  std::vector<int32_t> matrix(std::size_t{n} * n);
  peer.similarity_int(units_.values.data(), n, units_.d, matrix.data(), threads_);
  check_cosines(matrix.data());
  for (uint32_t i = 0; i < n; ++i) {
    if (norms_[i] == 0) matrix[std::size_t{i} * n + i] = 0;
  }
  if (reference::weighted(norms_)) {
    parallel(threads_, n, [&](uint32_t i) {
      for (uint32_t j = 0; j < n; ++j) {
        int32_t& entry = matrix[std::size_t{i} * n + j];
        entry = static_cast<int32_t>(reference::rescale(weights_[i] * entry));
      }
    });
  }
  return matrix;
}

void Exact::check_matrix(const float* matrix, float tolerance) {
  const uint32_t n = units_.n;
  for (const uint32_t i : sampled(n)) {
    const std::vector<int32_t>& row = cosines(i);
    for (uint32_t j = 0; j < n; ++j) {
      const auto wanted = static_cast<float>(row[j] * std::ldexp(1.0, -30));
      const float got = matrix[std::size_t{i} * n + j];
      if (!(std::abs(got - wanted) <= tolerance)) {
        differs("the similarity of items " + pair(i, j), got, wanted);
      }
    }
  }
}

void Exact::check_cosines(const int32_t* matrix) {
  const uint32_t n = units_.n;
  for (const uint32_t i : sampled(n)) {
    const std::vector<int32_t>& row = cosines(i);
    for (uint32_t j = 0; j < n; ++j) {
      const int32_t got = matrix[std::size_t{i} * n + j];
      if (i != j && got != row[j]) differs("a peer's cosine of items " + pair(i, j), got, row[j]);
    }
  }
}

void Exact::check_greatest(const std::vector<int32_t>& cosines, uint32_t left_out,
                           const uint32_t* ids, uint32_t k, const std::string& of) const {
  std::vector<uint32_t> others;
  for (uint32_t j = 0; j < units_.n; ++j) {
    if (j != left_out) others.push_back(j);
  }
  std::partial_sort(others.begin(), others.begin() + k, others.end(), [&](uint32_t a, uint32_t b) {
    return cosines[a] > cosines[b] || (cosines[a] == cosines[b] && a < b);
  });
  for (uint32_t place = 0; place < k; ++place) {
    if (ids[place] != others[place]) {
      differs("neighbour " + std::to_string(place) + " of " + of, ids[place], others[place]);
    }
  }
}

void Exact::check_neighbors(const uint32_t* ids, uint32_t count, uint32_t k) {
  for (const uint32_t i : sampled(count)) {
    check_greatest(cosines(i), i, ids + std::size_t{i} * k, k, "item " + std::to_string(i));
  }
}

void Exact::check_nearest(const reference::Rows<int32_t>& query_units, const uint32_t* ids,
                          uint32_t k) {
  const uint32_t n = units_.n;
  for (const uint32_t q : sampled(query_units.n)) {
    std::vector<int32_t> row(n);
    for (uint32_t j = 0; j < n; ++j) {
      int64_t sum = 0;
      for (uint32_t m = 0; m < units_.d; ++m) {
        sum += int64_t{query_units.row(q)[m]} * units_.row(j)[m];
      }
      row[j] = static_cast<int32_t>(
          std::clamp(reference::rescale(sum), -reference::kOne, reference::kOne));
    }
    check_greatest(row, n, ids + std::size_t{q} * k, k, "query " + std::to_string(q));
  }
}

uint32_t Exact::compared_items(uint32_t length) const {
  constexpr uint64_t kFewest = 50;
  const uint64_t affordable = kMostProducts / (uint64_t{units_.n} * units_.d);
  return static_cast<uint32_t>(std::min<uint64_t>(std::max(affordable, kFewest), length));
}

void Exact::check_walk(const uint32_t* sequence, uint32_t length) {
  const uint32_t n = units_.n;
  std::vector<int64_t> sums(n, 0);
  std::vector<bool> chosen(n, false);
  for (uint32_t k = 0; k + 1 < compared_items(length); ++k) {
    const uint32_t latest = sequence[k];
    chosen[latest] = true;
    const std::vector<int32_t>& row = cosines(latest);
    uint32_t best = n;
    for (uint32_t j = 0; j < n; ++j) {
      sums[j] += reference::rescale(weights_[latest] * row[j]);
      if (!chosen[j] && (best == n || sums[j] < sums[best])) best = j;
    }
    if (sequence[k + 1] != best) {
      differs("item " + std::to_string(k + 1) + " of the walk from " + std::to_string(sequence[0]),
              sequence[k + 1], best);
    }
  }
}

void Exact::check_away(const uint32_t* sequence, uint32_t length, float lambda) {
  const uint32_t n = units_.n;
  const int64_t share = std::llrint(lambda * static_cast<double>(reference::kOne));
  const std::vector<int32_t> with_start = cosines(sequence[0]);
  std::vector<int32_t> greatest = with_start;
  std::vector<bool> chosen(n, false);
  for (uint32_t k = 0; k + 1 < compared_items(length); ++k) {
    chosen[sequence[k]] = true;
    const std::vector<int32_t>& row = cosines(sequence[k]);
    uint32_t best = n;
    int64_t least = 0;
    for (uint32_t j = 0; j < n; ++j) {
      greatest[j] = std::max(greatest[j], row[j]);
      const int64_t score = share * with_start[j] + (reference::kOne - share) * greatest[j];
      if (chosen[j] || (best < n && score >= least)) continue;
      best = j;
      least = score;
    }
    if (sequence[k + 1] != best) {
      differs("item " + std::to_string(k + 1) + " away from " + std::to_string(sequence[0]),
              sequence[k + 1], best);
    }
  }
}

}  // namespace bench
