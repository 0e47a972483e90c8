#include "walks/walk_kernels.hpp"

#include <algorithm>
#include <bit>

#include "base/error.hpp"
#include "shaders/interface.h"
#include "similarity/fixed_point.hpp"
#include "vulkan/kernel_table.hpp"

namespace vkc {

namespace {

// Matrix elements a second to expect of a device not yet measured.
constexpr double kCpuWalkRate = 5e8;
constexpr double kGpuWalkRate = 2e10;

// How a workgroup holds the sums: rounds of a vector of four an invocation.
struct WalkShape {
  uint32_t invocations;
  uint32_t rounds;
};

// As much of the sums in registers as does no harm, found on an H100: fewer rounds leave too few
// loads under way, and more spill, which for a few costs less than having them in memory.
WalkShape gpu_shape(const Device& device, WalkVariant variant, uint32_t pitch, bool few) {
  // Subgroups are full, of any size up to this: the kernels have all lanes of one share reductions.
  const uint32_t full_subgroup = std::max(64U, device.limits().subgroup_size);
  constexpr uint32_t kRounds = 8;
  constexpr uint32_t kMostRounds = 10;
  constexpr uint32_t kMostU32Rounds = 20;
  constexpr uint32_t kFewestForMany = 256;
  const uint32_t vectors = pitch / 4;
  const auto invocations_for = [&](uint32_t rounds) {
    return static_cast<uint32_t>(round_up((vectors + rounds - 1) / rounds, full_subgroup));
  };
  const uint32_t most = device.limits().max_workgroup_size / full_subgroup * full_subgroup;
  uint32_t invocations = 0;
  if (few) {
    invocations = std::min({invocations_for(1), 512U, most});
  } else if (variant == WalkVariant::kU32) {
    const uint32_t wanted = vectors <= 10 * kFewestForMany ? kFewestForMany : 512U;
    invocations = std::min({invocations_for(kRounds), wanted, most});
  } else {
    invocations = std::min({invocations_for(kRounds), 512U, most});
  }
  const uint32_t rounds = (vectors + invocations - 1) / invocations;
  return {invocations,
          std::min(rounds, variant == WalkVariant::kU32 ? kMostU32Rounds : kMostRounds)};
}

const KernelCode& code_of(WalkVariant variant, bool on_cpu) {
  switch (variant) {
    case WalkVariant::kI64:
      return on_cpu ? kernels::walk_i64_cpu : kernels::walk_i64_gpu;
    case WalkVariant::kU32:
      return on_cpu ? kernels::walk_u32_cpu : kernels::walk_u32_gpu;
    case WalkVariant::kScores:
      return on_cpu ? kernels::walk_scores_cpu : kernels::walk_scores_gpu;
  }
  fail(VKC_ERROR_INTERNAL, "no kernel walks so");
}

}  // namespace

WalkVariant fastest_variant(const DeviceEmbeddings& embeddings) {
  return embeddings.order.is_reordered() ? WalkVariant::kI64 : WalkVariant::kU32;
}

Kernel make_walk_kernel(const Device& device, const DeviceEmbeddings& embeddings,
                        const DeviceMatrix& matrix, WalkVariant variant, bool few) {
  const bool on_cpu = device.limits().is_cpu;
  KernelVariant kernel{code_of(variant, on_cpu)};
  const auto add = [&](uint32_t id, uint32_t value) { kernel.constants.push_back({id, value}); };
  if (variant != WalkVariant::kScores) add(WEIGHTED_ID, embeddings.weighted ? 1 : 0);
  if (variant != WalkVariant::kU32) add(REORDERED_ID, embeddings.order.is_reordered() ? 1 : 0);
  if (variant == WalkVariant::kI64) add(PACKED_ID, embeddings.n <= kMostOrdered ? 1 : 0);
  if (on_cpu) {
    const uint32_t lanes = device.limits().subgroup_size;
    add(WORKGROUP_SIZE_ID, lanes);
    add(BLOCKS_ID, static_cast<uint32_t>(matrix.blocks().size()));
    // A power of two, so that drivers compile one kernel for many sizes.
    add(VECTORS_CAPACITY_ID, std::bit_ceil(matrix.pitch() / 4 / lanes));
    for (const Buffer& block : matrix.blocks()) {
      kernel.texel_buffers.push_back({block.handle(), block.bytes()});
    }
    // The kernel declares so many; those that it has no use for may be any.
    kernel.texel_buffers.resize(MOST_TEXEL_BLOCKS, kernel.texel_buffers.front());
  } else {
    const WalkShape shape = gpu_shape(device, variant, matrix.pitch(), few);
    add(WORKGROUP_SIZE_ID, shape.invocations);
    add(ROUNDS_ID, shape.rounds);
    if (variant == WalkVariant::kU32) add(ROUNDS_IN_FLIGHT_ID, few ? 2 : 4);
  }
  return {device, kernel};
}

bool are_few_walks(const Device& device, std::size_t count) {
  constexpr std::size_t kFew = 64;
  return !device.limits().is_cpu && count <= kFew;
}

uint32_t walks_side_by_side(const Device& device, uint32_t pitch) {
  // Invocations of a processor, each with as many sums in registers as there is room for.
  constexpr uint32_t kInvocations = 512;
  const WalkShape shape = gpu_shape(device, WalkVariant::kU32, pitch, false);
  return device.limits().processors * std::max(kInvocations / shape.invocations, 1U);
}

double expected_walk_rate(const Device& device, uint32_t n) {
  return (device.limits().is_cpu ? kCpuWalkRate : kGpuWalkRate) / n;
}

uint32_t most_steps(const Device& device, uint32_t pitch) {
  if (!device.limits().is_cpu) return ~0U;
  const uint32_t loops = pitch / 4 / device.limits().subgroup_size + 1;
  // Two loops more read and write the sums.
  return std::max(kMostCpuIterations / loops, 4U) - 3;
}

}  // namespace vkc
