#include "similarity/pairs.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "shaders/interface.h"
#include "similarity/fixed_point.hpp"
#include "similarity/similarity.hpp"
#include "similarity/spot_check.hpp"
#include "similarity/tiles.hpp"
#include "vulkan/kernel_table.hpp"
#include "vulkan/submission.hpp"

namespace vkc {

namespace {

// Pairs in one submission: enough for any device, and few enough that their memory does not count.
constexpr uint64_t kMostPairs = 1U << 20;

constexpr uint64_t kPairBytes = 2 * sizeof(uint32_t);

}  // namespace

Pairs::Pairs(Staging& staging, const DeviceEmbeddings& embeddings)
    : staging_(staging),
      embeddings_(embeddings),
      kernel_(staging.device(), {.code = kernels::pairs}),
      pacer_(kSubmissionSeconds,
             Similarity::expected_rate(staging.device()) / embeddings.units_pitch) {}

void Pairs::compute(const uint32_t* first, const uint32_t* second, uint64_t count, float* output) {
  const Device& device = staging_.device();
  const uint64_t most =
      std::min({count, kMostPairs, uint64_t{device.limits().max_workgroup_count} * PAIRS_AT_ONCE});
  if (work_.bytes() < most * (kPairBytes + sizeof(int32_t))) {
    work_ = {};
    work_ = Buffer(device, most * (kPairBytes + sizeof(int32_t)), MemoryUse::kDevice);
  }
  Staging::Loan halves = staging_.borrow(most * kPairBytes);
  std::array<Piece<uint64_t>, 2> pieces;
  const auto start = [&](std::size_t which) {
    const Piece<uint64_t>& piece = pieces.at(which);
    Staging::Half& half = halves.at(which);
    auto* ids = half.buffer.mapped_as<uint32_t>();
    for (uint64_t i = 0; i < piece.count; ++i) {
      ids[2 * i] = first[piece.first + i];
      ids[2 * i + 1] = second[piece.first + i];
    }
    const uint64_t cosines_at = most * kPairBytes;
    const vk::raii::CommandBuffer& commands = half.submission.begin();
    full_barrier(commands);  // behind the other half's kernel, which reads the same memory
    commands.copyBuffer(half.buffer.handle(), work_.handle(),
                        vk::BufferCopy(0, 0, piece.count * kPairBytes));
    full_barrier(commands);
    kernel_.record(commands,
                   PairsPush{.units = embeddings_.units.address(),
                             .rows = embeddings_.order.rows(),
                             .pairs = work_.address(),
                             .cosines = work_.address() + cosines_at,
                             .units_pitch = embeddings_.units_pitch,
                             .count = static_cast<uint32_t>(piece.count)},
                   static_cast<uint32_t>(round_up(piece.count, PAIRS_AT_ONCE) / PAIRS_AT_ONCE));
    full_barrier(commands);
    commands.copyBuffer(work_.handle(), half.buffer.handle(),
                        vk::BufferCopy(cosines_at, 0, piece.count * sizeof(int32_t)));
    half.submission.submit();
  };
  const auto finish = [&](std::size_t which) {
    Piece<uint64_t>& piece = pieces.at(which);
    if (piece.count == 0) return;
    pacer_.measured(halves.at(which).submission.wait(), piece.count);
    constexpr auto kScale = static_cast<float>(1.0 / kFixedPointOne);
    const auto* cosines = halves.at(which).buffer.mapped_as<int32_t>();
    for (uint64_t i = 0; i < piece.count; ++i) {
      // The product with a power of two is exact, so the conversion is the one rounding.
      output[piece.first + i] = static_cast<float>(cosines[i]) * kScale;
    }
    device.progress().advance(piece.count);
    piece = {};
  };
  std::size_t which = 0;
  for (uint64_t done = 0; done < count; which ^= 1U) {
    finish(which);
    pieces.at(which) = {done, pacer_.next(std::min(most, count - done))};
    start(which);
    done += pieces.at(which).count;
  }
  finish(which);
  finish(which ^ 1U);
}

void Pairs::check_known() {
  const std::vector<KnownSimilarity> known = embeddings_.known.in_rows(0, embeddings_.n);
  std::vector<uint32_t> first;
  std::vector<uint32_t> second;
  for (const KnownSimilarity& pair : known) {
    first.push_back(pair.first);
    second.push_back(pair.second);
  }
  std::vector<float> found(known.size());
  const Progress::Phase phase(staging_.device().progress(), VKC_PHASE_SIMILARITIES, known.size());
  compute(first.data(), second.data(), known.size(), found.data());
  for (std::size_t i = 0; i < known.size(); ++i) {
    const float scaled = found[i] * static_cast<float>(kFixedPointOne);
    if (scaled != static_cast<float>(known[i].value)) fail_as_wrong(known[i], scaled);
  }
}

}  // namespace vkc
