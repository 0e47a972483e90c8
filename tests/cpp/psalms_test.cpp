// Real poems, whole: all sequences and all similarities of the Psalms equal the reference.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <thread>
#include <vector>

#include "checks.hpp"
#include "npy.hpp"

namespace {

using checks::shared_context;

class Psalms : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override { checks::upload(shared_context(), embeddings_, GetParam()); }

  const reference::Embeddings embeddings_ = npy::read<float>(VKC_PSALMS_NPY);
  const uint32_t n_ = embeddings_.n;
  const reference::Results expected_{embeddings_, GetParam()};
};

TEST_P(Psalms, Similarities) {
  const std::vector<float> matrix = checks::similarity_matrix(shared_context(), n_);
  EXPECT_TRUE(checks::same_bits<float>(matrix, expected_.similarity.values, n_));
  for (uint32_t i = 0; i < n_; ++i) {
    ASSERT_EQ(matrix[size_t{i} * n_ + i], 1);
    for (uint32_t j = 0; j < i; ++j) {
      ASSERT_EQ(matrix[size_t{i} * n_ + j], matrix[size_t{j} * n_ + i]) << i << ", " << j;
    }
  }
  std::vector<float> by_rows;
  while (by_rows.size() < matrix.size()) {
    const auto first = static_cast<uint32_t>(by_rows.size() / n_);
    const auto rows =
        checks::similarity_rows(shared_context(), n_, first, std::min(257U, n_ - first));
    by_rows.insert(by_rows.end(), rows.begin(), rows.end());
  }
  EXPECT_TRUE(checks::same_bits<float>(by_rows, expected_.similarity.values, n_));
}

TEST_P(Psalms, AllSequences) {
  std::vector<std::vector<uint32_t>> expected(n_);
  const auto walk_every_other = [&](uint32_t first) {
    for (uint32_t start = first; start < n_; start += 2) {
      expected[start] = expected_.sequence(start, n_);
    }
  };
  std::thread other(walk_every_other, 1);
  walk_every_other(0);
  other.join();

  for (uint32_t first = 0; first < n_;) {
    uint32_t batch = 0;
    ASSERT_TRUE(checks::succeeded(vkc_recommended_batch(shared_context(), n_, &batch)));
    ASSERT_GE(batch, 1U);
    std::vector<uint32_t> starts;
    std::vector<uint32_t> rows;
    for (; starts.size() < batch && first < n_; ++first) {
      starts.push_back(first);
      rows.insert(rows.end(), expected[first].begin(), expected[first].end());
    }
    ASSERT_TRUE(
        checks::same_bits<uint32_t>(checks::sequences(shared_context(), starts, n_), rows, n_))
        << "rows counted from " << starts.front();
  }
}

INSTANTIATE_TEST_SUITE_P(Both, Psalms, testing::Bool(),
                         [](const auto& test) { return test.param ? "Centred" : "AsTheyAre"; });

}  // namespace
