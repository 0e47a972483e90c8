// Over the similarity matrix or by the filter: whichever way walks go, they are the reference's;
// and each is taken where it fits and is the faster one.
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "checks.hpp"
#include "device_variant.hpp"
#include "fault_layer.hpp"
#include "generators.hpp"

namespace {

using checks::failed;
using checks::ScopedEnvironment;
using checks::succeeded;
using reference::Embeddings;

constexpr bool kCenter = true;

TEST(WalkWays, AreNamedInTheEnvironment) {
  const Embeddings embeddings = generators::unequal_norms(150, 20, 1);
  const reference::Results expected(embeddings, kCenter);
  for (const char* way : {"matrix", "filter", "filter-float32"}) {
    const ScopedEnvironment named("VKC_WALKS", way);
    const auto context = checks::make_context();
    checks::upload(context.get(), embeddings, kCenter);
    EXPECT_EQ(checks::sequence(context.get(), 150, 7), expected.sequence(7, 150)) << way;
  }
}

// Also where the matrix is there; and the context goes on afterwards.
TEST(WalkWays, OthersAreRefused) {
  const Embeddings embeddings = generators::unequal_norms(50, 5, 1);
  const auto context = checks::make_context();
  checks::upload(context.get(), embeddings);
  const auto walk = checks::sequence(context.get(), 50, 0);
  {
    const ScopedEnvironment named("VKC_WALKS", "fast");
    std::vector<uint32_t> output(50);
    EXPECT_TRUE(failed(vkc_compute_diversity_sequence(context.get(), 0, output.data()),
                       VKC_ERROR_INVALID_ARGUMENT,
                       {"VKC_WALKS is 'fast'", "matrix, filter or filter-float32"}));
    const VkcPlanRequest request{sizeof request, VKC_WORK_DIVERSITY, 50, 5, 1, 50};
    VkcMemoryPlan plan = VKC_MEMORY_PLAN_INIT;
    EXPECT_TRUE(failed(vkc_plan_memory(context.get(), &request, &plan), VKC_ERROR_INVALID_ARGUMENT,
                       {"VKC_WALKS is 'fast'"}));
  }
  const ScopedEnvironment none("VKC_WALKS", "");
  EXPECT_EQ(checks::sequence(context.get(), 50, 0), walk);
}

// The first items of a walk of the order `centroid`, without the matrix.
std::vector<uint32_t> expected_walk(const Embeddings& embeddings, bool center, uint32_t start,
                                    uint32_t length) {
  const auto rows = reference::in_double(embeddings, center);
  const auto norms = reference::norms(rows);
  const auto units = reference::unit_vectors(rows, norms);
  const auto weights = reference::weights(norms);
  std::vector<int64_t> sums(embeddings.n, 0);
  std::vector<bool> chosen(embeddings.n, false);
  std::vector<uint32_t> walk{start};
  for (;;) {
    const uint32_t latest = walk.back();
    chosen[latest] = true;
    if (walk.size() == length) return walk;
    uint32_t best = embeddings.n;
    for (uint32_t j = 0; j < embeddings.n; ++j) {
      sums[j] += reference::rescale(weights[latest] * reference::cosine(units, norms, latest, j));
      if (!chosen[j] && (best == embeddings.n || sums[j] < sums[best])) best = j;
    }
    walk.push_back(best);
  }
}

// More sums of 32 bits than a workgroup of 64 has registers for, in several dispatches.
TEST(WalkWays, MatrixWithSumsInMemory) {
  constexpr uint32_t kItems = 5700;
  constexpr uint32_t kLength = 150;
  const ScopedEnvironment named("VKC_WALKS", "matrix");
  const DeviceVariant few_invocations{"InMemory", "integrated", "64", nullptr};
  const ScopedDeviceVariant device(few_invocations);
  const auto context = checks::make_context();
  const std::vector<uint32_t> starts{kItems - 1, 17, kItems - 1, 5300};
  for (const Embeddings& embeddings :
       {generators::ties(kItems, 6, 12), generators::unequal_norms(kItems, 6, 3)}) {
    checks::upload(context.get(), embeddings, kCenter);
    std::vector<uint32_t> expected;
    for (const uint32_t start : starts) {
      const auto walk = expected_walk(embeddings, kCenter, start, kLength);
      expected.insert(expected.end(), walk.begin(), walk.end());
    }
    EXPECT_EQ(checks::sequences(context.get(), starts, kLength), expected);
  }
}

uint64_t planned_matrix_bytes(VkComputeContext* ctx, uint32_t n, uint32_t d, uint32_t count,
                              uint32_t length) {
  const VkcPlanRequest request{sizeof request, VKC_WORK_DIVERSITY, n, d, count, length};
  VkcMemoryPlan plan = VKC_MEMORY_PLAN_INIT;
  EXPECT_TRUE(succeeded(vkc_plan_memory(ctx, &request, &plan)));
  EXPECT_EQ(plan.fits, 1U);
  return plan.matrix_bytes;
}

// 30,000 items, of which a matrix would take 3.6 GB, on a device of 512 MiB.
TEST(WalkWays, WithoutRoomForTheMatrix) {
  constexpr uint32_t kItems = 30000;
  constexpr uint32_t kDimensions = 12;
  constexpr uint32_t kLength = 200;
  const ScopedEnvironment heap("VKC_FAULT_HEAP_BYTES", std::to_string(512 << 20).c_str());
  const Embeddings embeddings = generators::unequal_norms(kItems, kDimensions, 1);
  const auto context = checks::make_context();
  for (const bool center : {false, true}) {
    checks::upload(context.get(), embeddings, center);
    const std::vector<uint32_t> starts{0, 12345, kItems - 1};
    EXPECT_EQ(planned_matrix_bytes(context.get(), kItems, kDimensions, 3, kLength), 0U);
    const auto walks = checks::sequences(context.get(), starts, kLength);
    std::vector<uint32_t> expected;
    for (const uint32_t start : starts) {
      const auto walk = expected_walk(embeddings, center, start, kLength);
      expected.insert(expected.end(), walk.begin(), walk.end());
    }
    EXPECT_TRUE(checks::same_bits<uint32_t>(walks, expected, kLength));
  }
  const ScopedEnvironment named("VKC_WALKS", "matrix");
  std::vector<uint32_t> output(kItems);
  EXPECT_TRUE(failed(vkc_compute_diversity_sequence(context.get(), 0, output.data()),
                     VKC_ERROR_DOES_NOT_FIT, {"30000 embeddings"}));
}

// On a GPU as on a CPU.
TEST(WalkWays, TheFasterOneIsTaken) {
  const auto context = checks::make_context();
  VkComputeContext* ctx = context.get();
  EXPECT_EQ(planned_matrix_bytes(ctx, 20000, 384, 1, 10), 0U);
  EXPECT_GT(planned_matrix_bytes(ctx, 10000, 384, 10000, 10000), 0U);
  EXPECT_GT(planned_matrix_bytes(ctx, 2000, 384, 2000, 100), 0U);
}

}  // namespace
