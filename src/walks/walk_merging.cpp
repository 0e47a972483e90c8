#include "walks/walk_merging.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <random>
#include <utility>

#include "base/host_threads.hpp"

namespace vkc {

namespace {

// Parts of the sets by the first bits of their hashes, each for one thread at a time.
constexpr uint32_t kShardBits = 4;
constexpr uint32_t kShards = 1U << kShardBits;

uint32_t shard_of(uint64_t hash) { return static_cast<uint32_t>(hash >> (64 - kShardBits)); }

// What an entry of `seen` takes in libstdc++: its node, and its bucket with what the table is
// rounded up by.
constexpr uint64_t kEntryBytes = sizeof(void*) + sizeof(std::pair<uint64_t, uint64_t>) + 9;

// Walks to compare, and items to copy, that are worth a thread of their own.
constexpr std::size_t kLeastCompared = 64;
constexpr uint32_t kLeastCopied = 1U << 17;

// The most sets that comparisons can note of so many walks. A comparison that merges few may note
// the set of every walk, but the next is left out; at any other, one walk in kRareMerges or more
// ends.
uint64_t most_sets(std::size_t walks, uint32_t length) {
  const uint32_t comparisons = (length - 1) / kMergeInterval;
  constexpr double kGoOn = 1.0 - 1.0 / kRareMerges;
  double of_next = 0;        // after this comparison, on average over the walks
  double of_one_beyond = 0;  // after the next
  for (uint32_t c = 0; c < comparisons; ++c) {
    const double here = std::max(1 + of_one_beyond, kGoOn * (1 + of_next));
    of_one_beyond = std::exchange(of_next, here);
  }
  return static_cast<uint64_t>(std::ceil(static_cast<double>(walks) * of_next));
}

// Hashes are random, and so is how many come to a shard. More than this is less likely than one in
// a billion, and would only take more memory.
uint64_t most_sets_of_shard(std::size_t walks, uint32_t length) {
  const uint64_t share = most_sets(walks, length) / kShards;
  return share + share / 16 + 256;
}

}  // namespace

MergedWalks::Shard::Shard(uint32_t n, uint64_t most_sets)
    : memory(most_sets * kEntryBytes), seen(&memory), marks(n, 0) {
  seen.reserve(most_sets);
}

MergedWalks::MergedWalks(uint32_t n, uint32_t count, uint32_t length, uint32_t* sequences)
    : length_(length),
      sequences_(sequences),
      item_hashes_(n),
      set_hashes_(count, 0),
      merged_(count) {
  // Any seed will do: a hash only proposes, same_items() decides.
  const std::mt19937_64 random(n);  // NOLINT(cert-msc*): the same on every run
  std::generate(item_hashes_.begin(), item_hashes_.end(), random);
  const uint64_t most = most_sets_of_shard(count, length);
  for (uint32_t s = 0; s < kShards; ++s) shards_.emplace_back(n, most);
  for (uint32_t walk = 0; walk < count; ++walk) merged_[walk] = {walk, length};
}

uint64_t MergedWalks::bytes(uint32_t n, std::size_t count, uint32_t length) {
  if (!can_merge(count, length)) return 0;
  const uint64_t shard =
      uint64_t{n} * sizeof(uint32_t) + most_sets_of_shard(count, length) * kEntryBytes;
  return kShards * shard + uint64_t{n} * sizeof(uint64_t) +
         count * (sizeof(uint64_t) + sizeof(Point));
}

uint32_t* MergedWalks::sequence(uint32_t walk) const {
  return sequences_ + static_cast<std::size_t>(walk) * length_;
}

void MergedWalks::add(uint32_t walk, uint32_t from, uint32_t to) {
  uint64_t hash = set_hashes_[walk];
  const uint32_t* items = sequence(walk);
  for (uint32_t k = from; k < to; ++k) hash += item_hashes_[items[k]];
  set_hashes_[walk] = hash;
}

void MergedWalks::compare(HostThreads& threads, std::span<const uint32_t> walks, uint32_t chosen) {
  const uint64_t least = kShards * kLeastCompared / (walks.size() + 1) + 1;
  threads.for_each(kShards, least, [&](uint32_t s) {
    for (const uint32_t walk : walks) {
      if (shard_of(set_hashes_[walk]) == s) compare(shards_[s], walk, chosen);
    }
  });
}

void MergedWalks::compare(Shard& shard, uint32_t walk, uint32_t chosen) {
  const auto [entry, is_new] = shard.seen.try_emplace(set_hashes_[walk], Point{walk, chosen});
  if (is_new) return;
  const Point& other = entry->second;
  if (other.chosen == chosen && same_items(shard, walk, other.walk, chosen)) merged_[walk] = other;
}

bool MergedWalks::same_items(Shard& shard, uint32_t a, uint32_t b, uint32_t chosen) const {
  std::vector<uint32_t>& marks = shard.marks;
  if (++shard.mark == 0) {  // the marks have wrapped round: old ones could be mistaken for new
    std::fill(marks.begin(), marks.end(), 0);
    shard.mark = 1;
  }
  const uint32_t mark = shard.mark;
  const uint32_t* of_a = sequence(a);
  for (uint32_t k = 0; k < chosen; ++k) marks[of_a[k]] = mark;
  const uint32_t* of_b = sequence(b);
  return std::all_of(of_b, of_b + chosen, [&](uint32_t item) { return marks[item] == mark; });
}

// From each walk on the way only what it chose itself is read: where it merged with another, the
// rest is that one's.
void MergedWalks::complete(uint32_t walk) const {
  for (Point from = merged_[walk]; from.chosen < length_;) {
    const Point next = merged_[from.walk];
    const uint32_t* items = sequence(from.walk);
    std::copy(items + from.chosen, items + next.chosen, sequence(walk) + from.chosen);
    from = next;
  }
}

void MergedWalks::finish(HostThreads& threads) const {
  const auto walks = static_cast<uint32_t>(merged_.size());
  threads.for_each(walks, kLeastCopied / length_ + 1, [this](uint32_t walk) { complete(walk); });
}

}  // namespace vkc
