// Finds walks that have chosen the same set of items, and so go on identically for ever.
//
// The sums of a walk depend on which items it has chosen, not on their order. Where two walks meet
// in a set, one of them can stop and copy the rest of its sequence from the other.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

namespace vkc {

class EqualSets {
 public:
  // Walks have `interval` items more at each comparison than at the one before. sequences:
  // count x length item ids, filled in by the caller as the walks go on.
  EqualSets(uint32_t n, uint32_t count, uint32_t length, uint32_t interval, uint32_t* sequences);

  // The bytes that such an object takes after so many comparisons, which found `sets` that were
  // new.
  static uint64_t bytes(uint32_t n, uint32_t count, uint32_t comparisons, uint64_t sets);

  // Takes note of items [from, to) of a walk's sequence.
  void add(uint32_t walk, uint32_t from, uint32_t to);

  // Whether another walk had the same items when it had as many as `walk` now, `chosen`. Then
  // `walk` need not go on: finish() completes its sequence.
  bool joins(uint32_t walk, uint32_t chosen);

  // Completes the sequences of all walks that joined another. All others must be complete.
  void finish();

 private:
  struct Join {
    uint32_t walk;
    uint32_t into;
    uint32_t chosen;
  };

  [[nodiscard]] bool same_items(uint32_t a, uint32_t b, uint32_t chosen);
  [[nodiscard]] uint32_t* sequence(uint32_t walk) const;

  uint32_t length_;
  uint32_t interval_;
  uint32_t* sequences_;
  std::vector<uint64_t> item_hashes_;  // n
  std::vector<uint64_t> set_hashes_;   // of each walk: the sum of its items' hashes
  std::vector<std::unordered_map<uint64_t, uint32_t>> seen_;  // of each comparison: hash to walk
  std::vector<uint32_t> marks_;  // n: the mark_ under which an item was last seen
  uint32_t mark_ = 0;
  std::vector<Join> joins_;
};

}  // namespace vkc
