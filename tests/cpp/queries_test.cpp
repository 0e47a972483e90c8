// The nearest items of queries, vectors that are not among the embeddings, equal the reference.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <set>
#include <vector>

#include "checks.hpp"
#include "device_variant.hpp"
#include "generators.hpp"

namespace {

using checks::failed;
using checks::same_bits;
using checks::shared_context;
using checks::succeeded;
using reference::Embeddings;

constexpr bool kCenter = true;

reference::NeighborLists nearest(VkComputeContext* ctx, const Embeddings& queries, uint32_t k) {
  checks::Guarded<uint32_t> ids(size_t{queries.n} * k);
  checks::Guarded<float> similarities(size_t{queries.n} * k);
  EXPECT_TRUE(succeeded(vkc_find_nearest(ctx, queries.values.data(), queries.n, queries.d, k,
                                         ids.data(), similarities.data())));
  EXPECT_TRUE(ids.guards_intact() && similarities.guards_intact()) << "written outside the output";
  return {ids.vector(), similarities.vector()};
}

void expect_as_reference(VkComputeContext* ctx, const Embeddings& embeddings,
                         const Embeddings& queries, bool center) {
  SCOPED_TRACE("n = " + std::to_string(embeddings.n) + ", d = " + std::to_string(embeddings.d) +
               ", queries = " + std::to_string(queries.n) + (center ? ", centred" : ""));
  checks::upload(ctx, embeddings, center);
  for (const uint32_t k : std::set<uint32_t>{1, 10, embeddings.n}) {
    if (k > embeddings.n) continue;
    const auto expected = reference::nearest(queries, embeddings, center, k);
    const auto actual = nearest(ctx, queries, k);
    EXPECT_TRUE(same_bits<uint32_t>(actual.ids, expected.ids, k)) << "in the ids, k = " << k;
    EXPECT_TRUE(same_bits<float>(actual.similarities, expected.similarities, k))
        << "in the similarities, k = " << k;
  }
}

class Variants : public OnDeviceVariant {};

TEST_P(Variants, Sizes) {
  for (const uint32_t n : {1U, 2U, 63U, 64U, 65U, 301U, 1031U}) {
    for (const uint32_t count : {1U, 65U}) {
      expect_as_reference(ctx_.get(), generators::unequal_norms(n, 13, n),
                          generators::unequal_norms(count, 13, n + 7), n % 2 == 1);
    }
  }
}

TEST_P(Variants, Kinds) {
  for (const bool center : {false, kCenter}) {
    const uint32_t n = 301;
    const Embeddings zeros = generators::zero_rows(70, 5, 3);
    expect_as_reference(ctx_.get(), generators::zero_rows(n, 5, n), zeros, center);
    expect_as_reference(ctx_.get(), generators::duplicates(n, 5, n), zeros, center);
    expect_as_reference(ctx_.get(), generators::equal_rows(n, 4, n),
                        generators::equal_rows(9, 4, n), center);
    expect_as_reference(ctx_.get(), generators::ties(n, 2, n), generators::ties(130, 2, 5), center);
  }
}

INSTANTIATE_TEST_SUITE_P(Devices, Variants,
                         testing::Values(DeviceVariant{"AsItIs", nullptr, nullptr, nullptr},
                                         DeviceVariant{"SmallBlocks", nullptr, nullptr, "131072"},
                                         DeviceVariant{"Gpu", "2", nullptr, nullptr}),
                         [](const auto& test) { return test.param.name; });

// The items themselves as queries: each is found first, or one that equals it.
TEST(Queries, ItemsFindThemselves) {
  const uint32_t n = 200;
  const Embeddings embeddings = generators::duplicates(n, 17, 1);
  expect_as_reference(shared_context(), embeddings, embeddings, false);
  expect_as_reference(shared_context(), embeddings, embeddings, kCenter);
}

// Queries in several calls, larger and smaller, beside other work; and after another upload.
TEST(Queries, MixWithOtherWork) {
  const Embeddings embeddings = generators::unequal_norms(257, 20, 1);
  VkComputeContext* ctx = shared_context();
  checks::upload(ctx, embeddings, kCenter);
  const auto sequence = checks::sequence(ctx, 257, 5);
  for (const uint32_t count : {3U, 150U, 1U, 64U}) {
    const Embeddings queries = generators::unequal_norms(count, 20, count);
    const auto expected = reference::nearest(queries, embeddings, kCenter, 7);
    const auto actual = nearest(ctx, queries, 7);
    EXPECT_TRUE(same_bits<uint32_t>(actual.ids, expected.ids, 7));
    EXPECT_TRUE(same_bits<uint32_t>(checks::sequence(ctx, 257, 5), sequence, 257));
  }
  const Embeddings others = generators::unequal_norms(100, 3, 1);
  expect_as_reference(ctx, others, generators::unequal_norms(10, 3, 2), false);
}

// Embeddings so long that few queries are on the device at a time.
TEST(Queries, LongEmbeddings) {
  expect_as_reference(shared_context(), generators::unequal_norms(5, VKC_MAX_EMBEDDING_DIM, 1),
                      generators::unequal_norms(70, VKC_MAX_EMBEDDING_DIM, 2), kCenter);
}

TEST(Queries, NormsOfAnySize) {
  Embeddings queries = generators::unequal_norms(40, 9, 2);
  for (uint32_t i = 0; i < queries.n; ++i) {
    for (uint32_t k = 0; k < queries.d; ++k) {
      queries.row(i)[k] *= std::pow(10.0F, static_cast<float>(i) - 20);
    }
  }
  expect_as_reference(shared_context(), generators::unequal_norms(150, 9, 1), queries, false);
  expect_as_reference(shared_context(), generators::unequal_norms(150, 9, 1), queries, kCenter);
}

TEST(Queries, SimilaritiesMayBeLeftOutAndQueriesMayBeNone) {
  const Embeddings embeddings = generators::unequal_norms(100, 6, 1);
  const Embeddings queries = generators::unequal_norms(3, 6, 2);
  VkComputeContext* ctx = shared_context();
  checks::upload(ctx, embeddings);
  std::vector<uint32_t> ids(12);
  EXPECT_TRUE(
      succeeded(vkc_find_nearest(ctx, queries.values.data(), 3, 6, 4, ids.data(), nullptr)));
  EXPECT_EQ(ids, reference::nearest(queries, embeddings, false, 4).ids);
  EXPECT_TRUE(succeeded(vkc_find_nearest(ctx, nullptr, 0, 6, 4, nullptr, nullptr)));
}

TEST(Queries, Errors) {
  const checks::Context ctx = checks::make_context();
  const Embeddings queries = generators::unequal_norms(3, 6, 2);
  std::vector<uint32_t> ids(300);
  const auto find = [&](uint32_t d, uint32_t k) {
    return vkc_find_nearest(ctx.get(), queries.values.data(), 3, d, k, ids.data(), nullptr);
  };
  EXPECT_TRUE(failed(find(6, 1), VKC_ERROR_NO_EMBEDDINGS, {"upload some first"}));
  const Embeddings embeddings = generators::unequal_norms(100, 6, 1);
  checks::upload(ctx.get(), embeddings);
  EXPECT_TRUE(failed(find(7, 1), VKC_ERROR_INVALID_ARGUMENT, {"query_dim is 7", "have 6"}));
  EXPECT_TRUE(failed(find(6, 0), VKC_ERROR_INVALID_LENGTH, {"k is 0", "1 to 100"}));
  EXPECT_TRUE(failed(find(6, 101), VKC_ERROR_INVALID_LENGTH, {"k is 101", "1 to 100"}));
  EXPECT_TRUE(failed(vkc_find_nearest(ctx.get(), nullptr, 3, 6, 1, ids.data(), nullptr),
                     VKC_ERROR_NULL_POINTER, {"queries"}));
  EXPECT_TRUE(failed(vkc_find_nearest(ctx.get(), queries.values.data(), 3, 6, 1, nullptr, nullptr),
                     VKC_ERROR_NULL_POINTER, {"ids"}));
}

TEST(Queries, NumbersThatAreNotFinite) {
  const Embeddings embeddings = generators::unequal_norms(100, 6, 1);
  checks::upload(shared_context(), embeddings);
  Embeddings queries = generators::unequal_norms(3, 6, 2);
  std::vector<uint32_t> ids(300);
  const auto find = [&] {
    return vkc_find_nearest(shared_context(), queries.values.data(), 3, 6, 100, ids.data(),
                            nullptr);
  };
  queries.row(2)[4] = NAN;
  EXPECT_TRUE(failed(find(), VKC_ERROR_NOT_FINITE, {"query in row 2", "NaN", "column 4"}));
  queries.row(2)[4] = std::numeric_limits<float>::infinity();
  EXPECT_TRUE(failed(find(), VKC_ERROR_NOT_FINITE, {"query in row 2", "infinity", "column 4"}));
  queries.row(2)[4] = 1;
  EXPECT_TRUE(succeeded(find()));
  EXPECT_EQ(ids, reference::nearest(queries, embeddings, false, 100).ids);
}

}  // namespace
