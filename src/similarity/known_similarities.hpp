// Some similarities that the host computes itself, to be compared with what the device computes.
#pragma once

#include <cstdint>
#include <vector>

namespace vkc {

class FixedPointEmbeddings;

struct KnownSimilarity {
  uint32_t first;   // ids
  uint32_t second;  // likewise
  int32_t value;    // in fixed point
};

// The diagonal of the similarity matrix, and all pairs of a few items. Which items depends on the
// embeddings: memory that holds the results of others is told from these.
class KnownSimilarities {
 public:
  KnownSimilarities() = default;
  KnownSimilarities(const FixedPointEmbeddings& embeddings, uint32_t n, uint32_t d);

  // Those to compare in the rows of items first .. first + count - 1: at most kMost.
  [[nodiscard]] std::vector<KnownSimilarity> in_rows(uint32_t first, uint32_t count) const;

  // Those of a vector that is not among the embeddings with the few items: as the `first` of pairs
  // it has this id.
  [[nodiscard]] std::vector<KnownSimilarity> of_other(const std::vector<int32_t>& unit,
                                                      uint32_t id) const;

  // The weight of an item that is the first of a pair.
  [[nodiscard]] int32_t weight(uint32_t id) const;

  static constexpr uint32_t kItems = 8;       // all pairs of which are known
  static constexpr uint32_t kDiagonals = 16;  // elements of the diagonal, evenly spaced
  static constexpr uint32_t kMost = kItems * kItems + kDiagonals;

 private:
  struct Item {
    uint32_t id;
    std::vector<int32_t> unit;  // its unit vector
    int32_t weight;
  };

  std::vector<uint32_t> zeros_;  // the items whose embeddings are zero, ascending
  std::vector<Item> items_;
  std::vector<KnownSimilarity> pairs_;  // in both orders
};

}  // namespace vkc
