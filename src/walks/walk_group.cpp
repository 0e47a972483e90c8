#include "walks/walk_group.hpp"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "base/host_threads.hpp"
#include "shaders/interface.h"
#include "walks/walk_kernels.hpp"
#include "walks/walk_merging.hpp"

namespace vkc {

namespace {

// How much slower than expected a device may be.
constexpr double kCaution = 4;

// Chosen items that are worth a thread of their own, to take from the device.
constexpr uint32_t kLeastTaken = 1U << 14;

}  // namespace

WalkGroupSizes::WalkGroupSizes(uint32_t n, uint32_t walks)
    : capacity(walks),
      state_bytes(walks * (DeviceMatrix::bytes(1, n) / sizeof(int32_t)) * sizeof(int64_t)),
      inputs_bytes((uint64_t{walks} * 2 + 1) * sizeof(uint32_t)),
      chosen(std::max(uint64_t{walks} * 2 * kMergeInterval, uint64_t{n})) {}

Footprint WalkGroupSizes::footprint(const Device& device) const {
  const uint64_t transferred = inputs_bytes + chosen * sizeof(uint32_t);
  return buffer_footprint(device, state_bytes + transferred, MemoryUse::kDevice) +
         buffer_footprint(device, transferred, MemoryUse::kStaging);
}

WalkGroup::WalkGroup(const Device& device, const DeviceEmbeddings& embeddings,
                     const DeviceMatrix& matrix, const WalkGroupSizes& sizes)
    : embeddings_(embeddings),
      matrix_(matrix),
      sizes_(sizes),
      most_steps_(most_steps(device, matrix.pitch())),
      state_(device, sizes.state_bytes, MemoryUse::kDevice),
      inputs_(device, sizes.inputs_bytes, MemoryUse::kDevice),
      inputs_staging_(device, sizes.inputs_bytes, MemoryUse::kStaging),
      chosen_(device, sizes.chosen * sizeof(uint32_t), MemoryUse::kDevice),
      chosen_staging_(device, chosen_.bytes(), MemoryUse::kStaging),
      submission_(device),
      pacer_(kSubmissionSeconds, expected_walk_rate(device, matrix.pitch()) / kCaution) {}

bool WalkGroup::load(WalkJob& job, std::size_t most) {
  const std::size_t count =
      std::min({job.starts.size() - job.next_start, std::size_t{capacity()}, most});
  first_ = static_cast<uint32_t>(job.next_start);
  active_.resize(count);
  std::iota(active_.begin(), active_.end(), first_);
  chosen_count_ = 1;
  next_comparison_ = kMergeInterval;
  auto* latest = inputs_staging_.mapped_as<uint32_t>() + capacity();
  for (const uint32_t walk : active_) {
    const uint32_t start = job.starts[walk];
    latest[slot(walk)] = embeddings_.order.row_of(start);
    job.output[static_cast<std::size_t>(walk) * job.length] = start;
    if (job.merged != nullptr) job.merged->add(walk, 0, 1);
  }
  latest[capacity()] = 0;  // `overflow`
  job.next_start += count;
  return count > 0;
}

void WalkGroup::advance(const Kernel& kernel, const WalkJob& job) {
  const auto count = static_cast<uint32_t>(active_.size());
  // Fewer walks than measured take no longer a step; more take longer in proportion.
  const double slowdown = std::max(1.0, count / measured_walks_);
  const uint32_t end = job.merged != nullptr ? std::min(next_comparison_, job.length) : job.length;
  const auto most = std::min<uint64_t>({most_steps_, end - chosen_count_, sizes_.chosen / count});
  steps_ = static_cast<uint32_t>(pacer_.next(most, slowdown));

  auto* slots = inputs_staging_.mapped_as<uint32_t>();
  std::transform(active_.begin(), active_.end(), slots, [this](uint32_t w) { return slot(w); });
  const vk::raii::CommandBuffer& commands = submission_.begin();
  const bool fresh = chosen_count_ == 1;
  const uint64_t slot_bytes = uint64_t{capacity()} * sizeof(uint32_t);
  commands.copyBuffer(inputs_staging_.handle(), inputs_.handle(),
                      vk::BufferCopy(0, 0, fresh ? inputs_.bytes() : slot_bytes));
  full_barrier(commands);
  kernel.record(commands,
                WalkPush{.blocks = matrix_.block_table(),
                         .weights = embeddings_.weights.address(),
                         .ids = embeddings_.order.ids(),
                         .rows = embeddings_.order.rows(),
                         .slots = inputs_.address(),
                         .states = state_.address(),
                         .latest = inputs_.address() + slot_bytes,
                         .chosen = chosen_.address(),
                         .overflow = inputs_.address() + 2 * slot_bytes,
                         .n = embeddings_.n,
                         .matrix_pitch = matrix_.pitch(),
                         .block_shift = matrix_.block_shift(),
                         .steps = steps_,
                         .fresh = fresh ? 1U : 0U,
                         .lambda = job.order.lambda,
                         .order = job.order.rule},
                count);
  full_barrier(commands);
  commands.copyBuffer(chosen_.handle(), chosen_staging_.handle(),
                      vk::BufferCopy(0, 0, uint64_t{count} * steps_ * sizeof(uint32_t)));
  commands.copyBuffer(inputs_.handle(), inputs_staging_.handle(),
                      vk::BufferCopy(2 * slot_bytes, 2 * slot_bytes, sizeof(uint32_t)));
  submission_.submit();
}

bool WalkGroup::collect(const WalkJob& job) {
  pacer_.measured(submission_.wait(), steps_);
  if (inputs_staging_.mapped_as<uint32_t>()[std::size_t{capacity()} * 2] != 0) return false;
  measured_walks_ = static_cast<double>(active_.size());
  const uint32_t* chosen = chosen_staging_.mapped_as<uint32_t>();
  const auto take = [&](std::size_t w) {
    const std::size_t place = std::size_t{active_[w]} * job.length + chosen_count_;
    std::memcpy(job.output + place, chosen + w * steps_, steps_ * sizeof(uint32_t));
    if (job.merged != nullptr) job.merged->add(active_[w], chosen_count_, chosen_count_ + steps_);
  };
  job.threads.for_each(active_.size(), kLeastTaken / steps_ + 1, take);
  chosen_count_ += steps_;
  uint64_t chosen_now = active_.size() * uint64_t{steps_};
  if (chosen_count_ == job.length) {
    active_.clear();
  } else if (job.merged != nullptr && chosen_count_ == next_comparison_) {
    job.merged->compare(job.threads, active_, chosen_count_);
    const std::size_t compared = active_.size();
    const std::size_t ended =
        std::erase_if(active_, [&](uint32_t walk) { return job.merged->has_merged(walk); });
    const bool rare = ended * kRareMerges < compared;
    next_comparison_ += rare ? 2 * kMergeInterval : kMergeInterval;
    // What follows in those that ended is copied.
    chosen_now += ended * uint64_t{job.length - chosen_count_};
  }
  job.progress.advance(chosen_now);
  return true;
}

}  // namespace vkc
