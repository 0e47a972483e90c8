#include "similarity/known_similarities.hpp"

#include <algorithm>
#include <functional>
#include <numeric>
#include <random>
#include <set>

#include "similarity/fixed_point.hpp"

namespace vkc {

namespace {

constexpr int64_t kOne = int64_t{1} << FIXED_POINT_BITS;

// Point 4 of the definition, of two different items.
int32_t similarity_of(const std::vector<int32_t>& a, const std::vector<int32_t>& b) {
  const int64_t sum =
      std::transform_reduce(a.begin(), a.end(), b.begin(), int64_t{0}, std::plus<>(),
                            [](int32_t x, int32_t y) { return int64_t{x} * y; });
  return static_cast<int32_t>(std::clamp((sum + kOne / 2) >> FIXED_POINT_BITS, -kOne, kOne));
}

std::set<uint32_t> choose_items(uint32_t n, const std::vector<int32_t>& seed) {
  std::seed_seq sequence(seed.begin(), seed.end());
  std::minstd_rand random(sequence);
  std::set<uint32_t> items;
  while (items.size() < std::min(n, KnownSimilarities::kItems)) {
    items.insert(static_cast<uint32_t>(random() % n));
  }
  return items;
}

}  // namespace

KnownSimilarities::KnownSimilarities(const FixedPointEmbeddings& embeddings, uint32_t n,
                                     uint32_t d) {
  for (uint32_t item = 0; item < n; ++item) {
    if (embeddings.is_zero(item)) zeros_.push_back(item);
  }
  const auto unit_vector = [&](uint32_t item) {
    std::vector<int32_t> unit(d);
    embeddings.write_unit_vector(item, unit.data());
    return unit;
  };
  for (const uint32_t id : choose_items(n, unit_vector(n - 1))) {
    items_.push_back({id, unit_vector(id), embeddings.weight(id)});
  }
  for (const Item& a : items_) {
    for (const Item& b : items_) {
      if (a.id != b.id) pairs_.push_back({a.id, b.id, similarity_of(a.unit, b.unit)});
    }
  }
}

std::vector<KnownSimilarity> KnownSimilarities::of_other(const std::vector<int32_t>& unit,
                                                         uint32_t id) const {
  std::vector<KnownSimilarity> known;
  known.reserve(items_.size());
  for (const Item& item : items_) known.push_back({id, item.id, similarity_of(unit, item.unit)});
  return known;
}

int32_t KnownSimilarities::weight(uint32_t id) const {
  const auto item = std::find_if(items_.begin(), items_.end(),
                                 [id](const Item& known) { return known.id == id; });
  return item->weight;
}

std::vector<KnownSimilarity> KnownSimilarities::in_rows(uint32_t first, uint32_t count) const {
  std::vector<KnownSimilarity> known;
  const uint32_t diagonals = std::min(count, kDiagonals);
  for (uint32_t i = 0; i < diagonals; ++i) {
    const auto id = static_cast<uint32_t>(first + uint64_t{count} * i / diagonals);
    const bool zero = std::binary_search(zeros_.begin(), zeros_.end(), id);
    known.push_back({id, id, zero ? 0 : static_cast<int32_t>(kOne)});
  }
  for (const KnownSimilarity& pair : pairs_) {
    if (pair.first >= first && pair.first - first < count) known.push_back(pair);
  }
  return known;
}

}  // namespace vkc
