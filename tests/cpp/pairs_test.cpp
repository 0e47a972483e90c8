// Similarities of arbitrary pairs have the reference's bits, whatever the device reports to be.
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
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

struct IdPairs {
  std::vector<uint32_t> first;
  std::vector<uint32_t> second;
};

std::vector<float> similarities_of(VkComputeContext* ctx, const IdPairs& pairs) {
  checks::Guarded<float> output(pairs.first.size());
  EXPECT_TRUE(succeeded(vkc_compute_pair_similarities(ctx, pairs.first.data(), pairs.second.data(),
                                                      pairs.first.size(), output.data())));
  EXPECT_TRUE(output.guards_intact()) << "written outside the output";
  return output.vector();
}

IdPairs all_pairs(uint32_t n) {
  IdPairs pairs;
  for (uint32_t i = 0; i < n; ++i) {
    for (uint32_t j = 0; j < n; ++j) {
      pairs.first.push_back(i);
      pairs.second.push_back(j);
    }
  }
  return pairs;
}

IdPairs random_pairs(uint32_t n, size_t count) {
  generators::Random random(count);
  IdPairs pairs;
  for (size_t i = 0; i < count; ++i) {
    pairs.first.push_back(random.below(n));
    pairs.second.push_back(random.below(n));
  }
  return pairs;
}

// What the reference says of some pairs, without a matrix.
std::vector<float> expected_of(const Embeddings& embeddings, bool center, const IdPairs& pairs) {
  const auto rows = reference::in_double(embeddings, center);
  const auto norms = reference::norms(rows);
  const auto units = reference::unit_vectors(rows, norms);
  std::vector<float> expected;
  for (size_t i = 0; i < pairs.first.size(); ++i) {
    const int32_t cosine = reference::cosine(units, norms, pairs.first[i], pairs.second[i]);
    expected.push_back(static_cast<float>(cosine * std::ldexp(1.0, -30)));
  }
  return expected;
}

void expect_as_reference(VkComputeContext* ctx, const Embeddings& embeddings, bool center,
                         const IdPairs& pairs) {
  SCOPED_TRACE("n = " + std::to_string(embeddings.n) + ", d = " + std::to_string(embeddings.d) +
               (center ? ", centred" : ""));
  checks::upload(ctx, embeddings, center);
  EXPECT_TRUE(
      same_bits<float>(similarities_of(ctx, pairs), expected_of(embeddings, center, pairs), 1));
}

class Variants : public OnDeviceVariant {};

TEST_P(Variants, AllPairsOfOddSizes) {
  for (const uint32_t n : {1U, 2U, 3U, 63U, 65U}) {
    for (const bool center : {false, true}) {
      expect_as_reference(ctx_.get(), generators::unequal_norms(n, 13, n), center, all_pairs(n));
      expect_as_reference(ctx_.get(), generators::duplicates(n, 17, n), center, all_pairs(n));
      expect_as_reference(ctx_.get(), generators::zero_rows(n, 5, n), center, all_pairs(n));
      expect_as_reference(ctx_.get(), generators::ties(n, 3, n), center, all_pairs(n));
    }
  }
}

// Embeddings with a common direction have rows in an order of their own.
TEST_P(Variants, ReorderedRows) {
  const uint32_t n = 257;
  Embeddings embeddings = generators::unequal_norms(n, 31, 5);
  for (float& value : embeddings.values) value += 2;
  expect_as_reference(ctx_.get(), embeddings, false, all_pairs(n));
}

TEST_P(Variants, LargeDimensions) {
  for (const uint32_t d : {4096U, 20000U, 65536U}) {
    expect_as_reference(ctx_.get(), generators::unit_norms(5, d, d), false, all_pairs(5));
  }
}

INSTANTIATE_TEST_SUITE_P(Devices, Variants,
                         testing::Values(DeviceVariant{"AsItIs", nullptr, nullptr, nullptr},
                                         DeviceVariant{"Discrete", "discrete", nullptr, nullptr}),
                         [](const auto& test) { return std::string(test.param.name); });

// More pairs than one submission takes, in numbers that fill no workgroup.
TEST(Pairs, InManySubmissions) {
  const uint32_t n = 301;
  for (const size_t count : {63U, 64U, 65U, 300001U}) {
    expect_as_reference(shared_context(), generators::unequal_norms(n, 19, n), true,
                        random_pairs(n, count));
  }
}

TEST(Pairs, AreThoseOfTheMatrix) {
  const uint32_t n = 130;
  checks::upload(shared_context(), generators::duplicates(n, 7, 3));
  const std::vector<float> pairs = similarities_of(shared_context(), all_pairs(n));
  EXPECT_TRUE(same_bits<float>(pairs, checks::similarity_matrix(shared_context(), n), n));
}

TEST(Pairs, WrongArguments) {
  VkComputeContext* ctx = shared_context();
  checks::upload(ctx, generators::ties(4, 3, 1));
  const std::vector<uint32_t> good{0, 3};
  const std::vector<uint32_t> bad{0, 4};
  float output[2];
  EXPECT_TRUE(failed(vkc_compute_pair_similarities(nullptr, good.data(), good.data(), 2, output),
                     VKC_ERROR_NULL_POINTER, {"ctx"}));
  EXPECT_TRUE(failed(vkc_compute_pair_similarities(ctx, nullptr, good.data(), 2, output),
                     VKC_ERROR_NULL_POINTER, {"first_ids"}));
  EXPECT_TRUE(failed(vkc_compute_pair_similarities(ctx, good.data(), nullptr, 2, output),
                     VKC_ERROR_NULL_POINTER, {"second_ids"}));
  EXPECT_TRUE(failed(vkc_compute_pair_similarities(ctx, good.data(), good.data(), 2, nullptr),
                     VKC_ERROR_NULL_POINTER, {"output"}));
  EXPECT_TRUE(failed(vkc_compute_pair_similarities(ctx, bad.data(), good.data(), 2, output),
                     VKC_ERROR_ITEM_OUT_OF_RANGE, {R"(first_ids\[1\] is 4)", "0 to 3"}));
  EXPECT_TRUE(failed(vkc_compute_pair_similarities(ctx, good.data(), bad.data(), 2, output),
                     VKC_ERROR_ITEM_OUT_OF_RANGE, {R"(second_ids\[1\] is 4)", "0 to 3"}));
  EXPECT_TRUE(succeeded(vkc_compute_pair_similarities(ctx, nullptr, nullptr, 0, nullptr)));

  const checks::Context empty = checks::make_context();
  EXPECT_TRUE(
      failed(vkc_compute_pair_similarities(empty.get(), good.data(), good.data(), 2, output),
             VKC_ERROR_NO_EMBEDDINGS, {"upload"}));
}

}  // namespace
