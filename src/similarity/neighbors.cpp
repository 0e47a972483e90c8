#include "similarity/neighbors.hpp"

#include <algorithm>
#include <array>
#include <bit>

#include "base/error.hpp"
#include "base/host_threads.hpp"
#include "shaders/interface.h"
#include "similarity/fixed_point.hpp"
#include "similarity/spot_check.hpp"
#include "vulkan/kernel_table.hpp"
#include "vulkan/submission.hpp"

namespace vkc {

namespace {

// The size of a block of computed rows: large enough to keep the device busy.
constexpr uint64_t kRowsBytes = 64ULL << 20;

// The fewest neighbours worth waking a thread for.
constexpr uint64_t kLeastNeighbors = 1U << 16;

// Invocations of a workgroup on a GPU.
constexpr uint32_t kGpuInvocations = 256;
// More than this many with barriers crashed lavapipe.
constexpr uint32_t kMostCpuInvocations = 64;

// Row elements that the kernel selects from a second, on a slow device of its kind.
constexpr double kCpuSelectionRate = 2e7;
constexpr double kGpuSelectionRate = 1e9;

// The most iterations of neighbors.comp's loops, in one invocation together.
uint64_t most_iterations(uint32_t n, uint32_t invocations) {
  constexpr uint64_t kDigits = 1ULL << DIGIT_BITS;
  constexpr uint64_t kSortSteps = 55;  // of 1,024 keys
  const uint64_t vectors = uint64_t{n} / 4 + 1;
  const uint64_t digits = (32 + bits_of_ids(n)) / DIGIT_BITS + 1;
  const uint64_t clear = kDigits / invocations + 1;
  const uint64_t find =
      (DIGIT_GROUPS / invocations + 1) * (kDigits / DIGIT_GROUPS + 1) + 2ULL * DIGIT_GROUPS;
  const uint64_t sort =
      MOST_SORTED / invocations + kSortSteps * (MOST_SORTED / 2 / invocations + 2);
  return (digits + 1) * (vectors / invocations + 1) + digits * (clear + find + 1) + sort;
}

uint32_t invocations_for(const Device& device, uint32_t n) {
  if (!device.limits().is_cpu) {
    return std::min(kGpuInvocations, std::bit_floor(device.limits().max_workgroup_size));
  }
  // One subgroup is the fastest. Where its loops would be too long, more invocations share them.
  uint32_t invocations = device.limits().subgroup_size;
  while (most_iterations(n, invocations) > kMostCpuIterations) {
    invocations *= 2;
    if (invocations > kMostCpuInvocations) {
      fail(
          VKC_ERROR_DOES_NOT_FIT, "the neighbours of ", n,
          " embeddings are more work than one workgroup may do on a CPU: use fewer embeddings or a "
          "GPU");
    }
  }
  return invocations;
}

Kernel make_kernel(const Device& device, uint32_t n) {
  return {
      device,
      {.code = kernels::neighbors, .constants = {{WORKGROUP_SIZE_ID, invocations_for(device, n)}}}};
}

}  // namespace

uint32_t bits_of_ids(uint32_t n) { return static_cast<uint32_t>(std::bit_width(n - 1)); }

void deliver(HostThreads& threads, uint64_t* keys, uint32_t count, uint32_t k, uint32_t id_bits,
             uint32_t* ids, float* similarities) {
  constexpr auto kScale = static_cast<float>(1.0 / kFixedPointOne);
  const uint64_t id_mask = (uint64_t{1} << id_bits) - 1;
  threads.for_each(count, kLeastNeighbors / k + 1, [=](uint64_t i) {
    uint64_t* of_item = keys + i * k;
    if (k > MOST_SORTED) std::sort(of_item, of_item + k);
    for (uint64_t place = 0; place < k; ++place) {
      ids[i * k + place] = static_cast<uint32_t>(of_item[place] & id_mask);
      if (similarities == nullptr) continue;
      const auto below_one = static_cast<uint32_t>(of_item[place] >> id_bits);
      // The product with a power of two is exact, so the conversion is the one rounding.
      similarities[i * k + place] = static_cast<float>(kFixedPointOne - below_one) * kScale;
    }
  });
}

void check_lists(const std::vector<KnownSimilarity>& known, const uint64_t* keys, uint32_t first,
                 uint32_t k, uint32_t id_bits) {
  for (const KnownSimilarity& pair : known) {
    if (pair.first == pair.second) continue;
    const uint64_t* list = keys + uint64_t{pair.first - first} * k;
    if (list[0] == kNoKey) continue;
    const auto below_one = static_cast<uint32_t>((1 << FIXED_POINT_BITS) - pair.value);
    const uint64_t key = (uint64_t{below_one} << id_bits) | pair.second;
    if (key <= list[k - 1] && !std::binary_search(list, list + k, key)) fail_as_missing(pair);
  }
}

NeighborSizes::NeighborSizes(const Device& device, uint32_t n, uint32_t count, uint32_t k,
                             const RowChoice& choice)
    : rows{.whole = choice.whole, .at_once = count, .blocks = choice.whole ? 0U : 1U} {
  // One share for the rows and three for the keys: two of them are staging memory, which may be the
  // device's as well.
  const uint64_t share = choice.available / 8;
  if (!choice.whole) {
    const uint64_t bytes =
        std::min({kRowsBytes, share, DeviceMatrix::most_bytes(device, n, choice.available)});
    rows.at_once = static_cast<uint32_t>(
        std::min<uint64_t>(whole_tiles(bytes / DeviceMatrix::bytes(1, n)), count));
  }
  const uint64_t item_bytes = uint64_t{k} * sizeof(uint64_t);
  const uint64_t fitting = std::min(kStagingBytes, share) / item_bytes;
  keys_bytes = std::clamp<uint64_t>(fitting, 1, rows.at_once) * item_bytes;
}

Neighbors::Neighbors(Staging& staging, RowSource& source)
    : device_(staging.device()),
      staging_(staging),
      source_(source),
      n_(source.embeddings().n),
      kernel_(make_kernel(device_, n_)),
      pacer_(kSubmissionSeconds,
             (device_.limits().is_cpu ? kCpuSelectionRate : kGpuSelectionRate) / n_) {}

double Neighbors::expected_rate(const Device& device, const DeviceEmbeddings& embeddings) {
  const double products = static_cast<double>(embeddings.n) * embeddings.units_pitch;
  return Similarity::expected_rate(device) / products;
}

void Neighbors::find(uint32_t first, uint32_t count, uint32_t k, uint32_t* ids,
                     float* similarities) {
  const NeighborSizes sizes(device_, n_, count, k, source_.choose(count));
  RowSource::Loan rows = source_.borrow(sizes.rows);
  if (keys_.bytes() < sizes.keys_bytes) {
    keys_ = {};  // freed before the larger one is allocated
    keys_ = Buffer(device_, sizes.keys_bytes, MemoryUse::kDevice);
  }
  Staging::Loan halves = staging_.borrow(sizes.keys_bytes);
  const uint32_t id_bits = bits_of_ids(n_);
  const uint64_t most_items = std::min<uint64_t>(sizes.keys_bytes / sizeof(uint64_t) / k,
                                                 device_.limits().max_workgroup_count);
  HostThreads threads;
  std::array<Piece<uint32_t>, 2> pieces;  // items
  const auto collect = [&](std::size_t which) {
    Staging::Half& half = halves.at(which);
    if (!half.submission.in_flight()) return;
    const Piece<uint32_t>& piece = pieces.at(which);
    pacer_.measured(half.submission.wait(), piece.count);
    const std::size_t place = std::size_t{piece.first - first} * k;
    auto* keys = half.buffer.mapped_as<uint64_t>();
    if (keys[0] == kNoKey) fail_as_idle();
    deliver(threads, keys, piece.count, k, id_bits, ids + place,
            similarities == nullptr ? nullptr : similarities + place);
    check_lists(source_.known_in_rows(piece.first, piece.count), keys, piece.first, k, id_bits);
    device_.progress().advance(piece.count);
  };
  std::size_t which = 0;
  const auto select = [&](const DeviceRows& from, const Piece<uint32_t>& piece) {
    pieces.at(which) = piece;
    Staging::Half& half = halves.at(which);
    const vk::raii::CommandBuffer& commands = half.submission.begin();
    full_barrier(commands);
    const uint64_t bytes = uint64_t{piece.count} * k * sizeof(uint64_t);
    commands.fillBuffer(keys_.handle(), 0, bytes, static_cast<uint32_t>(kNoKey));
    full_barrier(commands);
    kernel_.record(commands,
                   NeighborsPush{.blocks = from.matrix.block_table(),
                                 .neighbors = keys_.address(),
                                 .ids = from.order.ids(),
                                 .rows = from.order.rows(),
                                 .n = n_,
                                 .matrix_pitch = from.matrix.pitch(),
                                 .block_shift = from.matrix.block_shift(),
                                 .first_item = from.first_id,
                                 .first_row = piece.first - from.first_id,
                                 .k = k,
                                 .id_bits = id_bits,
                                 .sort_capacity = k <= MOST_SORTED ? std::bit_ceil(k) : 0,
                                 .reordered = from.reordered ? 1U : 0U},
                   piece.count);
    // The copy waits for the kernel, and so does what later overwrites the rows.
    full_barrier(commands);
    commands.copyBuffer(keys_.handle(), half.buffer.handle(), vk::BufferCopy(0, 0, bytes));
    half.submission.submit();
    which ^= 1U;
    collect(which);
  };
  for (uint32_t begin = first; begin < first + count;) {
    const uint32_t end = begin + std::min(sizes.rows.at_once, first + count - begin);
    rows.begin(0, begin, end - begin);
    collect(which ^ 1U);  // the latest selection: the device works on it before these rows
    rows.wait(0);
    const DeviceRows there = rows.at(0, begin);
    while (begin < end) {
      const uint64_t most = std::min<uint64_t>(most_items, end - begin);
      const auto items = static_cast<uint32_t>(pacer_.next(most));
      select(there, {begin, items});
      begin += items;
    }
  }
  collect(which);
  collect(which ^ 1U);
}

}  // namespace vkc
