#include "walks/walks.hpp"

#include <algorithm>
#include <thread>

#include "base/host_threads.hpp"
#include "walks/walk_merging.hpp"

namespace vkc {

namespace {

// Memory for the states of all walks under way.
constexpr uint64_t kMostStateBytes = 1ULL << 30;

// Walks at a time where shaders run on the CPU: a few for each of its threads. Of more, a
// submission could take only a few steps each, and reading and writing the sums would count.
uint64_t most_cpu_walks() {
  return uint64_t{4} * std::max(std::thread::hardware_concurrency(), 1U);
}

// The device's own threads and the host's are the same where shaders run on the CPU.
std::size_t groups_for(const Device& device, std::size_t count) {
  return device.limits().is_cpu || count < 2 ? 1 : 2;
}

// The walks of each group.
uint32_t capacity_for(const Device& device, uint32_t n, std::size_t count, uint64_t available) {
  const std::size_t groups = groups_for(device, count);
  const uint64_t affordable = std::max<uint64_t>(
      std::min(kMostStateBytes, available / 4) / WalkGroupSizes(n, 1).state_bytes / groups, 1);
  uint64_t wanted = (count + groups - 1) / groups;
  if (device.limits().is_cpu) wanted = std::min(wanted, most_cpu_walks());
  const uint64_t most = device.limits().max_workgroup_count;
  return static_cast<uint32_t>(std::min({wanted, affordable, most}));
}

}  // namespace

WalkSizes::WalkSizes(const Device& device, uint32_t n, std::size_t count, uint32_t length,
                     uint64_t available)
    : takes_steps(count > 0 && length > 1),
      groups(groups_for(device, count)),
      group(n, capacity_for(device, n, count, available)),
      merging_bytes(MergedWalks::bytes(n, count, length)) {}

Footprint WalkSizes::footprint(const Device& device) const {
  if (!takes_steps) return {};
  Footprint all{0, merging_bytes};
  for (std::size_t g = 0; g < groups; ++g) all += group.footprint(device);
  return all;
}

Walks::Walks(const Device& device, const DeviceEmbeddings& embeddings, const DeviceMatrix& matrix,
             WalkVariant variant, bool merging)
    : device_(device),
      embeddings_(embeddings),
      matrix_(matrix),
      variant_(embeddings.order.is_reordered() ? WalkVariant::kI64 : variant),
      merging_(merging) {}

uint64_t Walks::in_whole_turns(uint64_t walks) const {
  // Both groups take turns.
  const uint64_t groups = groups_for(device_, walks);
  return whole_turns(walks, groups * walks_side_by_side(device_, matrix_.pitch()));
}

const Kernel& Walks::kernel_for(const WalkJob& job) {
  const bool few = are_few_walks(device_, job.starts.size());
  const WalkVariant variant =
      job.order.rule == VKC_ORDER_CENTROID ? variant_ : WalkVariant::kScores;
  const auto found = kernels_.find({variant, few});
  if (found != kernels_.end()) return found->second;
  Kernel kernel = make_walk_kernel(device_, embeddings_, matrix_, variant, few);
  return kernels_.emplace(std::pair{variant, few}, std::move(kernel)).first->second;
}

void Walks::make_groups(std::size_t count, uint32_t length) {
  const WalkSizes sizes(device_, embeddings_.n, count, length, device_.available_bytes());
  if (groups_.size() >= sizes.groups && groups_.front()->capacity() >= sizes.group.capacity) return;
  groups_.clear();
  for (std::size_t g = 0; g < sizes.groups; ++g) {
    groups_.push_back(std::make_unique<WalkGroup>(device_, embeddings_, matrix_, sizes.group));
  }
}

void Walks::walk(std::span<const uint32_t> starts, uint32_t length, const Order& order,
                 uint32_t* output) {
  if (length == 1) {  // no step to take
    std::copy(starts.begin(), starts.end(), output);
    return;
  }
  make_groups(starts.size(), length);
  try {
    if (!walk_all(starts, length, order, output)) {
      // These embeddings need sums of 64 bits, in this call and those to come.
      variant_ = WalkVariant::kI64;
      device_.progress().begin_anew();
      groups_.clear();  // waits for what is still in flight
      kernels_.clear();
      make_groups(starts.size(), length);
      walk_all(starts, length, order, output);
    }
  } catch (...) {
    groups_.clear();  // the next call must not go on with these walks
    throw;
  }
}

bool Walks::walk_all(std::span<const uint32_t> starts, uint32_t length, const Order& order,
                     uint32_t* output) {
  std::unique_ptr<MergedWalks> merged;
  if (merging_ && order.forgets_start() && MergedWalks::can_merge(starts.size(), length)) {
    merged = std::make_unique<MergedWalks>(embeddings_.n, static_cast<uint32_t>(starts.size()),
                                           length, output);
  }
  HostThreads threads;
  WalkJob job{.starts = starts,
              .length = length,
              .order = order,
              .output = output,
              .merged = merged.get(),
              .threads = threads,
              .progress = device_.progress()};
  if (!run(kernel_for(job), job)) return false;
  if (merged) merged->finish(threads);
  return true;
}

bool Walks::run(const Kernel& kernel, WalkJob& job) {
  const std::size_t share = (job.starts.size() + groups_.size() - 1) / groups_.size();
  for (bool busy = true; busy;) {
    busy = false;
    for (const auto& group : groups_) {
      if (group->in_flight() && !group->collect(job)) return false;
      if (!group->under_way() && !group->load(job, share)) continue;
      group->advance(kernel, job);
      busy = true;
    }
  }
  return true;
}

}  // namespace vkc
