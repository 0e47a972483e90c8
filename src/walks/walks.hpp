// Diversity sequences: many walks at a time over a similarity matrix that stays on the device.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "similarity/device_embeddings.hpp"
#include "similarity/device_matrix.hpp"
#include "vulkan/kernel.hpp"
#include "walks/orders.hpp"
#include "walks/walk_group.hpp"
#include "walks/walk_kernels.hpp"

namespace vkc {

// What a call needs. Its walks are under way in groups that take turns, so that the host sorts one
// group's results while the device works on the other.
struct WalkSizes {
  // Of walks from `count` starts on a device that has `available` bytes left beside the matrix.
  WalkSizes(const Device& device, uint32_t n, std::size_t count, uint32_t length,
            uint64_t available);

  [[nodiscard]] Footprint footprint(const Device& device) const;
  [[nodiscard]] uint64_t walks_at_once() const { return uint64_t{groups} * group.capacity; }

  bool takes_steps;
  std::size_t groups;
  WalkGroupSizes group;
  uint64_t merging_bytes;
};

// The whole number of turns that is nearest to so many walks, in walks: at least one turn. A turn
// takes as long for fewer. The same number where turn is 0.
constexpr uint64_t whole_turns(uint64_t walks, uint64_t turn) {
  if (turn == 0) return walks;
  return std::max<uint64_t>((walks + turn / 2) / turn, 1) * turn;
}

class Walks {
 public:
  // variant: of the order `centroid`. Where rows are not in the order of ids, or sums of 32 bits
  // turn out too short, walks go on with sums of 64 bits. Without merging, walks that have chosen
  // the same items go on side by side.
  Walks(const Device& device, const DeviceEmbeddings& embeddings, const DeviceMatrix& matrix,
        WalkVariant variant, bool merging = true);

  // The first `length` items of the sequence from each start, into output: starts x length.
  void walk(std::span<const uint32_t> starts, uint32_t length, const Order& order,
            uint32_t* output);

  // About so many walks of a call, with which the device's processors are never idle.
  [[nodiscard]] uint64_t in_whole_turns(uint64_t walks) const;

  // The variant that the next walks of the order `centroid` begin with.
  [[nodiscard]] WalkVariant variant() const { return variant_; }

 private:
  const Kernel& kernel_for(const WalkJob& job);
  void make_groups(std::size_t count, uint32_t length);
  // Both return false where sums of 32 bits were too short: what they computed does not hold.
  bool run(const Kernel& kernel, WalkJob& job);
  bool walk_all(std::span<const uint32_t> starts, uint32_t length, const Order& order,
                uint32_t* output);

  const Device& device_;
  const DeviceEmbeddings& embeddings_;
  const DeviceMatrix& matrix_;
  WalkVariant variant_;
  bool merging_;
  std::map<std::pair<WalkVariant, bool>, Kernel> kernels_;  // by variant and whether for few walks
  std::vector<std::unique_ptr<WalkGroup>> groups_;
};

}  // namespace vkc
