#include "equal_sets.hpp"

#include <algorithm>
#include <cstddef>
#include <random>

namespace vkc {

EqualSets::EqualSets(uint32_t n, uint32_t count, uint32_t length, uint32_t interval,
                     uint32_t* sequences)
    : length_(length),
      interval_(interval),
      sequences_(sequences),
      item_hashes_(n),
      set_hashes_(count, 0),
      seen_(length / interval + 1),
      marks_(n, 0) {
  // Any seed will do: a hash only proposes, same_items() decides.
  std::mt19937_64 random(n);  // NOLINT(cert-msc*): the same on every run
  std::generate(item_hashes_.begin(), item_hashes_.end(), random);
}

uint64_t EqualSets::bytes(uint32_t n, uint32_t count, uint32_t comparisons, uint64_t sets) {
  // An entry has a node of its own on the heap, and on average a bucket and a half.
  constexpr uint64_t kEntryBytes = 32 + 12;
  return uint64_t{n} * (sizeof(uint64_t) + sizeof(uint32_t)) + count * sizeof(uint64_t) +
         comparisons * sizeof(std::unordered_map<uint64_t, uint32_t>) + sets * kEntryBytes;
}

uint32_t* EqualSets::sequence(uint32_t walk) const {
  return sequences_ + static_cast<std::size_t>(walk) * length_;
}

void EqualSets::add(uint32_t walk, uint32_t from, uint32_t to) {
  uint64_t hash = set_hashes_[walk];
  const uint32_t* items = sequence(walk);
  for (uint32_t k = from; k < to; ++k) hash += item_hashes_[items[k]];
  set_hashes_[walk] = hash;
}

bool EqualSets::joins(uint32_t walk, uint32_t chosen) {
  const auto [other, is_new] = seen_[chosen / interval_].try_emplace(set_hashes_[walk], walk);
  if (is_new || !same_items(walk, other->second, chosen)) return false;
  joins_.push_back({walk, other->second, chosen});
  return true;
}

bool EqualSets::same_items(uint32_t a, uint32_t b, uint32_t chosen) {
  if (++mark_ == 0) {  // the marks have wrapped round: old ones could be mistaken for new
    std::fill(marks_.begin(), marks_.end(), 0);
    mark_ = 1;
  }
  const uint32_t* of_a = sequence(a);
  for (uint32_t k = 0; k < chosen; ++k) marks_[of_a[k]] = mark_;
  const uint32_t* of_b = sequence(b);
  return std::all_of(of_b, of_b + chosen, [this](uint32_t item) { return marks_[item] == mark_; });
}

void EqualSets::finish() {
  // A walk that was joined may itself have joined another, but only later on its way.
  std::sort(joins_.begin(), joins_.end(),
            [](const Join& a, const Join& b) { return a.chosen > b.chosen; });
  for (const Join& join : joins_) {
    std::copy(sequence(join.into) + join.chosen, sequence(join.into) + length_,
              sequence(join.walk) + join.chosen);
  }
  joins_.clear();
}

}  // namespace vkc
