// Embeddings that are special in what they hold: ties, zero rows, equal rows, extreme numbers,
// norms that nearly agree.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cfloat>
#include <cstdint>
#include <cstring>
#include <limits>
#include <stdexcept>
#include <tuple>
#include <vector>

#include "checks.hpp"
#include "generators.hpp"

namespace {

using checks::expect_as_reference;
using checks::shared_context;
using reference::Embeddings;
using Generator = Embeddings (*)(uint32_t n, uint32_t d, uint64_t seed);

constexpr bool kCenter = true;

class Kinds : public testing::TestWithParam<std::tuple<Generator, bool>> {
 protected:
  void expect_at(uint32_t n, uint32_t d) const {
    const auto [generate, center] = GetParam();
    expect_as_reference(shared_context(), generate(n, d, n + d), center);
  }
};

TEST_P(Kinds, Tiny) {
  for (uint32_t n = 1; n <= 9; ++n) expect_at(n, 1 + n % 3);
}
TEST_P(Kinds, OneDimension) { expect_at(259, 1); }
TEST_P(Kinds, FewDimensions) { expect_at(257, 4); }
TEST_P(Kinds, ManyDimensions) { expect_at(131, 515); }

INSTANTIATE_TEST_SUITE_P(Ties, Kinds,
                         testing::Combine(testing::Values(generators::ties), testing::Bool()));
INSTANTIATE_TEST_SUITE_P(Duplicates, Kinds,
                         testing::Combine(testing::Values(generators::duplicates),
                                          testing::Bool()));
INSTANTIATE_TEST_SUITE_P(ZeroRows, Kinds,
                         testing::Combine(testing::Values(generators::zero_rows), testing::Bool()));
// Centred, these are zero rows only.
INSTANTIATE_TEST_SUITE_P(EqualRows, Kinds,
                         testing::Combine(testing::Values(generators::equal_rows),
                                          testing::Bool()));
INSTANTIATE_TEST_SUITE_P(AllZero, Kinds,
                         testing::Combine(testing::Values(generators::all_zero), testing::Bool()));

TEST(Cases, AllZeroRowsGiveTheItemsInOrder) {
  const uint32_t n = 70;
  checks::upload(shared_context(), generators::all_zero(n, 5, 0));
  EXPECT_EQ(checks::similarity_matrix(shared_context(), n), std::vector<float>(size_t{n} * n, 0));
  std::vector<uint32_t> expected{69};
  for (uint32_t i = 0; i < 69; ++i) expected.push_back(i);
  EXPECT_EQ(checks::sequence(shared_context(), n, 69), expected);
}

// Negative zeros are zeros.
TEST(Cases, NegativeZeroRow) {
  expect_as_reference(shared_context(), {3, 2, {-0.0F, 0.0F, 1, -0.0F, -1, 2}});
}

// Opposite rows have a similarity of exactly -1, equal ones of exactly 1, wherever rounding takes
// the sum of products.
TEST(Cases, SimilaritiesAreWithinOne) {
  Embeddings embeddings = generators::unequal_norms(301, 7, 5);
  for (uint32_t i = 0; i + 2 < embeddings.n; i += 3) {
    for (uint32_t k = 0; k < embeddings.d; ++k) {
      embeddings.row(i + 1)[k] = embeddings.row(i)[k];
      embeddings.row(i + 2)[k] = -embeddings.row(i)[k];
    }
  }
  expect_as_reference(shared_context(), embeddings);
  for (const float similarity : checks::similarity_matrix(shared_context(), embeddings.n)) {
    ASSERT_LE(similarity, 1);
    ASSERT_GE(similarity, -1);
  }
}

// Rows that are parallel but for the last places of their numbers: the sums of products lie on both
// sides of 1, and of -1, and clamped they tie.
TEST(Cases, NearlyParallelRowsTie) {
  constexpr uint32_t kDirections = 5;
  Embeddings embeddings = generators::unit_norms(120, 7, 11);
  for (uint32_t i = kDirections; i < embeddings.n; ++i) {
    const uint32_t copy = i / kDirections;
    const float sign = copy % 2 == 0 ? 1 : -1;
    const float scale = sign * (1 + static_cast<float>(copy) * 3e-7F);
    for (uint32_t k = 0; k < embeddings.d; ++k) {
      embeddings.row(i)[k] = embeddings.row(i % kDirections)[k] * scale;
    }
  }
  expect_as_reference(shared_context(), embeddings);
}

// In row 2 the first coordinate of the unit vector lies so near the middle between two fixed-point
// numbers that the last bit of float64 decides; rounded as the definition has it, it is that of row
// 1, and from row 0, which points along the first axis, the two tie.
TEST(Cases, DivisionByTheNormIsRoundedOnce) {
  // Multiplied by 1 / norm, it would be 723400525.
  const Embeddings embeddings{3,
                              3,
                              {4, 0, 0,                                       //
                               0x1.035a72p-1F, 0x1.1c5cp-1F, 0x1.07b8aap-6F,  //
                               0x1.035a72p-1F, 0x1.1c5cp-1F, 0x1.07b8cp-6F}};
  expect_as_reference(shared_context(), embeddings);
  EXPECT_EQ(checks::sequence(shared_context(), 3, 0), (std::vector<uint32_t>{0, 1, 2}));
}

TEST(Cases, SquaresAreSummedInIndexOrder) {
  // Summed the other way round, it would be 1073727204.
  const Embeddings embeddings{3,
                              3,
                              {4, 0, 0,                                          //
                               0x1.74483p-3F, 0x1.e685c2p-11F, 0x1.9c6708p-13F,  //
                               0x1.74483p-3F, 0x1.e685c2p-11F, 0x1.9c88a4p-13F}};
  expect_as_reference(shared_context(), embeddings);
  EXPECT_EQ(checks::sequence(shared_context(), 3, 0), (std::vector<uint32_t>{0, 1, 2}));
}

// The walk from 0 goes to the opposite item 1, and then, were the norms of 0 and 1 taken as equal,
// to 2, since all sums are 0; where 1 counts for less, to 3.
Embeddings nearly_equal_norms(float norm) { return {4, 1, {1, -norm, 1, -1}}; }

TEST(Cases, NormsWithinTheToleranceCountAsEqual) {
  expect_as_reference(shared_context(), nearly_equal_norms(1 - 0.9e-5F));
  EXPECT_EQ(checks::sequence(shared_context(), 4, 0), (std::vector<uint32_t>{0, 1, 2, 3}));
}

TEST(Cases, NormsOutsideTheToleranceDoNot) {
  expect_as_reference(shared_context(), nearly_equal_norms(1 - 1.1e-5F));
  EXPECT_EQ(checks::sequence(shared_context(), 4, 0), (std::vector<uint32_t>{0, 1, 3, 2}));
}

TEST(Cases, ZeroRowsDoNotMakeNormsUnequal) {
  expect_as_reference(shared_context(), {3, 1, {1, 0, -1}});
  VkcEmbeddingsInfo info{};
  info.struct_size = sizeof info;
  ASSERT_TRUE(checks::succeeded(vkc_get_embeddings_info(shared_context(), &info)));
  EXPECT_EQ(info.weighted, 0U);
}

// A weight of less than half a unit in fixed point is 0.
TEST(Cases, NormsTooFarApartToCount) {
  Embeddings embeddings = generators::unequal_norms(65, 3, 6);
  for (uint32_t i = 0; i < embeddings.n; i += 2) {
    for (uint32_t k = 0; k < embeddings.d; ++k) embeddings.row(i)[k] *= 1e-12F;
  }
  expect_as_reference(shared_context(), embeddings);
  expect_as_reference(shared_context(), embeddings, kCenter);
}

void expect_scaled(float factor) {
  Embeddings embeddings = generators::unequal_norms(66, 65, 7);
  for (float& value : embeddings.values) value *= factor;
  expect_as_reference(shared_context(), embeddings);
  expect_as_reference(shared_context(), embeddings, kCenter);
}

TEST(Cases, HugeNumbers) { expect_scaled(FLT_MAX / 8); }
TEST(Cases, TinyNumbers) { expect_scaled(FLT_MIN); }
TEST(Cases, DenormalNumbers) { expect_scaled(16 * std::numeric_limits<float>::denorm_min()); }

TEST(Cases, LargestAndSmallestNumbersTogether) {
  const float least = std::numeric_limits<float>::denorm_min();
  const Embeddings embeddings{4,
                              3,
                              {FLT_MAX, FLT_MAX, -FLT_MAX,  //
                               least, -least, least,        //
                               -FLT_MAX, 0, least,          //
                               0, FLT_MIN, 0}};
  expect_as_reference(shared_context(), embeddings);
  expect_as_reference(shared_context(), embeddings, kCenter);
}

// Rows that differ from their mean only in the last places.
TEST(Cases, CentringThatCancels) {
  Embeddings embeddings = generators::unequal_norms(129, 17, 8);
  for (float& value : embeddings.values) value = 1000 + value * 1e-3F;
  expect_as_reference(shared_context(), embeddings, kCenter);
}

// What was uploaded before leaves nothing behind, whether it was larger or smaller.
TEST(Cases, UploadsReplaceOneAnother) {
  for (const uint32_t n : {300U, 3U, 301U, 1U, 64U, 300U}) {
    expect_as_reference(shared_context(), generators::unequal_norms(n, 1 + 500 / n, n), n % 2 == 0);
  }
}

// Results do not depend on what was computed before.
TEST(Cases, AnyOrderOfCalls) {
  const uint32_t n = 97;
  const auto embeddings = generators::unequal_norms(n, 11, 9);
  const reference::Results expected(embeddings, false);
  VkComputeContext* ctx = shared_context();
  checks::upload(ctx, embeddings);
  EXPECT_EQ(checks::sequences(ctx, {5, 6}, 3)[3], 6U);
  EXPECT_EQ(checks::similarity_matrix(ctx, n), expected.similarity.values);
  EXPECT_EQ(checks::sequence(ctx, n, 96), expected.sequence(96, n));
  checks::upload(ctx, embeddings);
  EXPECT_EQ(checks::similarity_matrix(ctx, n), expected.similarity.values);
  EXPECT_EQ(checks::sequence(ctx, n, 1), expected.sequence(1, n));
  checks::upload(ctx, embeddings);
  EXPECT_EQ(checks::similarity_rows(ctx, n, 96, 1)[96], 1);
  EXPECT_EQ(checks::sequence(ctx, n, 2), expected.sequence(2, n));
  EXPECT_EQ(checks::sequence(ctx, n, 2), expected.sequence(2, n));
}

// Memory whose end is the end of what may be read: one word too far would be a fault.
class FencedMemory {
 public:
  explicit FencedMemory(size_t bytes) {
    const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    accessible_ = (bytes + page - 1) / page * page;
    size_ = accessible_ + page;
    base_ = static_cast<char*>(
        mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    if (base_ == MAP_FAILED || mprotect(base_ + accessible_, page, PROT_NONE) != 0) {
      throw std::runtime_error("no fenced memory");
    }
    data_ = base_ + accessible_ - bytes;
  }
  ~FencedMemory() { munmap(base_, size_); }
  FencedMemory(const FencedMemory&) = delete;
  FencedMemory& operator=(const FencedMemory&) = delete;

  template <typename T>
  T* as() const {
    return reinterpret_cast<T*>(data_);
  }

 private:
  char* base_ = nullptr;
  char* data_ = nullptr;
  size_t accessible_ = 0;
  size_t size_ = 0;
};

TEST(Cases, NothingBeyondTheArgumentsIsTouched) {
  const auto embeddings = generators::unequal_norms(67, 5, 10);
  const reference::Results expected(embeddings, false);
  VkComputeContext* ctx = shared_context();

  const FencedMemory input(embeddings.values.size() * sizeof(float));
  std::memcpy(input.as<float>(), embeddings.values.data(),
              embeddings.values.size() * sizeof(float));
  ASSERT_TRUE(checks::succeeded(vkc_upload_embeddings(ctx, input.as<float>(), 67, 5)));

  const FencedMemory matrix(size_t{67} * 67 * sizeof(float));
  ASSERT_TRUE(checks::succeeded(vkc_compute_similarity_matrix(ctx, matrix.as<float>())));
  EXPECT_TRUE(checks::same_bits<float>({matrix.as<float>(), size_t{67} * 67},
                                       expected.similarity.values, 67));

  const FencedMemory starts(sizeof(uint32_t));
  *starts.as<uint32_t>() = 66;
  const FencedMemory sequence(67 * sizeof(uint32_t));
  ASSERT_TRUE(checks::succeeded(
      vkc_compute_diversity_sequences(ctx, starts.as<uint32_t>(), 1, 67, sequence.as<uint32_t>())));
  EXPECT_TRUE(
      checks::same_bits<uint32_t>({sequence.as<uint32_t>(), 67}, expected.sequence(66, 67), 67));
}

}  // namespace
