#include "walks/filter_walks.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "shaders/interface.h"
#include "similarity/filter_bound.hpp"
#include "similarity/fixed_point.hpp"
#include "similarity/spot_check.hpp"
#include "similarity/tiles.hpp"
#include "vulkan/kernel_table.hpp"
#include "vulkan/pacer.hpp"
#include "vulkan/submission.hpp"

namespace vkc {

namespace {

// Multiply-adds a second to expect of a device not yet measured.
constexpr double kCpuFilterRate = 2e8;
constexpr double kGpuFilterRate = 1e10;

// Of two cores, with many walks.
constexpr double kManyCpuFilterRate = 1e10;

// Memory for the states of all walks under way.
constexpr uint64_t kMostFilterStateBytes = 1ULL << 30;

// Walks that share what one invocation reads.
constexpr uint32_t kMostSideBySide = 8;

// Walks of a tile of a matrix product: of these where they are enough.
constexpr uint32_t kSmallTile = 64;
constexpr uint32_t kLargeTile = 128;

// More walks at a time are no faster.
constexpr uint64_t kMostWalks = 1024;

// Steps whose commands are recorded together.
constexpr uint32_t kMostSteps = 256;

// Rounds of a crowded step that are recorded together.
constexpr uint32_t kCrowdedRounds = 8;

// More than this many with barriers crashed lavapipe.
constexpr uint32_t kCpuWalkInvocations = 64;
constexpr uint32_t kGpuWalkInvocations = 256;

uint32_t walk_invocations_for(const Device& device) {
  if (device.limits().is_cpu) return kCpuWalkInvocations;
  return std::min(kGpuWalkInvocations, std::bit_floor(device.limits().max_workgroup_size));
}

uint32_t pitch_of(uint32_t d) {
  return static_cast<uint32_t>(units_row_bytes(d) / sizeof(int32_t));
}

// Walks at a time: more are no faster. On a CPU a step of all of them may be a submission of its
// own: as many as make it as long as others, and if that is few, enough to share what is read.
uint64_t most_walks(const Device& device, uint32_t n, uint32_t d) {
  if (!device.limits().is_cpu) return kMostWalks;
  constexpr uint64_t kMostCpuWalks = 64;
  const double of_one = static_cast<double>(n) * d;
  return std::clamp<uint64_t>(
      static_cast<uint64_t>(kSubmissionSeconds * kManyCpuFilterRate / of_one), kMostSideBySide,
      kMostCpuWalks);
}

// Whether a workgroup takes a block of items at a time: else two, in a tile.
bool takes_blocks(FilterProduct product) {
  return product == FilterProduct::kStream || product == FilterProduct::kTexels;
}

// The loops of a kernel over the dimensions of a product, 16 at a time.
uint64_t loops_of_product(uint32_t d) { return pitch_of(d) / 16 + 1; }

// Walks side by side in filter_walk_texel.comp, of so many: as many as no loop is too long with.
uint32_t texel_walks(const Device& device, uint32_t d, uint32_t walks) {
  const uint32_t lanes = device.limits().subgroup_size;
  const uint32_t texels = pitch_of(d) / 4;
  uint32_t side_by_side = std::min({std::bit_ceil(walks), lanes, kMostSideBySide});
  while (side_by_side > 1 && texels / std::min(lanes / side_by_side, 4U) > kMostCpuIterations / 2) {
    side_by_side /= 2;
  }
  return side_by_side;
}

}  // namespace

// Among how many workgroups the candidates of a step are dealt, and for each candidate the items of
// its walk.
struct FilterWalkJudging {
  FilterWalkJudging(const Device& device, uint32_t d, uint32_t length, uint32_t candidates,
                    bool few) {
    if (!device.limits().is_cpu) {
      judges = few ? candidates : 8;  // of which most have nothing to do
      parts = few ? 4 : 1;            // a few candidates of one walk keep a GPU busy
      return;
    }
    // As few as will do: no loop may be too long.
    const uint64_t products = std::max<uint64_t>(kMostCpuIterations / 2 / loops_of_product(d), 1);
    const uint64_t of_candidate = (length + kCpuWalkInvocations - 1) / kCpuWalkInvocations;
    parts = static_cast<uint32_t>(
        std::clamp<uint64_t>((of_candidate + products - 1) / products, 1, MOST_PARTS));
    const uint64_t at_once = std::max<uint64_t>(products / (of_candidate / parts + 1), 1);
    judges = static_cast<uint32_t>((candidates + at_once - 1) / at_once);
  }

  uint32_t judges;
  uint32_t parts;
};

namespace {

FilterWalkPlaces places_of(uint32_t n, uint32_t d, bool scores) {
  const uint64_t items = uint64_t{filter_blocks(n)} * FILTER_BLOCK;
  const uint64_t pitch = pitch_of(d);
  uint64_t end = 0;
  const auto place = [&end](uint64_t bytes) {
    const auto begin = static_cast<uint32_t>(end);
    end += round_up(bytes, 16) / 16;
    return begin;
  };
  FilterWalkPlaces at{};
  place(sizeof(FilterWalkHead) + MOST_WALK_CANDIDATES * (sizeof(uint32_t) + sizeof(int32_t)) +
        uint64_t{MOST_WALK_CANDIDATES} * MOST_PARTS * sizeof(int64_t));
  at.sums = place(pitch * sizeof(int64_t));
  at.vector = place(pitch * sizeof(float));
  at.chosen = place(items / 8);
  // Up to here is cleared before a walk.
  at.eights = place(items / 8 * sizeof(float));
  at.minima = place(items / FILTER_BLOCK * sizeof(float));
  at.greatest = place(scores ? items * sizeof(float) : 0);
  at.with_start = place(scores ? items * sizeof(float) : 0);
  at.stride = static_cast<uint32_t>(end);
  return at;
}

// How far walks are.
struct Standing {
  explicit Standing(std::span<const FilterWalkHead> heads) {
    for (const FilterWalkHead& head : heads) {
      taken += head.count;
      least = std::min(least, head.count);
      if (head.condition != WALK_CROWDED) continue;
      ++crowded;
      blocks += head.next_block;
    }
  }

  [[nodiscard]] bool is_as(const Standing& other) const {
    return taken == other.taken && crowded == other.crowded && blocks == other.blocks;
  }

  uint64_t taken = 0;    // items chosen, by all walks
  uint32_t least = ~0U;  // by one
  uint32_t crowded = 0;  // walks
  uint64_t blocks = 0;   // whose candidates the crowded ones have judged
};

// What an item is chosen by where only the start is chosen, from its cosine with the start.
double first_value(int32_t cosine, int32_t weight, const Order& order) {
  const double c = cosine / kFixedPointOne;
  const double lambda = order.lambda / kFixedPointOne;
  switch (order.rule) {
    case VKC_ORDER_AWAY:
      return c;
    case VKC_ORDER_TOWARD:  // a greatest cosine below all others stands for that of no item
      return -lambda * c - (1 - lambda);
    default:
      return c * weight / kFixedPointOne;
  }
}

}  // namespace

FilterWalkSizes::FilterWalkSizes(const Device& device, FilterProduct product, uint32_t n,
                                 uint32_t d, std::size_t count, uint32_t length, bool scores,
                                 uint64_t available)
    : state_bytes(uint64_t{places_of(n, d, scores).stride} * 16),
      chosen_bytes(uint64_t{length} * sizeof(uint32_t)),
      vector_bytes(pitch_of(d) * sizeof(float)) {
  const uint64_t most =
      std::min(kMostFilterStateBytes, available / 4) / (state_bytes + 2 * chosen_bytes);
  const uint64_t wanted = std::min<uint64_t>(count, most_walks(device, n, d));
  const bool few = takes_blocks(product) || wanted <= kMostSideBySide;
  const FilterWalkJudging most_judging(device, d, length, MOST_WALK_CANDIDATES, few);
  const uint64_t workgroups = uint64_t{most_judging.judges} * most_judging.parts;
  walks = static_cast<uint32_t>(std::clamp<uint64_t>(
      std::min(most, device.limits().max_workgroup_count / workgroups), 1, wanted));
}

Footprint FilterWalkSizes::footprint(const Device& device) const {
  const uint64_t heads = walks * sizeof(FilterWalkHead);
  return buffer_footprint(device, states_bytes(), MemoryUse::kDevice) +
         buffer_footprint(device, walks * chosen_bytes, MemoryUse::kDevice) +
         buffer_footprint(device, walks * chosen_bytes + heads, MemoryUse::kStaging);
}

uint64_t FilterWalkSizes::states_bytes() const {
  return walks * state_bytes + round_up(walks, kLargeTile) * vector_bytes;
}

struct FilterWalks::Kernels {
  Kernel scores;
  Kernel candidates;
  Kernel judge;
  Kernel choose;
  FilterWalkJudging judging;
  Pacer pacer;              // multiply-adds, of which many walks at a time do more a second
  bool is_checked = false;  // see FilterWalks::check_known
};

struct FilterWalks::Job {
  Kernels& kernels;
  FilterWalkSizes sizes;
  FilterProduct product;
  uint32_t side_by_side;
  uint32_t length;
  Order order;
  Buffer states;
  Buffer chosen;
  Buffer staging;  // for what is chosen, and heads
};

FilterWalks::FilterWalks(const Device& device, const DeviceEmbeddings& embeddings,
                         const FilterUnits& units, uint32_t candidates, FilterProduct product)
    : device_(device),
      embeddings_(embeddings),
      units_(units),
      candidates_(candidates),
      product_(product) {}

FilterWalks::~FilterWalks() = default;

FilterProduct FilterWalks::fastest_product(const Device& device, FilterPrecision precision) {
  constexpr uint32_t kCooperativeInvocations = 256;
  constexpr uint32_t kCooperativeShared = 48 << 10;
  constexpr uint32_t kTilesInvocations = 128;
  constexpr uint32_t kTilesShared = 20 << 10;
  const DeviceLimits& limits = device.limits();
  if (limits.is_cpu && precision == FilterPrecision::kFloat) return FilterProduct::kTexels;
  if (limits.is_cpu || limits.max_workgroup_size < kTilesInvocations ||
      limits.max_shared_bytes < kTilesShared) {
    return FilterProduct::kStream;
  }
  return limits.cooperative_matrices && precision == FilterPrecision::kHalf &&
                 limits.max_workgroup_size >= kCooperativeInvocations &&
                 limits.max_shared_bytes >= kCooperativeShared
             ? FilterProduct::kCooperative
             : FilterProduct::kTiles;
}

uint32_t FilterWalks::room_for_candidates(const Device& device, uint32_t d) {
  const DeviceLimits& limits = device.limits();
  // Shared memory of filter_walk_candidates.comp: the row and a sharper value of each item that it
  // lists, and two values of each invocation.
  constexpr uint64_t kListedBytes = sizeof(uint32_t) + sizeof(int64_t);
  constexpr uint64_t kInvocationBytes = sizeof(float) + sizeof(int64_t);
  constexpr uint64_t kOtherBytes = 64;
  const uint64_t taken = walk_invocations_for(device) * kInvocationBytes + kOtherBytes;
  uint64_t listed = (limits.max_shared_bytes - taken) / kListedBytes;
  if (limits.is_cpu) {
    // An invocation refines some of them.
    const uint64_t refined = kMostCpuIterations / 2 / loops_of_product(d) * kCpuWalkInvocations;
    listed = std::min(listed, refined);
  }
  return static_cast<uint32_t>(
      std::clamp<uint64_t>(listed / LISTED_PER_CANDIDATE, FILTER_BLOCK, MOST_WALK_CANDIDATES));
}

FilterWalks::Kernels& FilterWalks::kernels_for(bool scores, FilterProduct product,
                                               uint32_t side_by_side, uint32_t length) {
  // A number of walks side by side tells the product, too.
  std::unique_ptr<Kernels>& made = kernels_[{scores, side_by_side}];
  const bool few = takes_blocks(product);
  const FilterWalkJudging judging(device_, embeddings_.d, length, candidates_, few);
  if (made && made->judging.parts >= judging.parts && made->judging.judges >= judging.judges) {
    return *made;
  }
  const SpecialisationConstant of_order{SCORES_ID, scores ? 1U : 0U};
  const SpecialisationConstant half{HALF_ID,
                                    units_.precision() == FilterPrecision::kHalf ? 1U : 0U};
  const SpecialisationConstant walks{WALKS_ID, side_by_side};
  const auto scoring = [&]() -> KernelVariant {
    switch (product) {
      case FilterProduct::kCooperative:
        return {.code = kernels::filter_walk_matrix, .constants = {of_order, walks}};
      case FilterProduct::kTiles:
        return {.code = kernels::filter_walk_product, .constants = {of_order, half, walks}};
      case FilterProduct::kTexels: {
        const uint32_t lanes = device_.limits().subgroup_size;
        // The second is that of the states, which each call has its own of.
        const TexelRange units{units_.buffer().handle(), units_.buffer().bytes()};
        return {.code = kernels::filter_walk_texel,
                .constants = {of_order, walks, {WORKGROUP_SIZE_ID, lanes}},
                .texel_buffers = {units, units}};
      }
      case FilterProduct::kStream:
        break;
    }
    return {.code = kernels::filter_walk_scores, .constants = {of_order, half, walks}};
  };
  uint32_t their_vectors = VECTORS_OWN;
  if (product == FilterProduct::kTiles) their_vectors = VECTORS_FLOAT;
  if (product == FilterProduct::kCooperative) their_vectors = VECTORS_HALF;
  const SpecialisationConstant vectors{VECTORS_ID, their_vectors};
  const SpecialisationConstant invocations{WORKGROUP_SIZE_ID, walk_invocations_for(device_)};
  const SpecialisationConstant candidates{CANDIDATES_ID, candidates_};
  const SpecialisationConstant parts{PARTS_ID, judging.parts};
  const SpecialisationConstant judges{JUDGES_ID, judging.judges};
  made.reset();
  made = std::make_unique<Kernels>(Kernels{
      {device_, scoring()},
      {device_,
       {.code = kernels::filter_walk_candidates, .constants = {of_order, invocations, candidates}}},
      {device_,
       {.code = kernels::filter_walk_judge, .constants = {of_order, invocations, parts, judges}}},
      {device_,
       {.code = kernels::filter_walk_choose, .constants = {of_order, invocations, parts, vectors}}},
      judging,
      {kSubmissionSeconds, device_.limits().is_cpu ? kCpuFilterRate : kGpuFilterRate}});
  return *made;
}

std::pair<FilterProduct, uint32_t> FilterWalks::multiplying(uint32_t walks) const {
  if (product_ == FilterProduct::kTexels)
    return {product_, texel_walks(device_, embeddings_.d, walks)};
  if (product_ == FilterProduct::kStream || walks <= kMostSideBySide) {
    return {FilterProduct::kStream, std::min(std::bit_ceil(walks), kMostSideBySide)};
  }
  return {product_, walks > kSmallTile ? kLargeTile : kSmallTile};
}

FilterWalks::Job FilterWalks::make_job(std::size_t count, uint32_t length, const Order& order) {
  const bool scores = order.rule != VKC_ORDER_CENTROID;
  const FilterWalkSizes sizes(device_, product_, embeddings_.n, embeddings_.d, count, length,
                              scores, device_.available_bytes());
  const auto [product, side_by_side] = multiplying(sizes.walks);
  const uint64_t chosen_bytes = sizes.walks * sizes.chosen_bytes;
  Job job{.kernels = kernels_for(scores, product, side_by_side, length),
          .sizes = sizes,
          .product = product,
          .side_by_side = side_by_side,
          .length = length,
          .order = order,
          .states = {device_, sizes.states_bytes(), MemoryUse::kDevice},
          .chosen = {device_, chosen_bytes, MemoryUse::kDevice},
          .staging = {device_, chosen_bytes + sizes.walks * sizeof(FilterWalkHead),
                      MemoryUse::kStaging}};
  if (product == FilterProduct::kTexels) {
    const std::array<TexelRange, 2> read{{{units_.buffer().handle(), units_.buffer().bytes()},
                                          {job.states.handle(), job.states.bytes()}}};
    job.kernels.scores.read(device_, read);
  }
  return job;
}

void FilterWalks::walk(std::span<const uint32_t> starts, uint32_t length, const Order& order,
                       uint32_t* output) {
  if (length == 1) {  // no step to take
    std::copy(starts.begin(), starts.end(), output);
    return;
  }
  const Job job = make_job(starts.size(), length, order);
  if (!std::exchange(job.kernels.is_checked, true)) check_known(job);
  for (std::size_t first = 0; first < starts.size(); first += job.sizes.walks) {
    const std::size_t count = std::min<std::size_t>(job.sizes.walks, starts.size() - first);
    advance(starts.subspan(first, count), job, length);
    read_chosen(job, count, output + first * length);
  }
}

FilteredValues FilterWalks::filtered(std::span<const uint32_t> starts, uint32_t chosen,
                                     const Order& order) {
  const Job job = make_job(starts.size(), chosen, order);
  if (job.sizes.walks < starts.size()) {
    fail(VKC_ERROR_INTERNAL, starts.size(), " walks are more than are under way together");
  }
  advance(starts, job, chosen);
  std::vector<uint32_t> all(embeddings_.n);
  std::iota(all.begin(), all.end(), 0U);
  FilteredValues filtered = read_filtered(job, static_cast<uint32_t>(starts.size()), all);
  const std::vector<float> by_row = filtered.values;
  for (std::size_t i = 0; i < by_row.size(); ++i) {
    const auto row = static_cast<uint32_t>(i % embeddings_.n);
    filtered.values[i - row + embeddings_.order.id_in(row)] = by_row[i];
  }
  return filtered;
}

FilterWalkPush FilterWalks::push_for(const Job& job, uint32_t walks) const {
  const bool scores = job.order.rule != VKC_ORDER_CENTROID;
  const uint32_t d = embeddings_.d;
  FilterWalkPush push{
      .units = embeddings_.units.address(),
      .filter_units = units_.buffer().address(),
      .weights = embeddings_.weights.address(),
      .ids = embeddings_.order.ids(),
      .states = job.states.address(),
      .chosen = job.chosen.address(),
      .at = places_of(embeddings_.n, d, scores),
      .n = embeddings_.n,
      .units_pitch = embeddings_.units_pitch,
      .items = job.length,
      .walks = walks,
      .lambda = job.order.lambda,
      .toward = job.order.rule == VKC_ORDER_TOWARD ? 1U : 0U,
      .condition = WALK_STEPS,
      .bound_of_length = 0,
      .bound_of_pick = 0,
      .bound_of_step = 0,
      .refined_of_pick = refined_bound_of_pick(d),
  };
  const double unit = job.product == FilterProduct::kCooperative ? kMatrixUnit : kFloatUnit;
  if (scores) {
    push.bound_of_step = round_up_to_float(filter_bound_of_score(units_.distance(), d, unit));
  } else {
    push.bound_of_length = round_up_to_float(filter_bound_of_length(units_.distance(), d, unit));
    push.bound_of_pick = round_up_to_float(filter_bound_of_pick(d));
  }
  return push;
}

// Of walks that are under way together.
uint64_t FilterWalks::scoring_workgroups(const Job& job, uint32_t walks) const {
  const uint32_t blocks = filter_blocks(embeddings_.n);
  // Tiles are two blocks of items.
  const uint64_t along = takes_blocks(job.product) ? blocks : (blocks + 1) / 2;
  return along * ((walks + job.side_by_side - 1) / job.side_by_side);
}

void FilterWalks::record(const vk::raii::CommandBuffer& commands, const Kernel& kernel,
                         const FilterWalkPush& push, uint64_t workgroups) const {
  const uint64_t most = device_.limits().max_workgroup_count;
  kernel.record(commands, push, static_cast<uint32_t>(std::min(workgroups, most)));
  full_barrier(commands);
}

void FilterWalks::record_heads(const vk::raii::CommandBuffer& commands, const Job& job,
                               uint32_t walks, const Buffer& to, uint64_t place) {
  std::vector<vk::BufferCopy> regions;
  regions.reserve(walks);
  for (uint32_t w = 0; w < walks; ++w) {
    regions.emplace_back(w * job.sizes.state_bytes, place + w * sizeof(FilterWalkHead),
                         sizeof(FilterWalkHead));
  }
  commands.copyBuffer(job.states.handle(), to.handle(), regions);
}

void FilterWalks::advance(std::span<const uint32_t> starts, const Job& job, uint32_t items) {
  const auto walks = static_cast<uint32_t>(starts.size());
  const uint64_t chosen_bytes = walks * job.sizes.chosen_bytes;
  const Buffer& states = job.states;
  const Buffer& chosen = job.chosen;
  const Buffer& staging = job.staging;
  auto* rows = staging.mapped_as<uint32_t>();
  const auto* heads = reinterpret_cast<const FilterWalkHead*>(rows + chosen_bytes / sizeof(*rows));
  Submission submission(device_);

  FilterWalkPush push = push_for(job, walks);
  const FilterWalkJudging& judging = job.kernels.judging;
  const auto record_choice = [&](const vk::raii::CommandBuffer& commands) {
    record(commands, job.kernels.candidates, push, walks);
    record(commands, job.kernels.judge, push, uint64_t{walks} * judging.judges * judging.parts);
    record(commands, job.kernels.choose, push, walks);
  };
  const auto finish = [&](const vk::raii::CommandBuffer& commands) {
    record_heads(commands, job, walks, staging, chosen_bytes);
    submission.submit();
    return submission.wait();
  };

  {
    std::vector<vk::BufferCopy> regions;
    regions.reserve(walks);
    for (uint32_t w = 0; w < walks; ++w) {
      const uint64_t place = w * job.sizes.chosen_bytes;
      rows[place / sizeof(*rows)] = embeddings_.order.row_of(starts[w]);
      regions.emplace_back(place, place, sizeof(*rows));
    }
    const vk::raii::CommandBuffer& commands = submission.begin();
    for (uint32_t w = 0; w < walks; ++w) {
      commands.fillBuffer(states.handle(), w * job.sizes.state_bytes, uint64_t{push.at.eights} * 16,
                          0);
    }
    commands.copyBuffer(staging.handle(), chosen.handle(), regions);
    full_barrier(commands);
    record(commands, job.kernels.choose, push, walks);
    finish(commands);
  }

  // Of a step of all these walks: the kernel takes as long for fewer than go side by side.
  const uint64_t step_work = uint64_t{filter_blocks(embeddings_.n)} * FILTER_BLOCK *
                             embeddings_.units_pitch * round_up(walks, job.side_by_side);
  Pacer& pacer = job.kernels.pacer;
  const auto next_standing = [&](const Standing& before) {
    const Standing after({heads, walks});
    if (after.is_as(before)) fail_as_idle();
    device_.progress().advance(after.taken - before.taken);
    return after;
  };
  Standing standing({heads, walks});
  if (standing.least == 0) fail_as_idle();
  while (standing.least < items) {
    if (standing.crowded > 0) {
      crowded_steps_ += standing.crowded;
      push.condition = WALK_CROWDED;
      do {
        const vk::raii::CommandBuffer& commands = submission.begin();
        for (uint32_t r = 0; r < kCrowdedRounds; ++r) record_choice(commands);
        finish(commands);
        standing = next_standing(standing);
      } while (standing.crowded > 0);
      push.condition = WALK_STEPS;
      continue;
    }
    const uint64_t most = std::min(items - standing.least, kMostSteps);
    const auto steps = static_cast<uint32_t>(
        std::clamp<uint64_t>(pacer.next(most * step_work) / step_work, 1, most));
    const vk::raii::CommandBuffer& commands = submission.begin();
    for (uint32_t s = 0; s < steps; ++s) {
      record(commands, job.kernels.scores, push, scoring_workgroups(job, walks));
      record_choice(commands);
    }
    pacer.measured(finish(commands), steps * step_work);
    standing = next_standing(standing);
  }
}

void FilterWalks::read_chosen(const Job& job, std::size_t walks, uint32_t* output) const {
  const uint64_t bytes = walks * job.sizes.chosen_bytes;
  Submission submission(device_);
  const vk::raii::CommandBuffer& commands = submission.begin();
  commands.copyBuffer(job.chosen.handle(), job.staging.handle(), vk::BufferCopy(0, 0, bytes));
  submission.submit();
  submission.wait();
  const auto* rows = job.staging.mapped_as<uint32_t>();
  std::transform(rows, rows + bytes / sizeof(*rows), output,
                 [this](uint32_t row) { return embeddings_.order.id_in(row); });
}

// Only the smallest value of each eight items is kept, of those not chosen: so of each eight one
// item at a time is left as not chosen. What a walk has chosen is lost.
FilteredValues FilterWalks::read_filtered(const Job& job, uint32_t walks,
                                          const std::vector<uint32_t>& rows) const {
  const FilterWalkPush push = push_for(job, walks);
  const uint64_t chosen_bytes = uint64_t{filter_blocks(embeddings_.n)} * FILTER_BLOCK / 8;
  const uint64_t heads_at = uint64_t{walks} * rows.size() * sizeof(float);
  const Buffer host(device_, heads_at + walks * sizeof(FilterWalkHead), MemoryUse::kStaging);
  // In the order in which they are read: places in `rows`.
  std::vector<std::size_t> places(rows.size());
  std::iota(places.begin(), places.end(), std::size_t{0});
  std::stable_sort(places.begin(), places.end(),
                   [&](std::size_t a, std::size_t b) { return rows[a] % 8 < rows[b] % 8; });
  Submission submission(device_);
  const vk::raii::CommandBuffer& commands = submission.begin();
  for (std::size_t begin = 0; begin < places.size();) {
    const uint32_t eighth = rows[places[begin]] % 8;
    std::vector<vk::BufferCopy> regions;
    std::size_t end = begin;
    while (end < places.size() && rows[places[end]] % 8 == eighth) {
      const std::size_t first = end++;
      while (end < places.size() && rows[places[end]] == rows[places[end - 1]] + 8) ++end;
      for (uint32_t w = 0; w < walks; ++w) {
        regions.emplace_back(w * job.sizes.state_bytes + uint64_t{push.at.eights} * 16 +
                                 rows[places[first]] / 8 * sizeof(float),
                             (w * rows.size() + first) * sizeof(float),
                             (end - first) * sizeof(float));
      }
    }
    for (uint32_t w = 0; w < walks; ++w) {
      const uint64_t state = w * job.sizes.state_bytes;
      commands.fillBuffer(job.states.handle(), state + uint64_t{push.at.chosen} * 16, chosen_bytes,
                          ~(0x01010101U << eighth));
      commands.fillBuffer(job.states.handle(), state + offsetof(FilterWalkHead, condition),
                          sizeof(FilterWalkHead::condition), WALK_STEPS);
    }
    full_barrier(commands);
    record(commands, job.kernels.scores, push, scoring_workgroups(job, walks));
    commands.copyBuffer(job.states.handle(), host.handle(), regions);
    full_barrier(commands);
    begin = end;
  }
  record_heads(commands, job, walks, host, heads_at);
  submission.submit();
  submission.wait();
  const auto* values = host.mapped_as<float>();
  const auto* heads =
      reinterpret_cast<const FilterWalkHead*>(host.mapped_as<std::byte>() + heads_at);
  FilteredValues filtered{.values = std::vector<float>(uint64_t{walks} * rows.size()),
                          .bounds = {}};
  for (uint32_t w = 0; w < walks; ++w) {
    for (std::size_t i = 0; i < places.size(); ++i) {
      filtered.values[w * rows.size() + places[i]] = values[w * rows.size() + i];
    }
    filtered.bounds.push_back(heads[w].bound);
  }
  return filtered;
}

void FilterWalks::check_known(const Job& job) {
  std::vector<KnownSimilarity> known = embeddings_.known.in_rows(0, embeddings_.n);
  std::erase_if(known, [](const KnownSimilarity& pair) { return pair.first == pair.second; });
  // Walks from as many of the items known as are under way together, to all of them.
  std::vector<uint32_t> items;
  for (const KnownSimilarity& pair : known) {
    if (items.empty() || items.back() != pair.first) items.push_back(pair.first);
  }
  if (items.empty()) return;
  const std::span<const uint32_t> starts =
      std::span(items).first(std::min<std::size_t>(items.size(), job.sizes.walks));
  advance(starts, job, 1);
  std::vector<uint32_t> rows;
  rows.reserve(items.size());
  for (const uint32_t item : items) rows.push_back(embeddings_.order.row_of(item));
  const FilteredValues found = read_filtered(job, static_cast<uint32_t>(starts.size()), rows);
  for (const KnownSimilarity& pair : known) {
    const auto place = [&](uint32_t item) {
      return static_cast<std::size_t>(std::find(items.begin(), items.end(), item) - items.begin());
    };
    const std::size_t walk = place(pair.first);
    if (walk >= starts.size()) continue;
    const double value = first_value(pair.value, embeddings_.known.weight(pair.first), job.order);
    const double filtered = found.values[walk * items.size() + place(pair.second)];
    // What is not a number is wrong, too.
    if (std::abs(filtered - value) <= found.bounds[walk]) continue;
    fail_as_wrong(pair, pair.value + (filtered - value) * kFixedPointOne);
  }
}

}  // namespace vkc
