// The library chooses its kernels, and how it lays out and moves memory, by what a device reports.
// Here one device reports to be several, so that every machine runs every variant.
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "checks.hpp"
#include "device_variant.hpp"
#include "generators.hpp"
#include "npy.hpp"

namespace {

using checks::expect_as_reference;
using checks::ScopedEnvironment;

constexpr bool kCenter = true;

class Variants : public OnDeviceVariant {};

TEST_P(Variants, SmallSizes) {
  for (uint32_t n = 1; n <= 9; ++n) {
    expect_as_reference(ctx_.get(), generators::unequal_norms(n, 1 + n % 4, n));
  }
}

TEST_P(Variants, Sizes) {
  for (const uint32_t n : {63U, 64U, 65U, 255U, 256U, 257U, 301U}) {
    expect_as_reference(ctx_.get(), generators::unequal_norms(n, 13, n));
    expect_as_reference(ctx_.get(), generators::unit_norms(n, 16, n));
    expect_as_reference(ctx_.get(), generators::unequal_norms(n, 3, n), kCenter);
  }
}

TEST_P(Variants, TiesDuplicatesAndZeroRows) {
  expect_as_reference(ctx_.get(), generators::ties(301, 4, 1));
  expect_as_reference(ctx_.get(), generators::ties(301, 4, 1), kCenter);
  expect_as_reference(ctx_.get(), generators::duplicates(301, 5, 2));
  expect_as_reference(ctx_.get(), generators::zero_rows(301, 5, 3));
  expect_as_reference(ctx_.get(), generators::all_zero(301, 5, 4));
}

constexpr const char* kFewInvocations = "64";
// 64 rows of the similarities of 301 items to a block.
constexpr const char* kSmallBlocks = "131072";

const std::vector<DeviceVariant> variants{
    {"AsItIs", nullptr, nullptr, nullptr},
    {"SmallBlocks", nullptr, nullptr, kSmallBlocks},
    {"Discrete", "discrete", nullptr, nullptr},
    {"DiscreteSmallBlocks", "discrete", nullptr, kSmallBlocks},
    {"DiscreteFewInvocations", "discrete", kFewInvocations, nullptr},
    {"Integrated", "integrated", nullptr, nullptr},
    {"IntegratedSmallBlocks", "integrated", kFewInvocations, kSmallBlocks},
    {"IntegratedUncached", "integrated", nullptr, nullptr, "hostCached"},
};

const auto name_of = [](const auto& test) { return test.param.name; };

INSTANTIATE_TEST_SUITE_P(Devices, Variants, testing::ValuesIn(variants), name_of);

// So many blocks that the CPU's kernel cannot be given them all: refused, if not computed.
TEST(Blocks, TooMany) {
  const ScopedEnvironment allocation("VKC_FAULT_ALLOCATION_BYTES", kSmallBlocks);
  const checks::Context ctx = checks::make_context();
  const auto embeddings = generators::unequal_norms(1000, 4, 8);
  const reference::Results expected(embeddings, false);
  checks::upload(ctx.get(), embeddings);
  std::vector<uint32_t> sequence(1000);
  const VkcResult result = vkc_compute_diversity_sequence(ctx.get(), 999, sequence.data());
  if (result == VKC_SUCCESS) {
    EXPECT_EQ(sequence, expected.sequence(999, 1000));
  } else {
    EXPECT_TRUE(checks::failed(result, VKC_ERROR_DOES_NOT_FIT, {"1000", "fewer"}));
  }
  EXPECT_EQ(checks::similarity_matrix(ctx.get(), 1000), expected.similarity.values);
}

// What needs room.
class LargeVariants : public Variants {};

TEST_P(LargeVariants, ManyDimensions) {
  expect_as_reference(ctx_.get(), generators::unequal_norms(131, 4096, 5));
  expect_as_reference(ctx_.get(), generators::unequal_norms(769, 769, 6), kCenter);
}

// Enough items for more subgroups than a subgroup has invocations, all of which offer a tie.
TEST_P(LargeVariants, ManyTies) {
  expect_as_reference(ctx_.get(), generators::ties(2100, 4, 9));
  expect_as_reference(ctx_.get(), generators::all_zero(2100, 1, 10));
}

// More sums than a workgroup of 64 has registers for.
TEST_P(LargeVariants, ManyItems) {
  const auto embeddings = generators::unequal_norms(4001, 3, 7);
  const reference::Results expected(embeddings, false);
  checks::upload(ctx_.get(), embeddings);
  const std::vector<uint32_t> starts{4000, 17, 4000, 2000};
  std::vector<uint32_t> rows;
  for (const uint32_t start : starts) {
    const auto row = expected.sequence(start, 2500);
    rows.insert(rows.end(), row.begin(), row.end());
  }
  EXPECT_TRUE(checks::same_bits<uint32_t>(checks::sequences(ctx_.get(), starts, 2500), rows, 2500));
}

// Rows enough that they are computed, and sent to the caller, in several pieces.
TEST_P(LargeVariants, RowsInPieces) {
  constexpr uint32_t kN = 3001;
  static const auto embeddings = generators::unequal_norms(kN, 3, 11);
  static const reference::Results expected(embeddings, false);
  checks::upload(ctx_.get(), embeddings);
  const auto expect_rows = [&](uint32_t first, uint32_t count) {
    EXPECT_TRUE(checks::same_bits<float>(checks::similarity_rows(ctx_.get(), kN, first, count),
                                         {expected.similarity.row(first), size_t{count} * kN}, kN));
  };
  expect_rows(1, kN - 2);
  expect_rows(0, kN);
  expect_rows(2, kN - 2);  // of the matrix, which is there now
}

// Computed once for all variants.
const reference::Results& psalms_results(bool center) {
  static const auto embeddings = npy::read<float>(VKC_PSALMS_NPY);
  static const reference::Results as_they_are(embeddings, false);
  static const reference::Results centred(embeddings, kCenter);
  return center ? centred : as_they_are;
}

// Walks that meet, as those of real embeddings do.
TEST_P(LargeVariants, SampledPsalms) {
  const auto embeddings = npy::read<float>(VKC_PSALMS_NPY);
  const uint32_t n = embeddings.n;
  for (const bool center : {false, kCenter}) {
    const reference::Results& expected = psalms_results(center);
    checks::upload(ctx_.get(), embeddings, center);
    std::vector<uint32_t> starts;
    std::vector<uint32_t> rows;
    for (uint32_t start = 5; start < n; start += 77) {
      starts.push_back(start);
      const auto row = expected.sequence(start, n);
      rows.insert(rows.end(), row.begin(), row.end());
    }
    EXPECT_TRUE(checks::same_bits<uint32_t>(checks::sequences(ctx_.get(), starts, n), rows, n));
    EXPECT_TRUE(checks::same_bits<float>(checks::similarity_matrix(ctx_.get(), n),
                                         expected.similarity.values, n));
  }
}

INSTANTIATE_TEST_SUITE_P(
    Devices, LargeVariants,
    testing::Values(DeviceVariant{"Discrete", "discrete", nullptr, nullptr},
                    DeviceVariant{"DiscreteFewInvocations", "discrete", kFewInvocations, nullptr},
                    DeviceVariant{"DiscreteSmallBlocks", "discrete", nullptr, "16777216"},
                    DeviceVariant{"Integrated", "integrated", nullptr, nullptr},
                    DeviceVariant{"SmallBlocks", nullptr, nullptr, "16777216"}),
    name_of);

// What one buffer cannot hold where allocations are small.
class LargeUploads : public Variants {};

// So many numbers that they are prepared on several threads, and uploaded in several pieces, in
// another order than theirs.
TEST_P(LargeUploads, InPieces) {
  constexpr uint32_t kN = 9001;
  auto embeddings = generators::unequal_norms(kN, 512, 12);
  for (float& x : embeddings.values) x += 0.5F;
  for (const bool center : {false, kCenter}) {
    const auto rows = reference::in_double(embeddings, center);
    const auto norms = reference::norms(rows);
    const auto units = reference::unit_vectors(rows, norms);
    checks::upload(ctx_.get(), embeddings, center);
    for (const uint32_t i : {0U, 4567U, kN - 1}) {
      reference::Rows<int32_t> cosines{1, kN, {}};
      for (uint32_t j = 0; j < kN; ++j) {
        cosines.values.push_back(reference::cosine(units, norms, i, j));
      }
      EXPECT_TRUE(checks::same_bits<float>(checks::similarity_rows(ctx_.get(), kN, i, 1),
                                           reference::similarity_matrix(cosines).values, kN));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Devices, LargeUploads,
                         testing::Values(DeviceVariant{"AsItIs", nullptr, nullptr, nullptr},
                                         DeviceVariant{"Discrete", "discrete", nullptr, nullptr}),
                         name_of);

}  // namespace
