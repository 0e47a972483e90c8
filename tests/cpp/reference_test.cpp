// The reference against results worked out by hand.
#include "reference.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdio>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "npy.hpp"

namespace {

using reference::Embeddings;
using reference::kOne;
using reference::Results;
using Sequence = std::vector<uint32_t>;

constexpr bool kCenter = true;

TEST(Reference, UnitVectorsAreRoundedToFixedPoint) {
  const Embeddings embeddings{3, 2, {3, 4, -1, 0, 0, 0}};
  const auto rows = reference::in_double(embeddings, !kCenter);
  const auto norms = reference::norms(rows);
  EXPECT_EQ(norms, (std::vector<double>{5, 1, 0}));
  // 0.6 * 2^30 = 644245094.4 and 0.8 * 2^30 = 858993459.2
  EXPECT_EQ(reference::unit_vectors(rows, norms).values,
            (std::vector<int32_t>{644245094, 858993459, -1073741824, 0, 0, 0}));
}

TEST(Reference, RescalingRoundsHalvesUp) {
  EXPECT_EQ(reference::rescale(reference::kHalf), 1);
  EXPECT_EQ(reference::rescale(reference::kHalf - 1), 0);
  EXPECT_EQ(reference::rescale(-reference::kHalf), 0);
  EXPECT_EQ(reference::rescale(-reference::kHalf - 1), -1);
}

TEST(Reference, CosinesOfKnownAngles) {
  // 0, 90, 180 degrees to the first row, a zero row, and (3, 4) / 5.
  const Embeddings embeddings{5, 2, {1, 0, 0, 2, -3, 0, 0, 0, 3, 4}};
  const Results results(embeddings, !kCenter);
  const float c = 0.6F;
  const float s = 0.8F;
  EXPECT_EQ(results.similarity.values, (std::vector<float>{1,  0, -1, 0, c,   //
                                                           0,  1, 0,  0, s,   //
                                                           -1, 0, 1,  0, -c,  //
                                                           0,  0, 0,  0, 0,   //
                                                           c,  s, -c, 0, 1}));
}

TEST(Reference, CentringSubtractsTheMeanRow) {
  const Embeddings embeddings{2, 2, {5, 1, 7, 1}};
  EXPECT_EQ(reference::in_double(embeddings, kCenter).values, (std::vector<double>{-1, 0, 1, 0}));
  EXPECT_EQ(Results(embeddings, kCenter).similarity.values, (std::vector<float>{1, -1, -1, 1}));
}

TEST(Reference, CentringEqualRowsGivesZeroRows) {
  const Embeddings embeddings{3, 1, {0.1F, 0.1F, 0.1F}};
  EXPECT_EQ(Results(embeddings, kCenter).similarity.values, std::vector<float>(9, 0.0F));
}

TEST(Reference, WeightsAreSharesOfTheLargestNorm) {
  EXPECT_EQ(reference::weights({1, 4, 0, 2}), (std::vector<int64_t>{kOne / 4, kOne, 0, kOne / 2}));
  EXPECT_EQ(reference::weights({1, 1 + 0.9e-5, 0}), std::vector<int64_t>(3, kOne));
  EXPECT_EQ(reference::weights({1, 1 + 1.1e-5}),
            (std::vector<int64_t>{1073730013, kOne}));  // 2^30 / 1.000011 = 1073730012.87
  EXPECT_EQ(reference::weights({0, 0}), std::vector<int64_t>(2, kOne));
}

TEST(Reference, SequenceGoesToTheFarthestItem) {
  // At 0, 10, 90 and 180 degrees.
  const Embeddings embeddings{4, 2, {1, 0, 0.98480775F, 0.17364818F, 0, 1, -1, 0}};
  const Results results(embeddings, !kCenter);
  // From 0: 180 degrees away is 3; the two cancel, and 1 and 2 tie at a sum of 0.
  EXPECT_EQ(results.sequence(0, 4), (Sequence{0, 3, 1, 2}));
  // From 1: farthest is 3 (170 degrees); cosines to 1 + 3: item 0: 0.985 - 1, item 2: 0.174 + 0.
  EXPECT_EQ(results.sequence(1, 4), (Sequence{1, 3, 0, 2}));
  EXPECT_EQ(results.sequence(2, 2), (Sequence{2, 0}));
  EXPECT_EQ(results.sequence(3, 1), (Sequence{3}));
}

TEST(Reference, TiesGoToTheLowestId) {
  const Results results(Embeddings{4, 1, {1, 1, 1, 1}}, !kCenter);
  EXPECT_EQ(results.sequence(2, 4), (Sequence{2, 0, 1, 3}));
}

TEST(Reference, WeightsDecideWhereNormsDiffer) {
  // After 0 and 1 the centroid is where 1, three times as long, pulls it: left, so that 2, on the
  // right, is farther than 3. Were norms ignored, 0 and 1 would cancel, and 2 and 3 tie.
  const Results left(Embeddings{4, 1, {1, -3, -1, 1}}, !kCenter);
  EXPECT_EQ(left.sequence(0, 4), (Sequence{0, 1, 3, 2}));
  const Results right(Embeddings{4, 1, {3, -1, -1, 1}}, !kCenter);
  EXPECT_EQ(right.sequence(0, 4), (Sequence{0, 1, 2, 3}));
}

class NpyFile : public testing::Test {
 protected:
  ~NpyFile() override { std::remove(path_.c_str()); }

  void write(const std::string& dictionary, const std::string& data) const {
    std::string header = dictionary;
    header.resize(117, ' ');
    header += '\n';
    std::ofstream(path_, std::ios::binary)
        << std::string("\x93NUMPY\x01\x00\x76\x00", 10) << header << data;
  }

  const std::string path_ =
      testing::TempDir() + testing::UnitTest::GetInstance()->current_test_info()->name() + ".npy";
};

TEST_F(NpyFile, ReadsFloat32AndUint32) {
  write("{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2), }",
        std::string("\x00\x00\x80\x3f\x00\x00\x00\xc0", 8));
  const auto floats = npy::read<float>(path_);
  EXPECT_EQ(floats.n, 1U);
  EXPECT_EQ(floats.d, 2U);
  EXPECT_EQ(floats.values, (std::vector<float>{1, -2}));
  write("{'descr': '<u4', 'fortran_order': False, 'shape': (2, 1), }",
        std::string("\x05\x00\x00\x00\x00\x01\x00\x00", 8));
  const auto integers = npy::read<uint32_t>(path_);
  EXPECT_EQ(integers.n, 2U);
  EXPECT_EQ(integers.values, (std::vector<uint32_t>{5, 256}));
}

TEST_F(NpyFile, RefusesWhatItCannotRead) {
  EXPECT_THROW(npy::read<float>(path_ + ".missing"), std::runtime_error);
  const std::string value("\x00\x00\x80\x3f", 4);
  write("{'descr': '<f8', 'fortran_order': False, 'shape': (1, 1), }", value);
  EXPECT_THROW(npy::read<float>(path_), std::runtime_error);
  write("{'descr': '<f4', 'fortran_order': True, 'shape': (1, 1), }", value);
  EXPECT_THROW(npy::read<float>(path_), std::runtime_error);
  write("{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2), }", value);
  EXPECT_THROW(npy::read<float>(path_), std::runtime_error);
  write("{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1), }", value + value);
  EXPECT_THROW(npy::read<float>(path_), std::runtime_error);
}

}  // namespace
