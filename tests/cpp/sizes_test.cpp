// Everything that is computed equals the reference at sizes around those of subgroups, workgroups
// and tiles, and at sizes that are multiples of nothing.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <ostream>
#include <tuple>
#include <vector>

#include "checks.hpp"
#include "generators.hpp"

namespace {

using checks::expect_as_reference;
using checks::shared_context;

constexpr bool kCenter = true;

struct Size {
  uint32_t n;
  uint32_t d;
};

void PrintTo(const Size& size, std::ostream* out) { *out << size.n << " x " << size.d; }

class Sizes : public testing::TestWithParam<Size> {
 protected:
  const uint32_t n_ = GetParam().n;
  const uint32_t d_ = GetParam().d;
  const uint64_t seed_ = uint64_t{n_} * 10000 + d_;
};

TEST_P(Sizes, UnequalNorms) {
  expect_as_reference(shared_context(), generators::unequal_norms(n_, d_, seed_));
}

TEST_P(Sizes, UnitNorms) {
  expect_as_reference(shared_context(), generators::unit_norms(n_, d_, seed_));
}

TEST_P(Sizes, Centred) {
  expect_as_reference(shared_context(), generators::unequal_norms(n_, d_, seed_), kCenter);
}

// Every n with a d that changes, every d with a few n, and the corners.
std::vector<Size> sizes() {
  const std::vector<uint32_t> ns{1, 2, 3, 5, 63, 64, 65, 255, 256, 257, 767, 768, 769};
  const std::vector<uint32_t> ds{1, 2, 3, 5, 63, 64, 65, 255, 256, 257, 767, 768, 769, 4096};
  std::vector<Size> result;
  for (size_t i = 0; i < ns.size(); ++i) {
    for (const size_t step : {size_t{0}, size_t{5}, size_t{9}}) {
      result.push_back({ns[i], ds[(i + step) % ds.size()]});
    }
  }
  for (const uint32_t d : ds) {
    for (const uint32_t n : {1U, 2U, 67U}) result.push_back({n, d});
  }
  result.push_back({769, 4096});
  result.push_back({65, 20000});
  result.push_back({66, VKC_MAX_EMBEDDING_DIM});
  result.push_back({1000, 10});
  result.push_back({1031, 7});
  const auto key = [](const Size& size) { return std::tie(size.n, size.d); };
  std::sort(result.begin(), result.end(),
            [&](const Size& a, const Size& b) { return key(a) < key(b); });
  result.erase(std::unique(result.begin(), result.end(),
                           [&](const Size& a, const Size& b) { return key(a) == key(b); }),
               result.end());
  return result;
}

INSTANTIATE_TEST_SUITE_P(Matrix, Sizes, testing::ValuesIn(sizes()), [](const auto& test) {
  std::string name = "n";
  return name.append(std::to_string(test.param.n))
      .append("_d")
      .append(std::to_string(test.param.d));
});

// A row range of every size and place that can matter to how rows are cut into pieces.
TEST(Rows, EveryRange) {
  const auto embeddings = generators::unequal_norms(67, 13, 1);
  const reference::Results expected(embeddings, false);
  checks::upload(shared_context(), embeddings);
  for (uint32_t first = 0; first < embeddings.n; first += 3) {
    for (uint32_t count = 0; count <= embeddings.n - first; ++count) {
      const auto rows = checks::similarity_rows(shared_context(), embeddings.n, first, count);
      ASSERT_TRUE(checks::same_bits<float>(
          rows, {expected.similarity.row(first), size_t{count} * embeddings.n}, embeddings.n))
          << "in rows " << first << " to " << first + count;
    }
  }
}

TEST(Sequences, EveryLength) {
  const auto embeddings = generators::unequal_norms(65, 13, 2);
  const reference::Results expected(embeddings, false);
  checks::upload(shared_context(), embeddings);
  for (uint32_t length = 1; length <= embeddings.n; ++length) {
    EXPECT_EQ(checks::sequences(shared_context(), {64}, length), expected.sequence(64, length));
  }
}

// More starts than any one dispatch is likely to take, most of them repeated.
TEST(Sequences, MoreStartsThanItems) {
  const auto embeddings = generators::unequal_norms(65, 13, 3);
  const reference::Results expected(embeddings, false);
  checks::upload(shared_context(), embeddings);
  constexpr uint32_t kLength = 9;
  std::vector<uint32_t> starts;
  std::vector<uint32_t> rows;
  for (uint32_t i = 0; i < 5003; ++i) {
    starts.push_back(i * i % embeddings.n);
    const auto row = expected.sequence(starts.back(), kLength);
    rows.insert(rows.end(), row.begin(), row.end());
  }
  EXPECT_TRUE(checks::same_bits<uint32_t>(checks::sequences(shared_context(), starts, kLength),
                                          rows, kLength));
}

// So long a walk that it cannot be one dispatch, over a matrix of 324 MB, more than some devices
// let a shader bind at once.
TEST(Sequences, OfNineThousandItems) {
  const auto embeddings = generators::unequal_norms(9001, 3, 4);
  const reference::Results expected(embeddings, false);
  checks::upload(shared_context(), embeddings);
  EXPECT_TRUE(checks::same_bits<uint32_t>(checks::sequence(shared_context(), 9001, 4500),
                                          expected.sequence(4500, 9001), 9001));
  const auto rows = checks::similarity_rows(shared_context(), 9001, 8990, 11);
  EXPECT_TRUE(
      checks::same_bits<float>(rows, {expected.similarity.row(8990), size_t{11} * 9001}, 9001));
}

}  // namespace
