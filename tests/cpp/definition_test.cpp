// The definition is what it claims to be: its integer sequences are, step for step, the walks that
// a float64 centroid gives.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "centroid_walk.hpp"
#include "generators.hpp"
#include "npy.hpp"
#include "reference.hpp"

namespace {

using reference::Embeddings;

void expect_same_walks(const Embeddings& embeddings, bool center,
                       const std::vector<uint32_t>& starts) {
  SCOPED_TRACE("n = " + std::to_string(embeddings.n) + (center ? ", centred" : ""));
  const reference::Results results(embeddings, center);
  const reference::Rows<double> rows = reference::in_double(embeddings, center);
  std::vector<std::vector<uint32_t>> walks(starts.size());
  const auto walk_every_other = [&](size_t first) {
    for (size_t i = first; i < starts.size(); i += 2) {
      walks[i] = reference::centroid_walk(rows, starts[i], embeddings.n);
    }
  };
  std::thread other(walk_every_other, 1);
  walk_every_other(0);
  other.join();
  for (size_t i = 0; i < starts.size(); ++i) {
    const std::vector<uint32_t> sequence = results.sequence(starts[i], embeddings.n);
    const auto [here, there] = std::mismatch(sequence.begin(), sequence.end(), walks[i].begin());
    EXPECT_TRUE(here == sequence.end())
        << "from " << starts[i] << ", the walks part at step " << here - sequence.begin() << ": to "
        << *here << " and, by the centroid, to " << *there;
  }
}

std::vector<uint32_t> all_items(uint32_t n) {
  std::vector<uint32_t> items;
  for (uint32_t i = 0; i < n; ++i) items.push_back(i);
  return items;
}

TEST(Definition, CentroidWalkOfFourPoints) {
  // At 0, 90, 180 and 135 degrees. From the first: 180 is farthest; their centroid is 0, which is
  // as far from everything; then 90, and 135 is left.
  const Embeddings embeddings{4, 2, {1, 0, 0, 1, -1, 0, -1, 1}};
  const auto rows = reference::in_double(embeddings, false);
  EXPECT_EQ(reference::centroid_walk(rows, 0, 4), (std::vector<uint32_t>{0, 2, 1, 3}));
  // From 90: 0 and 180 tie, so 0; their centroid is at 45, and 135 is nearer to it than 180.
  EXPECT_EQ(reference::centroid_walk(rows, 1, 4), (std::vector<uint32_t>{1, 0, 2, 3}));
}

TEST(Definition, UnequalNorms) {
  expect_same_walks(generators::unequal_norms(257, 65, 1), false, all_items(257));
  expect_same_walks(generators::unequal_norms(257, 65, 2), true, all_items(257));
}

TEST(Definition, EqualNorms) {
  expect_same_walks(generators::unit_norms(257, 65, 3), false, all_items(257));
}

TEST(Definition, DuplicatesTie) {
  expect_same_walks(generators::duplicates(255, 33, 4), false, all_items(255));
  expect_same_walks(generators::duplicates(255, 33, 5), true, all_items(255));
}

class Psalms : public testing::Test {
 protected:
  const Embeddings embeddings_ = npy::read<float>(VKC_PSALMS_NPY);
  const std::vector<uint32_t> starts_{0, 1, 211, 499, 873, 1229, 1601, 1999, 2310, 2460};
};

TEST_F(Psalms, AreTheWholeBook) {
  EXPECT_EQ(embeddings_.n, 2461U);
  EXPECT_EQ(embeddings_.d, 512U);
}

TEST_F(Psalms, TenSampledWalks) { expect_same_walks(embeddings_, false, starts_); }

TEST_F(Psalms, TenSampledWalksCentred) { expect_same_walks(embeddings_, true, starts_); }

TEST_F(Psalms, SampledWalksOfUnequalNorms) {
  Embeddings scaled = embeddings_;
  generators::Random random(6);
  for (uint32_t i = 0; i < scaled.n; ++i) {
    // Powers of two, so that equal verses go on having the same direction to the last bit.
    const float scale = std::ldexp(1.0F, static_cast<int>(random.below(5)));
    for (uint32_t k = 0; k < scaled.d; ++k) scaled.row(i)[k] *= scale;
  }
  expect_same_walks(scaled, false, {0, 1229});
}

}  // namespace
