// Nearest neighbours equal the reference, whatever the device reports to be, and in whatever parts
// they are asked for.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <set>
#include <string>
#include <vector>

#include "checks.hpp"
#include "device_variant.hpp"
#include "generators.hpp"
#include "npy.hpp"

namespace {

using checks::failed;
using checks::same_bits;
using checks::ScopedEnvironment;
using checks::shared_context;
using checks::succeeded;
using reference::Embeddings;

constexpr bool kCenter = true;

reference::NeighborLists neighbors_of(VkComputeContext* ctx, uint32_t first, uint32_t count,
                                      uint32_t k) {
  checks::Guarded<uint32_t> ids(size_t{count} * k);
  checks::Guarded<float> similarities(size_t{count} * k);
  EXPECT_TRUE(succeeded(
      vkc_compute_nearest_neighbors_of(ctx, first, count, k, ids.data(), similarities.data())));
  EXPECT_TRUE(ids.guards_intact() && similarities.guards_intact()) << "written outside the output";
  return {ids.vector(), similarities.vector()};
}

reference::NeighborLists all_neighbors(VkComputeContext* ctx, uint32_t n, uint32_t k) {
  checks::Guarded<uint32_t> ids(size_t{n} * k);
  checks::Guarded<float> similarities(size_t{n} * k);
  EXPECT_TRUE(succeeded(vkc_compute_nearest_neighbors(ctx, k, ids.data(), similarities.data())));
  EXPECT_TRUE(ids.guards_intact() && similarities.guards_intact()) << "written outside the output";
  return {ids.vector(), similarities.vector()};
}

void expect_same(const reference::NeighborLists& actual, const reference::NeighborLists& expected,
                 uint32_t k) {
  EXPECT_TRUE(same_bits<uint32_t>(actual.ids, expected.ids, k)) << "in the ids, k = " << k;
  EXPECT_TRUE(same_bits<float>(actual.similarities, expected.similarities, k))
      << "in the similarities, k = " << k;
}

// Compares with the reference: the numbers of neighbours that make sense of 1, 2, 10, 100 and all.
void expect_as_reference(VkComputeContext* ctx, const Embeddings& embeddings, bool center = false) {
  const uint32_t n = embeddings.n;
  SCOPED_TRACE("n = " + std::to_string(n) + ", d = " + std::to_string(embeddings.d) +
               (center ? ", centred" : ""));
  const reference::Neighbors expected(embeddings, center);
  checks::upload(ctx, embeddings, center);
  for (const uint32_t k : std::set<uint32_t>{1, 2, 10, 100, n - 1}) {
    if (k < n) expect_same(all_neighbors(ctx, n, k), expected.lists(0, n, k), k);
  }
}

// What is expected of single items, where all would be too many to compute.
class SampledReference {
 public:
  SampledReference(const Embeddings& embeddings, bool center) {
    const auto rows = reference::in_double(embeddings, center);
    norms_ = reference::norms(rows);
    units_ = reference::unit_vectors(rows, norms_);
  }

  std::vector<uint32_t> ids(uint32_t item, uint32_t k) const {
    std::vector<int32_t> cosines;
    for (uint32_t j = 0; j < units_.n; ++j) {
      cosines.push_back(reference::cosine(units_, norms_, item, j));
    }
    auto result = reference::neighbors(cosines.data(), units_.n, item);
    result.resize(k);
    return result;
  }

 private:
  std::vector<double> norms_;
  reference::Rows<int32_t> units_;
};

class Sizes : public testing::TestWithParam<uint32_t> {};

TEST_P(Sizes, EqualTheReference) {
  const uint32_t n = GetParam();
  expect_as_reference(shared_context(), generators::unequal_norms(n, 13, n));
  expect_as_reference(shared_context(), generators::unit_norms(n, 65, n), kCenter);
  expect_as_reference(shared_context(), generators::ties(n, 3, n));
}

INSTANTIATE_TEST_SUITE_P(Items, Sizes,
                         testing::Values(2, 3, 5, 63, 64, 65, 255, 256, 257, 767, 768, 769, 1031),
                         [](const auto& test) {
                           std::string name = "n";
                           return name.append(std::to_string(test.param));
                         });

class Variants : public OnDeviceVariant {};

TEST_P(Variants, SmallSizes) {
  for (uint32_t n = 2; n <= 9; ++n) {
    expect_as_reference(ctx_.get(), generators::unequal_norms(n, 1 + n % 4, n));
  }
}

TEST_P(Variants, Kinds) {
  for (const bool center : {false, kCenter}) {
    const uint32_t n = center ? 301 : 130;
    expect_as_reference(ctx_.get(), generators::unequal_norms(n, 13, n), center);
    expect_as_reference(ctx_.get(), generators::duplicates(n, 5, n), center);
    expect_as_reference(ctx_.get(), generators::zero_rows(n, 5, n), center);
    expect_as_reference(ctx_.get(), generators::equal_rows(n, 4, n), center);
    expect_as_reference(ctx_.get(), generators::ties(n, 2, n), center);
  }
  expect_as_reference(ctx_.get(), generators::all_zero(301, 3, 1));
}

// Numbers of neighbours around those that the kernel sorts, and more rows than are computed at once
// where blocks are small.
TEST_P(Variants, ManyNeighbors) {
  const uint32_t n = 1500;
  for (const auto& embeddings : {generators::unequal_norms(n, 5, 1), generators::ties(n, 3, 2)}) {
    const reference::Neighbors expected(embeddings, false);
    checks::upload(ctx_.get(), embeddings);
    for (const uint32_t k : {511U, 512U, 513U, 1023U, 1024U, 1025U, n - 1}) {
      expect_same(neighbors_of(ctx_.get(), 1400, 100, k), expected.lists(1400, 100, k), k);
    }
    expect_same(all_neighbors(ctx_.get(), n, 7), expected.lists(0, n, 7), 7);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Devices, Variants,
    testing::Values(DeviceVariant{"AsItIs", nullptr, nullptr, nullptr},
                    DeviceVariant{"SmallBlocks", nullptr, nullptr, "131072"},
                    DeviceVariant{"Discrete", "discrete", nullptr, nullptr},
                    DeviceVariant{"DiscreteFewInvocations", "discrete", "64", nullptr},
                    DeviceVariant{"IntegratedSmallBlocks", "integrated", "64", "131072"}),
    [](const auto& test) { return test.param.name; });

TEST(Neighbors, OfPsalms) {
  constexpr uint32_t kNeighbors = 100;
  const auto embeddings = npy::read<float>(VKC_PSALMS_NPY);
  const uint32_t n = embeddings.n;
  for (const bool center : {false, kCenter}) {
    const SampledReference expected(embeddings, center);
    checks::upload(shared_context(), embeddings, center);
    const auto lists = all_neighbors(shared_context(), n, kNeighbors);
    for (uint32_t item = 0; item < n; item += 20) {
      EXPECT_TRUE(same_bits<uint32_t>({lists.ids.data() + size_t{item} * kNeighbors, kNeighbors},
                                      expected.ids(item, kNeighbors), kNeighbors))
          << "of item " << item;
    }
    EXPECT_EQ(neighbors_of(shared_context(), 1000, 1, n - 1).ids, expected.ids(1000, n - 1));
  }
}

TEST(Neighbors, OfEveryRange) {
  const auto embeddings = generators::unequal_norms(67, 13, 1);
  const reference::Neighbors expected(embeddings, false);
  checks::upload(shared_context(), embeddings);
  for (uint32_t first = 0; first <= embeddings.n; first += 3) {
    for (uint32_t count = 0; count <= embeddings.n - first; ++count) {
      expect_same(neighbors_of(shared_context(), first, count, 5), expected.lists(first, count, 5),
                  5);
      ASSERT_FALSE(HasFailure()) << "of items " << first << " to " << first + count;
    }
  }
}

// Each a new size for the memory that is kept between calls.
TEST(Neighbors, InAnyOrderOfCalls) {
  const auto embeddings = generators::unequal_norms(301, 5, 2);
  const reference::Neighbors expected(embeddings, false);
  VkComputeContext* ctx = shared_context();
  checks::upload(ctx, embeddings);
  for (const uint32_t k : {3U, 300U, 1U, 299U, 10U}) {
    for (const uint32_t count : {1U, 65U, 301U, 2U}) {
      expect_same(neighbors_of(ctx, 301 - count, count, k), expected.lists(301 - count, count, k),
                  k);
    }
    EXPECT_EQ(checks::sequence(ctx, 301, k)[0], k);
  }
}

TEST(Neighbors, WithoutSimilarities) {
  const auto embeddings = generators::unequal_norms(65, 5, 3);
  const reference::Neighbors expected(embeddings, false);
  checks::upload(shared_context(), embeddings);
  checks::Guarded<uint32_t> ids(size_t{65} * 9);
  ASSERT_TRUE(succeeded(vkc_compute_nearest_neighbors(shared_context(), 9, ids.data(), nullptr)));
  EXPECT_TRUE(ids.guards_intact());
  EXPECT_EQ(ids.vector(), expected.lists(0, 65, 9).ids);
}

// Similarities that differ by less than float32 can tell: the order is that of the exact numbers.
TEST(Neighbors, OrderIsExact) {
  const uint32_t n = 200;
  Embeddings embeddings{n, 2, {1, 0}};
  for (uint32_t i = 1; i < n; ++i) {
    // The nearest come last, so that ids in order would be wrong.
    embeddings.values.push_back(1);
    embeddings.values.push_back(1e-4F + static_cast<float>(n - i) * 1e-6F);
  }
  const reference::Neighbors expected(embeddings, false);
  const auto lists = expected.lists(0, 1, n - 1);
  ASSERT_EQ(lists.ids.front(), n - 1);
  ASSERT_LT(std::set<float>(lists.similarities.begin(), lists.similarities.end()).size(), 100U);
  checks::upload(shared_context(), embeddings);
  expect_same(neighbors_of(shared_context(), 0, 1, n - 1), lists, n - 1);
}

// So many items that the kernel's loops are too long for one subgroup on a CPU. The items lie at a
// few angles, so that all neighbours tie with thousands.
TEST(Neighbors, OfManyItems) {
  const uint32_t n = 270'001;
  const uint32_t k = 1001;
  const auto embeddings = generators::ties(n, 2, 4);
  checks::upload(shared_context(), embeddings);
  const SampledReference expected(embeddings, false);
  for (const uint32_t item : {0U, n / 2, n - 1}) {
    EXPECT_EQ(neighbors_of(shared_context(), item, 1, k).ids, expected.ids(item, k));
  }
}

TEST(Neighbors, RecommendedBatchGoesThroughAll) {
  const auto embeddings = generators::unequal_norms(769, 16, 5);
  const reference::Neighbors expected(embeddings, false);
  checks::upload(shared_context(), embeddings);
  reference::NeighborLists all;
  for (uint32_t first = 0; first < 769;) {
    uint32_t count = 0;
    ASSERT_TRUE(succeeded(vkc_recommended_neighbors_batch(shared_context(), 7, &count)));
    ASSERT_GE(count, 64U);
    ASSERT_LE(count, 769U);
    count = std::min(count, 769 - first);
    const auto part = neighbors_of(shared_context(), first, count, 7);
    all.ids.insert(all.ids.end(), part.ids.begin(), part.ids.end());
    all.similarities.insert(all.similarities.end(), part.similarities.begin(),
                            part.similarities.end());
    first += count;
  }
  expect_same(all, expected.lists(0, 769, 7), 7);
}

// ---- Errors
// --------------------------------------------------------------------------------------

TEST(NeighborErrors, NumbersOfNeighbors) {
  VkComputeContext* ctx = shared_context();
  std::vector<uint32_t> ids(25);
  uint32_t count = 0;
  checks::upload(ctx, generators::unequal_norms(5, 3, 6));
  for (const uint32_t k : {0U, 5U, 6U, UINT32_MAX}) {
    const std::string number = "k is " + std::to_string(k) + "\\b";
    const auto refused = [&](VkcResult result) {
      return failed(result, VKC_ERROR_INVALID_LENGTH, {number.c_str(), R"(\b4\b)"});
    };
    EXPECT_TRUE(refused(vkc_compute_nearest_neighbors(ctx, k, ids.data(), nullptr)));
    EXPECT_TRUE(refused(vkc_compute_nearest_neighbors_of(ctx, 0, 0, k, ids.data(), nullptr)));
    EXPECT_TRUE(refused(vkc_recommended_neighbors_batch(ctx, k, &count)));
  }
  checks::upload(ctx, generators::unequal_norms(1, 3, 6));
  EXPECT_TRUE(failed(vkc_compute_nearest_neighbors(ctx, 1, ids.data(), nullptr),
                     VKC_ERROR_INVALID_LENGTH, {"one embedding", "two or more"}));
}

TEST(NeighborErrors, PointersAndRanges) {
  VkComputeContext* ctx = shared_context();
  std::vector<uint32_t> ids(25);
  uint32_t count = 0;
  checks::upload(ctx, generators::unequal_norms(5, 3, 6));
  const auto null = [](VkcResult result, const char* name) {
    return failed(result, VKC_ERROR_NULL_POINTER, {name, "NULL"});
  };
  EXPECT_TRUE(null(vkc_compute_nearest_neighbors(nullptr, 1, ids.data(), nullptr), "ctx"));
  EXPECT_TRUE(null(vkc_compute_nearest_neighbors_of(nullptr, 0, 1, 1, ids.data(), nullptr), "ctx"));
  EXPECT_TRUE(null(vkc_recommended_neighbors_batch(nullptr, 1, &count), "ctx"));
  EXPECT_TRUE(null(vkc_compute_nearest_neighbors(ctx, 1, nullptr, nullptr), "ids"));
  EXPECT_TRUE(null(vkc_compute_nearest_neighbors_of(ctx, 0, 1, 1, nullptr, nullptr), "ids"));
  EXPECT_TRUE(null(vkc_recommended_neighbors_batch(ctx, 1, nullptr), "count"));
  EXPECT_TRUE(succeeded(vkc_compute_nearest_neighbors_of(ctx, 5, 0, 1, nullptr, nullptr)));
  const auto out_of_range = [&](uint32_t first, uint32_t rows) {
    return failed(vkc_compute_nearest_neighbors_of(ctx, first, rows, 1, ids.data(), nullptr),
                  VKC_ERROR_ITEM_OUT_OF_RANGE, {"row", R"(\b5\b)"});
  };
  EXPECT_TRUE(out_of_range(5, 1));
  EXPECT_TRUE(out_of_range(0, 6));
  EXPECT_TRUE(out_of_range(6, 0));
  EXPECT_TRUE(out_of_range(UINT32_MAX, 3));
  EXPECT_TRUE(out_of_range(2, UINT32_MAX));
}

TEST(NeighborErrors, BeforeAnUpload) {
  const checks::Context ctx = checks::make_context();
  uint32_t id = 0;
  const auto no_embeddings = [](VkcResult result) {
    return failed(result, VKC_ERROR_NO_EMBEDDINGS, {"upload some first"});
  };
  EXPECT_TRUE(no_embeddings(vkc_compute_nearest_neighbors(ctx.get(), 1, &id, nullptr)));
  EXPECT_TRUE(no_embeddings(vkc_compute_nearest_neighbors_of(ctx.get(), 0, 1, 1, &id, nullptr)));
  EXPECT_TRUE(no_embeddings(vkc_recommended_neighbors_batch(ctx.get(), 1, &id)));
}

// ---- Faults
// --------------------------------------------------------------------------------------

// Fails once at the first, second, ... place that a variable counts, until none is left to fail at.
// Returns how often it failed.
template <typename Check>
uint32_t fail_at_each(const char* variable, const Check& check) {
  uint32_t failures = 0;
  for (; failures < 1000; ++failures) {
    SCOPED_TRACE(std::string(variable) + "=" + std::to_string(failures + 1));
    const ScopedEnvironment fault(variable, std::to_string(failures + 1).c_str());
    if (!check()) return failures;
  }
  ADD_FAILURE() << "failures for ever";
  return failures;
}

constexpr uint32_t kFaultItems = 193;  // several blocks where blocks are small

TEST(NeighborFaults, TheDeviceIsLost) {
  const ScopedEnvironment type("VKC_FAULT_DEVICE_TYPE", "discrete");
  const auto embeddings = generators::unequal_norms(kFaultItems, 9, 7);
  std::vector<uint32_t> ids(size_t{kFaultItems} * 4);
  for (const char* variable : {"VKC_FAULT_LOSE_AT_SUBMIT", "VKC_FAULT_LOSE_AT_WAIT"}) {
    const uint32_t failures = fail_at_each(variable, [&] {
      const VkcOptions options{
          .struct_size = sizeof(VkcOptions), .validation = 1, .device = nullptr};
      VkComputeContext* made = nullptr;
      VkcResult result = vkc_create(&options, &made);
      const checks::Context ctx(made);
      if (result == VKC_SUCCESS) {
        result = vkc_upload_embeddings(made, embeddings.values.data(), kFaultItems, 9);
      }
      if (result == VKC_SUCCESS) {
        result = vkc_compute_nearest_neighbors(made, 4, ids.data(), nullptr);
      }
      if (result == VKC_SUCCESS) return false;
      EXPECT_TRUE(failed(result, VKC_ERROR_DEVICE_LOST, {"device"}));
      if (made != nullptr) {
        EXPECT_EQ(vkc_compute_nearest_neighbors(made, 4, ids.data(), nullptr),
                  VKC_ERROR_DEVICE_LOST);
      }
      return true;
    });
    // At the least the rows and the selection are submissions.
    EXPECT_GE(failures, 2U);
  }
}

TEST(NeighborFaults, AnAllocationFails) {
  const auto embeddings = generators::unequal_norms(kFaultItems, 9, 8);
  const reference::Neighbors expected(embeddings, false);
  std::vector<uint32_t> ids(size_t{kFaultItems} * 4);
  uint32_t in_neighbors = 0;
  fail_at_each("VKC_FAULT_ALLOCATION", [&] {
    const VkcOptions options{.struct_size = sizeof(VkcOptions), .validation = 1, .device = nullptr};
    VkComputeContext* made = nullptr;
    if (vkc_create(&options, &made) != VKC_SUCCESS) return true;
    const checks::Context ctx(made);
    if (vkc_upload_embeddings(made, embeddings.values.data(), kFaultItems, 9) != VKC_SUCCESS) {
      return true;
    }
    const VkcResult result = vkc_compute_nearest_neighbors(made, 4, ids.data(), nullptr);
    if (result == VKC_SUCCESS) return false;
    ++in_neighbors;
    EXPECT_TRUE(failed(result, VKC_ERROR_OUT_OF_DEVICE_MEMORY, {"memory"}));
    expect_same(all_neighbors(made, kFaultItems, 4), expected.lists(0, kFaultItems, 4), 4);
    return true;
  });
  // At the least the rows, what is found in them, and where the host reads it.
  EXPECT_GE(in_neighbors, 3U);
}

// The matrix would need 144 MB.
TEST(NeighborFaults, NoMatrixIsNeeded) {
  const ScopedEnvironment heap("VKC_FAULT_HEAP_BYTES", "67108864");
  const checks::Context ctx = checks::make_context();
  const uint32_t n = 6000;
  const auto embeddings = generators::unequal_norms(n, 4, 9);
  checks::upload(ctx.get(), embeddings);
  const SampledReference expected(embeddings, false);
  const auto lists = all_neighbors(ctx.get(), n, 10);
  for (uint32_t item = 7; item < n; item += 500) {
    EXPECT_TRUE(same_bits<uint32_t>({lists.ids.data() + size_t{item} * 10, 10},
                                    expected.ids(item, 10), 10));
  }
}

// ---- Timing, by hand
// -----------------------------------------------------------------------------

uint32_t number_from_environment(const char* name, uint32_t otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr ? static_cast<uint32_t>(std::strtoul(text, nullptr, 10)) : otherwise;
}

// neighbors_test --gtest_also_run_disabled_tests --gtest_filter=*Timing*, with N, D and K set.
TEST(DISABLED_Timing, Neighbors) {
  const uint32_t n = number_from_environment("N", 7797);
  const uint32_t d = number_from_environment("D", 768);
  const uint32_t k = number_from_environment("K", 100);
  VkComputeContext* made = nullptr;
  ASSERT_EQ(vkc_create(nullptr, &made), VKC_SUCCESS) << vkc_last_error();
  const checks::Context ctx(made);
  checks::upload(made, generators::unequal_norms(n, d, 1));
  std::vector<uint32_t> ids(size_t{n} * k);
  std::vector<float> similarities(size_t{n} * k);
  std::printf("n = %u, d = %u, k = %u: ms with similarities, without:\n", n, d, k);
  for (int round = 0; round < 5; ++round) {
    for (float* wanted : {similarities.data(), static_cast<float*>(nullptr)}) {
      const auto begin = std::chrono::steady_clock::now();
      ASSERT_TRUE(succeeded(vkc_compute_nearest_neighbors(made, k, ids.data(), wanted)));
      const std::chrono::duration<double, std::milli> taken =
          std::chrono::steady_clock::now() - begin;
      std::printf(" %9.3f", taken.count());
    }
    std::printf("\n");
  }
}

}  // namespace
