// Finds walks that have chosen the same set of items, and so go on identically for ever.
//
// The sums of a walk depend on which items it has chosen, not on their order. Where two walks meet
// in a set, one of them can stop and copy the rest of its sequence from the other.
#pragma once

#include <cstdint>
#include <deque>
#include <memory_resource>
#include <span>
#include <unordered_map>
#include <vector>

namespace vkc {

class HostThreads;

// Items between two comparisons of walks. Each ends a dispatch, and so costs reading and writing
// the sums once: on a GPU as much as four steps. Where a comparison merges less than one walk in
// kRareMerges, every second one is left out.
inline constexpr uint32_t kMergeInterval = 128;
inline constexpr std::size_t kRareMerges = 100;

class MergedWalks {
 public:
  // Whether walks can meet, and go on long enough for a comparison.
  static bool can_merge(std::size_t count, uint32_t length) {
    return count > 1 && length > kMergeInterval;
  }

  // sequences: count x length item ids, filled in by the caller as the walks go on. The memory for
  // all comparisons is taken here, none while the walks go on.
  MergedWalks(uint32_t n, uint32_t count, uint32_t length, uint32_t* sequences);

  // The bytes that such an object takes, where walks can merge.
  static uint64_t bytes(uint32_t n, std::size_t count, uint32_t length);

  // Takes note of items [from, to) of a walk's sequence. Threads may do so for different walks.
  void add(uint32_t walk, uint32_t from, uint32_t to);

  // Compares the sets of these walks, of `chosen` items each, with one another and with all that
  // were compared before.
  void compare(HostThreads& threads, std::span<const uint32_t> walks, uint32_t chosen);

  // Whether a comparison found that another walk has the same set. Then this one need not go on:
  // finish() completes its sequence.
  [[nodiscard]] bool has_merged(uint32_t walk) const { return merged_[walk].chosen < length_; }

  // Completes the sequences of all walks that merged with another. All others must be complete.
  void finish(HostThreads& threads) const;

 private:
  // A walk when it has so many items.
  struct Point {
    uint32_t walk;
    uint32_t chosen;
  };

  // The sets of some hashes, which one thread compares.
  struct Shard {
    Shard(uint32_t n, uint64_t most_sets);

    std::pmr::monotonic_buffer_resource memory;     // of `seen`
    std::pmr::unordered_map<uint64_t, Point> seen;  // by the hash of the set
    std::vector<uint32_t> marks;                    // n: the mark under which an item was last seen
    uint32_t mark = 0;
  };

  void compare(Shard& shard, uint32_t walk, uint32_t chosen);
  [[nodiscard]] bool same_items(Shard& shard, uint32_t a, uint32_t b, uint32_t chosen) const;
  [[nodiscard]] uint32_t* sequence(uint32_t walk) const;
  void complete(uint32_t walk) const;  // its sequence

  uint32_t length_;
  uint32_t* sequences_;
  std::vector<uint64_t> item_hashes_;  // n
  std::vector<uint64_t> set_hashes_;   // of each walk: the sum of its items' hashes
  std::deque<Shard> shards_;
  // Of each walk, the one that it merged with and where; of one that merged with none, itself and
  // the end.
  std::vector<Point> merged_;
};

}  // namespace vkc
