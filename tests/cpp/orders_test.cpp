// Sequences in the orders `away` and `toward`: by every variant of the kernels, alone and many at a
// time, in both orders of rows, they are the reference's. What the orders are known as elsewhere
// (neighbours, least similar items, farthest-first traversal) is written here once more, apart.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "checks.hpp"
#include "device_variant.hpp"
#include "generators.hpp"

namespace {

using checks::failed;
using checks::succeeded;
using reference::Embeddings;

constexpr bool kCenter = true;
constexpr float kLambdas[] = {0.0F, 0.3F, 0.5F, 1.0F, 0.123456789F};
constexpr VkcOrder kOrders[] = {VKC_ORDER_AWAY, VKC_ORDER_TOWARD};

std::vector<uint32_t> sequences(VkComputeContext* ctx, const std::vector<uint32_t>& starts,
                                uint32_t length, VkcOrder order, float lambda) {
  const VkcSequenceOptions options{sizeof options, static_cast<uint32_t>(order), lambda, 0};
  checks::Guarded<uint32_t> output(starts.size() * length);
  EXPECT_TRUE(succeeded(vkc_compute_diversity_sequences_with(
      ctx, starts.data(), static_cast<uint32_t>(starts.size()), length, &options, output.data())));
  EXPECT_TRUE(output.guards_intact());
  return output.vector();
}

reference::Rows<int32_t> cosines_of(const Embeddings& embeddings, bool center) {
  const auto rows = reference::in_double(embeddings, center);
  const auto norms = reference::norms(rows);
  return reference::cosines(reference::unit_vectors(rows, norms), norms);
}

// Pushes rows to one side: such rows lie on the device in another order than that of their ids.
Embeddings to_one_side(Embeddings embeddings) {
  for (uint32_t i = 0; i < embeddings.n; ++i) embeddings.row(i)[0] += 1;
  return embeddings;
}

// Item ids of some starts' sequences, one behind another.
std::vector<uint32_t> expected_sequences(const reference::Rows<int32_t>& cosines,
                                         const std::vector<uint32_t>& starts, uint32_t length,
                                         VkcOrder order, float lambda) {
  std::map<uint32_t, std::vector<uint32_t>> of;
  std::vector<uint32_t> all;
  for (const uint32_t start : starts) {
    auto& one = of[start];
    if (one.empty()) {
      one = reference::scored_sequence(cosines, start, length, order == VKC_ORDER_TOWARD, lambda);
    }
    all.insert(all.end(), one.begin(), one.end());
  }
  return all;
}

// ---- What the orders are known as

// Gonzalez's farthest-first traversal: always on to the item whose nearest chosen one is farthest.
std::vector<uint32_t> farthest_first(const reference::Rows<int32_t>& cosines, uint32_t start) {
  const uint32_t n = cosines.n;
  const auto distance = [&](uint32_t i, uint32_t j) { return reference::kOne - cosines.row(i)[j]; };
  std::vector<uint32_t> centers{start};
  std::vector<bool> is_center(n, false);
  is_center[start] = true;
  while (centers.size() < n) {
    uint32_t farthest = n;
    int64_t radius = 0;
    for (uint32_t j = 0; j < n; ++j) {
      if (is_center[j]) continue;
      int64_t nearest = std::numeric_limits<int64_t>::max();
      for (const uint32_t center : centers) nearest = std::min(nearest, distance(center, j));
      if (farthest == n || nearest > radius) {
        farthest = j;
        radius = nearest;
      }
    }
    centers.push_back(farthest);
    is_center[farthest] = true;
  }
  return centers;
}

// All others, the least similar to start first, the lowest id first on a tie.
std::vector<uint32_t> least_similar(const reference::Rows<int32_t>& cosines, uint32_t start) {
  std::vector<uint32_t> items;
  for (uint32_t j = 0; j < cosines.n; ++j) {
    if (j != start) items.push_back(j);
  }
  std::stable_sort(items.begin(), items.end(), [&](uint32_t a, uint32_t b) {
    return cosines.row(start)[a] < cosines.row(start)[b];
  });
  items.insert(items.begin(), start);
  return items;
}

class KnownAs : public testing::TestWithParam<uint32_t> {};

TEST_P(KnownAs, AtBothEndsOfLambda) {
  const uint32_t n = GetParam();
  VkComputeContext* const ctx = checks::shared_context();
  for (const auto& embeddings :
       {generators::unequal_norms(n, 7, n), to_one_side(generators::ties(n, 3, n))}) {
    const reference::Neighbors neighbors(embeddings, false);
    checks::upload(ctx, embeddings);
    for (const uint32_t start : {0U, n / 2, n - 1}) {
      EXPECT_EQ(sequences(ctx, {start}, n, VKC_ORDER_AWAY, 0), farthest_first(neighbors.c, start));
      EXPECT_EQ(sequences(ctx, {start}, n, VKC_ORDER_AWAY, 1), least_similar(neighbors.c, start));
      std::vector<uint32_t> nearest = neighbors.of[start];
      nearest.insert(nearest.begin(), start);
      EXPECT_EQ(sequences(ctx, {start}, n, VKC_ORDER_TOWARD, 1), nearest);
    }
    if (n == 1) continue;
    // The same from the library itself.
    std::vector<uint32_t> ids(size_t{n} * (n - 1));
    ASSERT_TRUE(succeeded(vkc_compute_nearest_neighbors(ctx, n - 1, ids.data(), nullptr)));
    const auto walk = sequences(ctx, {n - 1}, n, VKC_ORDER_TOWARD, 1);
    EXPECT_TRUE(std::equal(walk.begin() + 1, walk.end(), ids.end() - (n - 1)));
  }
}

INSTANTIATE_TEST_SUITE_P(Sizes, KnownAs, testing::Values(1, 2, 3, 5, 63, 64, 65, 255, 256, 257));

// ---- Every variant

class Orders : public testing::TestWithParam<DeviceVariant> {
 private:
  const ScopedDeviceVariant device_{GetParam()};

 protected:
  // From one start, from few and from so many that kernels for many are used: the whole sequences
  // for the first, a few items for the others.
  void expect_as_reference(const Embeddings& embeddings, bool center = false) const {
    const uint32_t n = embeddings.n;
    SCOPED_TRACE("n = " + std::to_string(n));
    const auto cosines = cosines_of(embeddings, center);
    checks::upload(ctx_.get(), embeddings, center);
    std::vector<uint32_t> many;
    for (uint32_t i = 0; i < 70; ++i) many.push_back(i * 7 % n);
    const std::vector<uint32_t> few{n - 1, n / 3, 0, n - 1};
    for (const VkcOrder order : kOrders) {
      for (const float lambda : kLambdas) {
        const auto expect = [&](const std::vector<uint32_t>& starts, uint32_t length) {
          EXPECT_TRUE(checks::same_bits<uint32_t>(
              sequences(ctx_.get(), starts, length, order, lambda),
              expected_sequences(cosines, starts, length, order, lambda), length))
              << "order " << order << ", lambda " << lambda << ", " << starts.size()
              << " starts, length " << length;
        };
        expect({n / 2}, n);
        expect(few, std::min(n, 140U));
        expect(many, std::min(n, 11U));
      }
    }
  }

  const checks::Context ctx_ = checks::make_context();
};

TEST_P(Orders, Sizes) {
  for (const uint32_t n : {1U, 2U, 3U, 5U, 63U, 64U, 65U, 255U, 256U, 257U, 767U, 768U, 769U}) {
    expect_as_reference(generators::unequal_norms(n, 5, n));
  }
}

TEST_P(Orders, SizesInAnotherOrderOfRows) {
  for (const uint32_t n : {2U, 3U, 5U, 63U, 65U, 256U, 257U, 768U}) {
    expect_as_reference(to_one_side(generators::unequal_norms(n, 5, n)));
  }
}

TEST_P(Orders, Centred) {
  for (const uint32_t n : {3U, 64U, 257U}) {
    expect_as_reference(to_one_side(generators::unequal_norms(n, 13, n)), kCenter);
  }
}

TEST_P(Orders, TiesDuplicatesAndZeroRows) {
  constexpr uint32_t kItems = 257;
  expect_as_reference(generators::ties(kItems, 4, 1));
  expect_as_reference(to_one_side(generators::ties(kItems, 3, 1)));
  expect_as_reference(generators::duplicates(kItems, 5, 2));
  expect_as_reference(to_one_side(generators::duplicates(kItems, 5, 2)));
  expect_as_reference(generators::zero_rows(kItems, 5, 3));
  expect_as_reference(generators::all_zero(65, 5, 4));
  expect_as_reference(generators::equal_rows(65, 5, 5));
}

constexpr const char* kFewInvocations = "64";
// 64 rows of the similarities of 769 items to a block.
constexpr const char* kSmallBlocks = "262144";

const auto name_of = [](const auto& test) { return test.param.name; };

INSTANTIATE_TEST_SUITE_P(
    Devices, Orders,
    testing::Values(DeviceVariant{"AsItIs", nullptr, nullptr, nullptr},
                    DeviceVariant{"SmallBlocks", nullptr, nullptr, kSmallBlocks},
                    DeviceVariant{"Discrete", "discrete", nullptr, nullptr},
                    DeviceVariant{"Integrated", "integrated", kFewInvocations, kSmallBlocks}),
    name_of);

// More states than a workgroup of 64 has registers for, and walks of several dispatches.
class ManyItems : public Orders {};

TEST_P(ManyItems, InBothOrdersOfRows) {
  constexpr uint32_t kItems = 2881;
  constexpr uint32_t kLength = 300;
  const std::vector<uint32_t> starts{kItems - 1, 17, kItems - 1, 1150};
  for (const bool one_side : {false, true}) {
    static std::map<bool, reference::Rows<int32_t>> made;  // once for all devices
    Embeddings embeddings = generators::ties(kItems, 6, 12);
    if (one_side) embeddings = to_one_side(std::move(embeddings));
    if (!made.contains(one_side)) made[one_side] = cosines_of(embeddings, false);
    checks::upload(ctx_.get(), embeddings);
    for (const VkcOrder order : kOrders) {
      EXPECT_TRUE(checks::same_bits<uint32_t>(
          sequences(ctx_.get(), starts, kLength, order, 0.5F),
          expected_sequences(made[one_side], starts, kLength, order, 0.5F), kLength));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Devices, ManyItems,
                         testing::Values(DeviceVariant{"AsItIs", nullptr, nullptr, nullptr},
                                         DeviceVariant{"Discrete", "discrete", nullptr, nullptr},
                                         DeviceVariant{"InMemory", "integrated", kFewInvocations,
                                                       nullptr}),
                         name_of);

// ---- Calls

// One after another on one context, the default order among them.
TEST(Calls, OrdersDoNotMix) {
  VkComputeContext* const ctx = checks::shared_context();
  const auto embeddings = generators::unequal_norms(300, 9, 21);
  const reference::Results results(embeddings, false);
  const auto cosines = cosines_of(embeddings, false);
  checks::upload(ctx, embeddings);
  const std::vector<uint32_t> starts{0, 299, 150, 7};
  for (const uint32_t length : {300U, 11U, 150U}) {
    std::vector<uint32_t> centroid;
    for (const uint32_t start : starts) {
      const auto one = results.sequence(start, length);
      centroid.insert(centroid.end(), one.begin(), one.end());
    }
    for (const VkcOrder order : kOrders) {
      EXPECT_EQ(sequences(ctx, starts, length, order, 0.7F),
                expected_sequences(cosines, starts, length, order, 0.7F));
      EXPECT_EQ(checks::sequences(ctx, starts, length), centroid);
    }
  }
}

TEST(Calls, ABatchIsRecommendedForEachOrder) {
  VkComputeContext* const ctx = checks::shared_context();
  checks::upload(ctx, generators::unequal_norms(300, 9, 22));
  for (const VkcOrder order : kOrders) {
    const VkcSequenceOptions options{sizeof options, static_cast<uint32_t>(order), 0.5F, 0};
    uint32_t count = 0;
    ASSERT_TRUE(succeeded(vkc_recommended_batch_with(ctx, 300, &options, &count)));
    EXPECT_GE(count, 1U);
    EXPECT_LE(count, 300U);
  }
}

// ---- What is refused

TEST(Refused, LambdasAndOrdersThatDoNotExist) {
  VkComputeContext* const ctx = checks::shared_context();
  checks::upload(ctx, generators::unequal_norms(5, 2, 23));
  const uint32_t start = 0;
  std::vector<uint32_t> output(5, 77);
  const auto refuse = [&](uint32_t order, float lambda,
                          std::initializer_list<const char*> patterns) {
    const VkcSequenceOptions options{sizeof options, order, lambda, 0};
    EXPECT_TRUE(
        failed(vkc_compute_diversity_sequences_with(ctx, &start, 1, 5, &options, output.data()),
               VKC_ERROR_INVALID_ARGUMENT, patterns));
    uint32_t count = 77;
    EXPECT_TRUE(failed(vkc_recommended_batch_with(ctx, 5, &options, &count),
                       VKC_ERROR_INVALID_ARGUMENT, patterns));
    EXPECT_EQ(count, 77U);
  };
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  for (const float lambda : {-0.001F, 1.0001F, NAN, kInfinity, -kInfinity}) {
    for (const VkcOrder order : kOrders) refuse(order, lambda, {"lambda is", "from 0 to 1"});
    refuse(VKC_ORDER_CENTROID, lambda, {"lambda is", "must be 0", "VKC_ORDER_CENTROID"});
  }
  refuse(VKC_ORDER_AWAY, std::nextafter(1.0F, 2.0F), {"lambda is 1.0000001 and"});
  refuse(VKC_ORDER_CENTROID, 0.5F, {"lambda is 0.5", "must be 0", "VKC_ORDER_CENTROID"});
  for (const uint32_t order : {3U, UINT32_MAX}) {
    refuse(order, 0.5F,
           {"order is", "0 .VKC_ORDER_CENTROID.", "1 .VKC_ORDER_AWAY.", "2 .VKC_ORDER_TOWARD."});
  }
  EXPECT_EQ(output, std::vector<uint32_t>(5, 77));
}

// Before embeddings are looked for.
TEST(Refused, BeforeAnyWork) {
  const checks::Context ctx = checks::make_context();
  const VkcSequenceOptions options{sizeof options, VKC_ORDER_AWAY, 2, 0};
  const uint32_t start = 0;
  uint32_t item = 0;
  EXPECT_TRUE(failed(vkc_compute_diversity_sequences_with(ctx.get(), &start, 1, 1, &options, &item),
                     VKC_ERROR_INVALID_ARGUMENT, {"lambda is 2"}));
}

}  // namespace
