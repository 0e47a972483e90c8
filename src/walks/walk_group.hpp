// Walks that advance together, a dispatch at a time, and their buffers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "similarity/device_embeddings.hpp"
#include "similarity/device_matrix.hpp"
#include "vulkan/buffer.hpp"
#include "vulkan/kernel.hpp"
#include "vulkan/pacer.hpp"
#include "vulkan/submission.hpp"
#include "walks/orders.hpp"

namespace vkc {

class HostThreads;
class MergedWalks;

// What a group's buffers hold.
struct WalkGroupSizes {
  WalkGroupSizes(uint32_t n, uint32_t walks);

  [[nodiscard]] Footprint footprint(const Device& device) const;

  uint32_t capacity;      // walks
  uint64_t state_bytes;   // of all these
  uint64_t inputs_bytes;  // uint32: [capacity] slots, [capacity] latest rows, then `overflow`
  uint64_t chosen;        // items chosen in one dispatch, over all walks
};

// What one call computes.
struct WalkJob {
  std::span<const uint32_t> starts;
  uint32_t length;
  Order order;
  uint32_t* output;
  MergedWalks* merged;  // nullptr: walks are not compared
  HostThreads& threads;
  Progress& progress;
  std::size_t next_start = 0;  // the first not yet given to a group
};

class WalkGroup {
 public:
  WalkGroup(const Device& device, const DeviceEmbeddings& embeddings, const DeviceMatrix& matrix,
            const WalkGroupSizes& sizes);

  [[nodiscard]] uint32_t capacity() const { return sizes_.capacity; }

  // Takes on starts that no group has yet, `most` at most. False: there are none.
  bool load(WalkJob& job, std::size_t most);

  [[nodiscard]] bool under_way() const { return !active_.empty(); }
  [[nodiscard]] bool in_flight() const { return submission_.in_flight(); }

  // Sends the next steps of all its walks to the device.
  void advance(const Kernel& kernel, const WalkJob& job);

  // Waits for the steps that are in flight and puts what they chose into the output. False: sums of
  // 32 bits were too short, and nothing that this group computed holds.
  bool collect(const WalkJob& job);

 private:
  // Where the state of a walk is.
  [[nodiscard]] uint32_t slot(uint32_t walk) const { return walk - first_; }

  const DeviceEmbeddings& embeddings_;
  const DeviceMatrix& matrix_;
  WalkGroupSizes sizes_;
  uint32_t most_steps_;
  Buffer state_;  // [capacity][matrix pitch], by the kernel
  Buffer inputs_;
  Buffer inputs_staging_;  // the same
  Buffer chosen_;          // uint32 [walks][steps]
  Buffer chosen_staging_;  // the same
  Submission submission_;
  Pacer pacer_;                   // steps of all walks of a dispatch together
  double measured_walks_ = 1;     // by which the pacer goes
  uint32_t first_ = 0;            // of the walks that were taken on together
  std::vector<uint32_t> active_;  // those that go on: indices into the job's starts
  uint32_t chosen_count_ = 0;     // items in the sequence of each active walk
  uint32_t steps_ = 0;            // of the dispatch in flight
  uint32_t next_comparison_ = 0;  // of the active walks: at as many items
};

}  // namespace vkc
