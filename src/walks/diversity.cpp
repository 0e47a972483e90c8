#include "walks/diversity.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <numeric>
#include <thread>
#include <utility>

#include "base/host_threads.hpp"
#include "shaders/interface.h"
#include "similarity/fixed_point.hpp"
#include "vulkan/kernel_table.hpp"
#include "vulkan/pacer.hpp"
#include "vulkan/submission.hpp"
#include "walks/walk_merging.hpp"

namespace vkc {

namespace {

// Memory for the running sums of all walks under way.
constexpr uint64_t kMostStateBytes = 1ULL << 30;

// Items between two looks for walks that have met. Each look ends a dispatch, and so costs reading
// and writing the sums once: on a GPU as much as four steps. Where a look finds less than one walk
// in kRareJoins, every second one is left out.
constexpr uint32_t kInterval = 128;
constexpr std::size_t kRareJoins = 100;

// The most sets that looks can note of so many walks. A look that finds few joins may note the set
// of every walk, but the next is left out; at any other, one walk in kRareJoins or more ends.
uint64_t most_sets(std::size_t walks, uint32_t length) {
  const uint32_t looks = (length - 1) / kInterval;
  constexpr double kGoOn = 1.0 - 1.0 / kRareJoins;
  double of_next = 0;        // after this look, on average over the walks
  double of_one_beyond = 0;  // after the next
  for (uint32_t look = 0; look < looks; ++look) {
    const double here = std::max(1 + of_one_beyond, kGoOn * (1 + of_next));
    of_one_beyond = std::exchange(of_next, here);
  }
  return static_cast<uint64_t>(std::ceil(static_cast<double>(walks) * of_next));
}

// Matrix elements a second to expect of a device not yet measured.
constexpr double kCpuRate = 5e8;
constexpr double kGpuRate = 2e10;
// How much slower a device of that kind may be.
constexpr double kCaution = 4;

// Whether walks can meet, and go on long enough for a look.
bool reuses(std::size_t walks, uint32_t length) { return walks > 1 && length > kInterval; }

// Chosen items that are worth a thread of their own, to take from the device.
constexpr uint32_t kLeastTaken = 1U << 14;

// Walks that leave a GPU's processors idle: each had better be fast by itself.
constexpr std::size_t kFewWalks = 64;

// How a workgroup holds the sums: rounds of a vector of four an invocation.
struct WalkShape {
  uint32_t invocations;
  uint32_t rounds;
};

// As much of the sums in registers as does no harm, found on an H100: fewer rounds leave too few
// loads under way, and more spill, which for a few costs less than having them in memory.
WalkShape gpu_shape(const Device& device, WalkForm form, uint32_t pitch, bool few) {
  // Subgroups are full, of any size up to this: the kernels have all lanes of one share reductions.
  const uint32_t full_subgroup = std::max(64U, device.limits().subgroup_size);
  constexpr uint32_t kRounds = 8;
  constexpr uint32_t kMostRounds = 10;
  constexpr uint32_t kFewestForMany = 256;
  const uint32_t vectors = pitch / 4;
  const auto invocations_for = [&](uint32_t rounds) {
    return static_cast<uint32_t>(round_up((vectors + rounds - 1) / rounds, full_subgroup));
  };
  const uint32_t most = device.limits().max_workgroup_size / full_subgroup * full_subgroup;
  uint32_t invocations = 0;
  if (few) {
    invocations = std::min({invocations_for(1), 512U, most});
  } else if (form == WalkForm::kWide) {
    invocations = std::min({invocations_for(kRounds), 512U, most});
  } else {
    const uint32_t wanted = vectors <= 10 * kFewestForMany ? kFewestForMany : 512U;
    invocations = std::min({invocations_for(kRounds), wanted, most});
  }
  const uint32_t rounds = (vectors + invocations - 1) / invocations;
  return {invocations, form == WalkForm::kWide ? std::min(rounds, kMostRounds) : rounds};
}

// Whether all sums of the window kernels have room; for GPUs that is in registers.
bool fits_window(const Device& device, uint32_t pitch) {
  constexpr uint32_t kMostRounds = 20;
  return device.limits().is_cpu ||
         gpu_shape(device, WalkForm::kWindow, pitch, false).rounds <= kMostRounds;
}

Kernel make_kernel(const Device& device, const DeviceEmbeddings& embeddings,
                   const DeviceMatrix& matrix, WalkForm form, bool few) {
  const bool wide = form == WalkForm::kWide;
  const bool on_cpu = device.limits().is_cpu;
  KernelVariant variant{on_cpu ? (wide ? kernels::walk_i64_cpu : kernels::walk_u32_cpu)
                               : (wide ? kernels::walk_i64_gpu : kernels::walk_u32_gpu)};
  const auto add = [&](uint32_t id, uint32_t value) { variant.constants.push_back({id, value}); };
  add(WEIGHTED_ID, embeddings.weighted ? 1 : 0);
  if (wide) {
    add(PACKED_ID, embeddings.n <= kMostOrdered ? 1 : 0);
    add(REORDERED_ID, embeddings.order.is_reordered() ? 1 : 0);
  }
  if (on_cpu) {
    const uint32_t lanes = device.limits().subgroup_size;
    add(WORKGROUP_SIZE_ID, lanes);
    add(BLOCKS_ID, static_cast<uint32_t>(matrix.blocks().size()));
    // A power of two, so that drivers compile one kernel for many sizes.
    add(VECTORS_CAPACITY_ID, std::bit_ceil(matrix.pitch() / 4 / lanes));
    for (const Buffer& block : matrix.blocks()) {
      variant.texel_buffers.push_back({block.handle(), block.bytes()});
    }
    // The kernel declares so many; those that it has no use for may be any.
    variant.texel_buffers.resize(MOST_TEXEL_BLOCKS, variant.texel_buffers.front());
  } else {
    const WalkShape shape = gpu_shape(device, form, matrix.pitch(), few);
    add(WORKGROUP_SIZE_ID, shape.invocations);
    add(ROUNDS_ID, shape.rounds);
    if (!wide) add(ROUNDS_IN_FLIGHT_ID, few ? 2 : 4);
  }
  return {device, variant};
}

// Walks at a time where shaders run on the CPU: a few for each of its threads. Of more, a
// submission could take only a few steps each, and reading and writing the sums would count.
uint64_t most_cpu_walks() {
  return uint64_t{4} * std::max(std::thread::hardware_concurrency(), 1U);
}

// Steps that one dispatch may take without running into lavapipe's limit.
uint32_t most_steps(const Device& device, uint32_t pitch) {
  if (!device.limits().is_cpu) return ~0U;
  const uint32_t loops = pitch / 4 / device.limits().subgroup_size + 1;
  // Two loops more read and write the sums.
  return std::max(kMostCpuIterations / loops, 4U) - 3;
}

}  // namespace

// What one call of Diversity::walk computes.
struct WalkJob {
  std::span<const uint32_t> starts;
  uint32_t length;
  uint32_t* output;
  EqualSets* sets;  // nullptr: walks are not compared
  HostThreads& threads;
  std::size_t next_start = 0;  // the first not yet given to a group
};

// Walks that advance together, a dispatch at a time. Two groups take turns, so that the host
// sorts one's results while the device works on the other.
class WalkGroup {
 public:
  WalkGroup(const Device& device, const DeviceEmbeddings& embeddings, const DeviceMatrix& matrix,
            uint32_t capacity)
      : embeddings_(embeddings),
        matrix_(matrix),
        capacity_(capacity),
        chosen_capacity_(chosen_capacity(embeddings.n, capacity)),
        most_steps_(most_steps(device, matrix.pitch())),
        sums_(device, sums_bytes(embeddings.n, capacity), MemoryUse::kDevice),
        inputs_(device, inputs_bytes(capacity), MemoryUse::kDevice),
        inputs_staging_(device, inputs_.bytes(), MemoryUse::kStaging),
        chosen_(device, chosen_capacity_ * sizeof(uint32_t), MemoryUse::kDevice),
        chosen_staging_(device, chosen_.bytes(), MemoryUse::kStaging),
        submission_(device),
        pacer_(kSubmissionSeconds, Diversity::expected_rate(device, matrix.pitch()) / kCaution) {}

  static Footprint footprint(const Device& device, uint32_t n, uint32_t capacity) {
    const uint64_t transferred =
        inputs_bytes(capacity) + chosen_capacity(n, capacity) * sizeof(uint32_t);
    return buffer_footprint(device, sums_bytes(n, capacity) + transferred, MemoryUse::kDevice) +
           buffer_footprint(device, transferred, MemoryUse::kStaging);
  }

  static uint64_t sums_bytes(uint32_t n, uint32_t capacity) {
    return capacity * (DeviceMatrix::bytes(1, n) / sizeof(int32_t)) * sizeof(int64_t);
  }

  [[nodiscard]] uint32_t capacity() const { return capacity_; }

  // Takes on starts that no group has yet. False: there are none.
  bool load(WalkJob& job, std::size_t most) {
    const std::size_t count =
        std::min({job.starts.size() - job.next_start, std::size_t{capacity_}, most});
    first_ = static_cast<uint32_t>(job.next_start);
    active_.resize(count);
    std::iota(active_.begin(), active_.end(), first_);
    chosen_count_ = 1;
    next_look_ = kInterval;
    auto* latest = inputs_staging_.mapped_as<uint32_t>() + capacity_;
    for (const uint32_t walk : active_) {
      const uint32_t start = job.starts[walk];
      latest[slot(walk)] = embeddings_.order.row_of(start);
      job.output[static_cast<std::size_t>(walk) * job.length] = start;
      if (job.sets != nullptr) job.sets->add(walk, 0, 1);
    }
    latest[capacity_] = 0;  // `overflow`
    job.next_start += count;
    return count > 0;
  }

  [[nodiscard]] bool under_way() const { return !active_.empty(); }
  [[nodiscard]] bool in_flight() const { return submission_.in_flight(); }

  // Sends the next steps of all its walks to the device.
  void advance(const Kernel& kernel, const WalkJob& job) {
    const auto count = static_cast<uint32_t>(active_.size());
    // Fewer walks than measured take no longer a step; more take longer in proportion.
    const double slowdown = std::max(1.0, count / measured_walks_);
    const uint32_t end = job.sets != nullptr ? std::min(next_look_, job.length) : job.length;
    const uint64_t most =
        std::min<uint64_t>({most_steps_, end - chosen_count_, chosen_capacity_ / count});
    steps_ = static_cast<uint32_t>(pacer_.next(most, slowdown));

    auto* slots = inputs_staging_.mapped_as<uint32_t>();
    std::transform(active_.begin(), active_.end(), slots, [this](uint32_t w) { return slot(w); });
    const vk::raii::CommandBuffer& commands = submission_.begin();
    const bool fresh = chosen_count_ == 1;
    const uint64_t slot_bytes = uint64_t{capacity_} * sizeof(uint32_t);
    commands.copyBuffer(inputs_staging_.handle(), inputs_.handle(),
                        vk::BufferCopy(0, 0, fresh ? inputs_.bytes() : slot_bytes));
    full_barrier(commands);
    kernel.record(commands,
                  WalkPush{.blocks = matrix_.block_table(),
                           .weights = embeddings_.weights.address(),
                           .ids = embeddings_.order.ids(),
                           .rows = embeddings_.order.rows(),
                           .slots = inputs_.address(),
                           .sums = sums_.address(),
                           .latest = inputs_.address() + slot_bytes,
                           .chosen = chosen_.address(),
                           .overflow = inputs_.address() + 2 * slot_bytes,
                           .n = embeddings_.n,
                           .matrix_pitch = matrix_.pitch(),
                           .block_shift = matrix_.block_shift(),
                           .steps = steps_,
                           .fresh = fresh ? 1U : 0U},
                  count);
    full_barrier(commands);
    commands.copyBuffer(chosen_.handle(), chosen_staging_.handle(),
                        vk::BufferCopy(0, 0, uint64_t{count} * steps_ * sizeof(uint32_t)));
    commands.copyBuffer(inputs_.handle(), inputs_staging_.handle(),
                        vk::BufferCopy(2 * slot_bytes, 2 * slot_bytes, sizeof(uint32_t)));
    submission_.submit();
  }

  // Waits for the steps that are in flight and puts what they chose into the output. False: the
  // window was too small, and nothing that this group computed holds.
  bool collect(const WalkJob& job) {
    pacer_.measured(submission_.wait(), steps_);
    if (inputs_staging_.mapped_as<uint32_t>()[std::size_t{capacity_} * 2] != 0) return false;
    measured_walks_ = static_cast<double>(active_.size());
    const uint32_t* chosen = chosen_staging_.mapped_as<uint32_t>();
    const auto take = [&](std::size_t w) {
      const std::size_t place = std::size_t{active_[w]} * job.length + chosen_count_;
      std::memcpy(job.output + place, chosen + w * steps_, steps_ * sizeof(uint32_t));
      if (job.sets != nullptr) job.sets->add(active_[w], chosen_count_, chosen_count_ + steps_);
    };
    job.threads.for_each(active_.size(), kLeastTaken / steps_ + 1, take);
    chosen_count_ += steps_;
    if (chosen_count_ == job.length) {
      active_.clear();
    } else if (job.sets != nullptr && chosen_count_ == next_look_) {
      job.sets->compare(job.threads, active_, chosen_count_);
      const std::size_t compared = active_.size();
      const std::size_t joined =
          std::erase_if(active_, [&](uint32_t walk) { return job.sets->has_joined(walk); });
      const bool rare = joined * kRareJoins < compared;
      next_look_ += rare ? 2 * kInterval : kInterval;
    }
    return true;
  }

 private:
  // Where the state of a walk is.
  [[nodiscard]] uint32_t slot(uint32_t walk) const { return walk - first_; }

  static uint64_t inputs_bytes(uint32_t capacity) {
    return (uint64_t{capacity} * 2 + 1) * sizeof(uint32_t);
  }

  static uint64_t chosen_capacity(uint32_t n, uint32_t capacity) {
    return std::max(uint64_t{capacity} * 2 * kInterval, uint64_t{n});
  }

  const DeviceEmbeddings& embeddings_;
  const DeviceMatrix& matrix_;
  uint32_t capacity_;         // walks
  uint64_t chosen_capacity_;  // items chosen in one dispatch, over all walks
  uint32_t most_steps_;
  Buffer sums_;            // int64 [capacity][matrix pitch]
  Buffer inputs_;          // uint32: [capacity] slots, [capacity] latest rows, then `overflow`
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
  uint32_t next_look_ = 0;        // for walks that have met: at as many items
};

WalkForm fastest_form(const Device& device, const DeviceEmbeddings& embeddings) {
  if (embeddings.order.is_reordered()) return WalkForm::kWide;
  return fits_window(device, DeviceMatrix::pitch_of(embeddings.n)) ? WalkForm::kWindow
                                                                   : WalkForm::kWide;
}

Diversity::Diversity(const Device& device, const DeviceEmbeddings& embeddings,
                     const DeviceMatrix& matrix, WalkForm form, bool reuse)
    : device_(device),
      embeddings_(embeddings),
      matrix_(matrix),
      form_(embeddings.order.is_reordered() ? WalkForm::kWide : form),
      reuse_(reuse) {}

Diversity::~Diversity() = default;

double Diversity::expected_rate(const Device& device, uint32_t n) {
  return (device.limits().is_cpu ? kCpuRate : kGpuRate) / n;
}

const Kernel& Diversity::kernel_for(std::size_t count) {
  const bool few = !device_.limits().is_cpu && count <= kFewWalks;
  std::optional<Kernel>& kernel = few ? kernel_for_few_ : kernel_for_many_;
  if (!kernel) kernel.emplace(make_kernel(device_, embeddings_, matrix_, form_, few));
  return *kernel;
}

WalkGroups Diversity::groups_for(const Device& device, uint32_t n, std::size_t count,
                                 uint64_t available) {
  // The device's own threads and the host's are the same where shaders run on the CPU.
  const std::size_t groups = device.limits().is_cpu || count < 2 ? 1 : 2;
  const uint64_t affordable = std::max<uint64_t>(
      std::min(kMostStateBytes, available / 4) / WalkGroup::sums_bytes(n, 1) / groups, 1);
  uint64_t wanted = (count + groups - 1) / groups;
  if (device.limits().is_cpu) wanted = std::min(wanted, most_cpu_walks());
  const uint64_t most = device.limits().max_workgroup_count;
  return {groups, static_cast<uint32_t>(std::min({wanted, affordable, most}))};
}

Footprint Diversity::footprint(const Device& device, uint32_t n, std::size_t count, uint32_t length,
                               uint64_t available) {
  if (count == 0 || length == 1) return {};
  const WalkGroups groups = groups_for(device, n, count, available);
  Footprint footprint;
  for (std::size_t g = 0; g < groups.count; ++g) {
    footprint += WalkGroup::footprint(device, n, groups.capacity);
  }
  if (reuses(count, length)) {
    footprint.host += EqualSets::bytes(n, static_cast<uint32_t>(count), most_sets(count, length));
  }
  return footprint;
}

void Diversity::make_groups(std::size_t count) {
  const auto [wanted_groups, capacity] =
      groups_for(device_, embeddings_.n, count, device_.available_bytes());
  if (groups_.size() >= wanted_groups && groups_.front()->capacity() >= capacity) return;
  groups_.clear();
  for (std::size_t g = 0; g < wanted_groups; ++g) {
    groups_.push_back(std::make_unique<WalkGroup>(device_, embeddings_, matrix_, capacity));
  }
}

void Diversity::walk(std::span<const uint32_t> starts, uint32_t length, uint32_t* output) {
  if (length == 1) {  // no step to take
    std::copy(starts.begin(), starts.end(), output);
    return;
  }
  make_groups(starts.size());
  try {
    if (!walk_all(starts, length, output)) {
      // These embeddings need the wide form, in this call and those to come.
      form_ = WalkForm::kWide;
      groups_.clear();  // waits for what is still in flight
      kernel_for_few_.reset();
      kernel_for_many_.reset();
      make_groups(starts.size());
      walk_all(starts, length, output);
    }
  } catch (...) {
    groups_.clear();  // the next call must not go on with these walks
    throw;
  }
}

bool Diversity::walk_all(std::span<const uint32_t> starts, uint32_t length, uint32_t* output) {
  std::unique_ptr<EqualSets> sets;
  if (reuse_ && reuses(starts.size(), length)) {
    sets = std::make_unique<EqualSets>(embeddings_.n, static_cast<uint32_t>(starts.size()), length,
                                       most_sets(starts.size(), length), output);
  }
  HostThreads threads;
  WalkJob job{
      .starts = starts, .length = length, .output = output, .sets = sets.get(), .threads = threads};
  if (!run(kernel_for(starts.size()), job)) return false;
  if (sets) sets->finish(threads);
  return true;
}

bool Diversity::run(const Kernel& kernel, WalkJob& job) {
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
