// Neighbours by the filter: it finds what the reference finds, whatever is made to defeat it.
#include <gtest/gtest.h>

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "checks.hpp"
#include "device_variant.hpp"
#include "filter_devices.hpp"
#include "generators.hpp"
#include "similarity/device_embeddings.hpp"
#include "similarity/filtered_neighbors.hpp"
#include "similarity/half_vectors.hpp"
#include "similarity/neighbor_search.hpp"
#include "similarity/row_source.hpp"
#include "vulkan/device.hpp"

namespace {

using reference::Embeddings;
using vkc::FilterArithmetic;

// So many equal rows, spread among others.
Embeddings many_equal(uint32_t n, uint32_t equal, uint32_t d, uint64_t seed) {
  Embeddings embeddings = generators::unequal_norms(n, d, seed);
  for (uint32_t e = 0; e < equal; ++e) {
    const auto i = static_cast<uint32_t>(uint64_t{n} * e / equal);
    for (uint32_t k = 0; k < d; ++k) embeddings.row(i)[k] = embeddings.row(0)[k];
  }
  return embeddings;
}

class Filter : public OnFilterDevice {};

void expect_as_exact(vkc::Staging& staging, const Embeddings& embeddings, bool center,
                     const std::set<uint32_t>& ks, bool overflows = false) {
  SCOPED_TRACE("n = " + std::to_string(embeddings.n) + ", d = " + std::to_string(embeddings.d) +
               (center ? ", centred" : ""));
  const uint32_t n = embeddings.n;
  const reference::Neighbors expected(embeddings, center);
  const vkc::DeviceEmbeddings on_device(staging, embeddings.values.data(), n, embeddings.d, center);
  vkc::RowSource rows(staging, on_device);
  vkc::Neighbors exact(staging, rows);
  vkc::HalfVectors halves(staging.device(), on_device, n);
  halves.fill();
  for (const FilterArithmetic arithmetic : filter_arithmetics(staging.device())) {
    vkc::FilteredNeighbors filtered(staging, on_device, halves, on_device.units, exact, arithmetic);
    for (const uint32_t k : ks) {
      if (k >= n) continue;
      checks::Guarded<uint32_t> ids(size_t{n} * k);
      checks::Guarded<float> similarities(size_t{n} * k);
      filtered.find(0, n, k, ids.data(), similarities.data());
      EXPECT_TRUE(ids.guards_intact() && similarities.guards_intact());
      const auto lists = expected.lists(0, n, k);
      EXPECT_TRUE(checks::same_bits<uint32_t>(ids.span(), lists.ids, k)) << "k = " << k;
      EXPECT_TRUE(checks::same_bits<float>(similarities.span(), lists.similarities, k));
      EXPECT_EQ(filtered.overflowed() > 0, overflows)
          << filtered.overflowed() << " rows, k = " << k;
    }
  }
}

TEST_P(Filter, FindsWhatTheReferenceFinds) {
  for (const uint32_t n : {2U, 127U, 128U, 129U, 513U, 1500U}) {
    expect_as_exact(staging_, generators::unequal_norms(n, 1 + n % 90, n), n % 2 == 1,
                    {1, 10, 100, 255, 256, n - 1 <= 256 ? n - 1 : 2});
  }
}

TEST_P(Filter, SetsMadeToDefeatIt) {
  for (const bool center : {false, true}) {
    expect_as_exact(staging_, generators::last_bits(700, 12, 1), center, {1, 20});
    expect_as_exact(staging_, generators::norms_of_any_size(300, 9, 2), center, {1, 20});
    expect_as_exact(staging_, generators::zero_rows(600, 5, 3), center, {1, 20});
    expect_as_exact(staging_, generators::ties(600, 2, 4), center, {1, 20});
  }
  expect_as_exact(staging_, generators::near_ties(900, 16, 5), false, {1, 20});
  expect_as_exact(staging_, generators::unequal_norms(500, 1, 6), false, {1, 20});
  expect_as_exact(staging_, generators::unequal_norms(9, VKC_MAX_EMBEDDING_DIM, 7), true, {1, 8});
}

// More candidates than there is room for: those rows are done again.
TEST_P(Filter, ManyEqualRows) {
  expect_as_exact(staging_, many_equal(3300, 3000, 4, 1), false, {1, 50}, true);
  expect_as_exact(staging_, generators::near_ties(1600, 16, 2), false, {20}, true);
}

// The filter in float32, and how many submissions it took to find the neighbours of all items.
struct FloatFilter {
  FloatFilter(vkc::Staging& staging, const Embeddings& embeddings)
      : device(staging.device()),
        on_device(staging, embeddings.values.data(), embeddings.n, embeddings.d, false),
        rows(staging, on_device),
        exact(staging, rows),
        halves(device, on_device, embeddings.n),
        filtered(staging, on_device, halves, on_device.units, exact, FilterArithmetic::kFloat) {
    halves.fill();
  }

  std::vector<uint32_t> find(uint32_t k) {
    std::vector<uint32_t> ids(size_t{on_device.n} * k);
    device.take_work();
    filtered.find(0, on_device.n, k, ids.data(), nullptr);
    submissions = device.take_work().submissions;
    return ids;
  }

  const vkc::Device& device;
  vkc::DeviceEmbeddings on_device;
  vkc::RowSource rows;
  vkc::Neighbors exact;
  vkc::HalfVectors halves;
  vkc::FilteredNeighbors filtered;
  uint64_t submissions = 0;
};

// Every other row: one by one they would take as many tiles of the matrix as there are rows.
TEST_P(Filter, RowsBetweenOthersAreDoneAgainTogether) {
  constexpr uint32_t kItems = 2400;
  constexpr uint32_t kNeighbors = 5;
  const Embeddings embeddings = many_equal(kItems, kItems / 2, 4, 3);
  FloatFilter filter(staging_, embeddings);
  const std::vector<uint32_t> ids = filter.find(kNeighbors);
  EXPECT_LT(filter.submissions, 200U);
  EXPECT_GE(filter.filtered.overflowed(), kItems / 2);
  EXPECT_EQ(ids, reference::Neighbors(embeddings, false).lists(0, kItems, kNeighbors).ids);
}

// So that a device is never kept for long, and a caller may stop it.
TEST_P(Filter, UnitVectorsAreConvertedInPieces) {
  constexpr uint32_t kItems = 12000;
  constexpr uint32_t kDimension = 256;
  const Embeddings embeddings = generators::unequal_norms(kItems, kDimension, 1);
  const vkc::DeviceEmbeddings on_device(staging_, embeddings.values.data(), kItems, kDimension,
                                        false);
  const vkc::Device& device = staging_.device();
  vkc::HalfVectors halves(device, on_device, kItems);
  device.take_work();
  halves.fill();
  EXPECT_GE(device.take_work().submissions, device.limits().is_cpu ? 2U : 1U);
}

// Likewise of rows: on a CPU a submission for each 512 of them at least.
TEST_P(Filter, ManyRowsAreFoundInPieces) {
  constexpr uint32_t kItems = 4096;
  const Embeddings embeddings = generators::unequal_norms(kItems, 8, 2);
  FloatFilter filter(staging_, embeddings);
  const std::vector<uint32_t> ids = filter.find(1);
  EXPECT_GE(filter.submissions, staging_.device().limits().is_cpu ? 8U : 1U);
  EXPECT_EQ(ids, reference::Neighbors(embeddings, false).lists(0, kItems, 1).ids);
}

INSTANTIATE_TEST_SUITE_P(Devices, Filter, testing::ValuesIn(filter_device_variants),
                         [](const auto& test) { return test.param.name; });

// What float16 takes once is not worth it for a few items, but for those of many calls.
TEST(NeighborWays, FollowEarlierCalls) {
  const vkc::Device device("llvmpipe", true);  // the numbers are those of a CPU
  constexpr uint32_t kItems = 20000;
  constexpr uint32_t kDimension = 768;
  const uint64_t halves = vkc::HalfVectors::bytes(kItems, kDimension);
  const auto way = [&](uint64_t before) {
    return vkc::choose_way(device, {kItems, kDimension, 128, 100, before}, false, halves,
                           uint64_t{1} << 30);
  };
  EXPECT_EQ(way(0), vkc::NeighborWay::kRows);
  EXPECT_EQ(way(1024), vkc::NeighborWay::kFilter);
}

// By the C API, where all ways give the same.
TEST(NeighborWays, AreNamedInTheEnvironment) {
  const Embeddings embeddings = generators::unequal_norms(400, 20, 1);
  const Embeddings queries = generators::unequal_norms(130, 20, 2);
  const auto context = checks::make_context();
  checks::upload(context.get(), embeddings, true);
  const reference::Neighbors expected(embeddings, true);
  for (const char* way : {"rows", "filter", "filter-float32"}) {
    const checks::ScopedEnvironment named("VKC_NEIGHBORS", way);
    std::vector<uint32_t> ids(400 * 9);
    EXPECT_TRUE(
        checks::succeeded(vkc_compute_nearest_neighbors(context.get(), 9, ids.data(), nullptr)));
    EXPECT_EQ(ids, expected.lists(0, 400, 9).ids) << way;
    ids.resize(130 * 9);
    EXPECT_TRUE(checks::succeeded(
        vkc_find_nearest(context.get(), queries.values.data(), 130, 20, 9, ids.data(), nullptr)));
    EXPECT_EQ(ids, reference::nearest(queries, embeddings, true, 9).ids) << way;
  }
  const checks::ScopedEnvironment named("VKC_NEIGHBORS", "fast");
  std::vector<uint32_t> ids(400);
  EXPECT_TRUE(checks::failed(vkc_compute_nearest_neighbors(context.get(), 1, ids.data(), nullptr),
                             VKC_ERROR_INVALID_ARGUMENT,
                             {"VKC_NEIGHBORS is 'fast'", "filter-float32"}));
}

}  // namespace
