// Every variant of a walk, whichever the library would choose: 64 and 32 bits of sums, registers
// and memory, ids packed into sums or not, walks merged or not, a device as it is and disguised.
// All give the reference's sequences.
//
// On a GPU all of it runs, too, and with --gtest_also_run_disabled_tests what needs one.
#include "walks/walks.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <numeric>
#include <ostream>
#include <string>
#include <vector>

#include "checks.hpp"
#include "device_variant.hpp"
#include "generators.hpp"
#include "similarity/device_embeddings.hpp"
#include "similarity/device_matrix.hpp"
#include "similarity/fixed_point.hpp"
#include "similarity/similarity.hpp"
#include "vulkan/device.hpp"

namespace {

using checks::ScopedEnvironment;
using reference::Embeddings;
using vkc::WalkVariant;

constexpr bool kCenter = true;

// ---- Embeddings

// Rows in opposite pairs, so that there is no common direction; the rows that are second have the
// norm of the first times `second`. An odd one out is zero.
Embeddings opposite_pairs(Embeddings embeddings, float second = 1) {
  for (uint32_t i = 0; i + 1 < embeddings.n; i += 2) {
    for (uint32_t k = 0; k < embeddings.d; ++k) {
      embeddings.row(i + 1)[k] = -second * embeddings.row(i)[k];
    }
  }
  if (embeddings.n % 2 == 1) std::fill_n(embeddings.row(embeddings.n - 1), embeddings.d, 0.0F);
  return embeddings;
}

// Pushes rows to one side, so that they have a common direction.
Embeddings to_one_side(Embeddings embeddings, float by) {
  for (uint32_t i = 0; i < embeddings.n; ++i) embeddings.row(i)[0] += by;
  return embeddings;
}

void copy_row(Embeddings& embeddings, uint32_t from, uint32_t to, float factor) {
  for (uint32_t k = 0; k < embeddings.d; ++k) {
    embeddings.row(to)[k] = factor * embeddings.row(from)[k];
  }
}

// ---- What is expected

// As reference::contributions(), but only the rows that walks come to need: of many items, there
// is no memory for all.
class Contributions {
 public:
  Contributions(const Embeddings& embeddings, bool center)
      : n(embeddings.n),
        rows_(reference::in_double(embeddings, center)),
        norms_(reference::norms(rows_)),
        units_(reference::unit_vectors(rows_, norms_)),
        weights_(reference::weights(norms_)) {}

  const int32_t* row(uint32_t i) const {
    std::vector<int32_t>& row = made_[i];
    for (uint32_t j = 0; row.size() < n; ++j) {
      const int64_t cosine = reference::cosine(units_, norms_, i, j);
      row.push_back(static_cast<int32_t>(reference::rescale(weights_[i] * cosine)));
    }
    return row.data();
  }

  const uint32_t n;

 private:
  reference::Rows<double> rows_;
  std::vector<double> norms_;
  reference::Rows<int32_t> units_;
  std::vector<int64_t> weights_;
  mutable std::map<uint32_t, std::vector<int32_t>> made_;
};

constexpr uint32_t kNever = ~0U;

class Expected {
 public:
  explicit Expected(const Embeddings& embeddings, bool center, uint32_t length)
      : length_(length), contributions_(embeddings, center) {}

  const std::vector<uint32_t>& sequence(uint32_t start) {
    std::vector<uint32_t>& sequence = sequences_[start];
    if (sequence.empty()) sequence = reference::diversity_sequence(contributions_, start, length_);
    return sequence;
  }

  std::vector<uint32_t> sequences(const std::vector<uint32_t>& starts, uint32_t length) {
    std::vector<uint32_t> all;
    for (const uint32_t start : starts) {
      const auto& one = sequence(start);
      all.insert(all.end(), one.begin(), one.begin() + length);
    }
    return all;
  }

  // The first step at which the sums of the items not yet chosen lie too far apart for 32 bits.
  uint32_t first_outside(uint32_t start) {
    if (const auto known = outside_.find(start); known != outside_.end()) return known->second;
    constexpr int64_t kRange = (int64_t{1} << 31) - 1;
    const uint32_t n = contributions_.n;
    const auto& chosen = sequence(start);
    std::vector<int64_t> sums(n, 0);
    std::vector<bool> gone(n, false);
    uint32_t& result = outside_.emplace(start, kNever).first->second;
    for (uint32_t step = 1; step < length_; ++step) {
      const int32_t* added = contributions_.row(chosen[step - 1]);
      gone[chosen[step - 1]] = true;
      int64_t least = INT64_MAX;
      int64_t most = INT64_MIN;
      for (uint32_t j = 0; j < n; ++j) {
        sums[j] += added[j];
        if (gone[j]) continue;
        least = std::min(least, sums[j]);
        most = std::max(most, sums[j]);
      }
      if (most - least < kRange) continue;
      result = step;
      break;
    }
    return result;
  }

  bool is_outside(const std::vector<uint32_t>& starts, uint32_t length) {
    return std::any_of(starts.begin(), starts.end(),
                       [&](uint32_t start) { return first_outside(start) < length; });
  }

 private:
  uint32_t length_;
  Contributions contributions_;
  std::map<uint32_t, std::vector<uint32_t>> sequences_;
  std::map<uint32_t, uint32_t> outside_;
};

// Embeddings with what is expected of them, made once for all variants.
struct Case {
  Embeddings embeddings;
  bool center;
  Expected expected;

  Case(Embeddings given, bool centred, uint32_t length)
      : embeddings(std::move(given)), center(centred), expected(embeddings, centred, length) {}
};

Case& once(const std::string& name, const std::function<Case()>& make) {
  static std::map<std::string, Case> cases;
  auto found = cases.find(name);
  if (found == cases.end()) found = cases.emplace(name, make()).first;
  return found->second;
}

Case& whole(const std::string& name, bool center, const std::function<Embeddings()>& make) {
  return once(name, [&] {
    Embeddings embeddings = make();
    const uint32_t n = embeddings.n;
    return Case(std::move(embeddings), center, n);
  });
}

// ---- Variants

struct Variant {
  DeviceVariant device;
  WalkVariant walk;
};

void PrintTo(const Variant& variant, std::ostream* out) { PrintTo(variant.device, out); }

class WalkVariants : public testing::TestWithParam<Variant> {
 private:
  const ScopedDeviceVariant variant_{GetParam().device};

 protected:
  struct Call {
    std::vector<uint32_t> starts;
    uint32_t length;
  };

  // Walks over a matrix, merged and not, and checks also that the variant is the one
  // asked for as long as it can be: results alone do not tell.
  void expect_walks(Case& test, const vkc::DeviceEmbeddings& resident,
                    const vkc::DeviceMatrix& matrix, const std::vector<Call>& calls) const {
    // Shorter walks are not compared.
    const bool comparable = test.embeddings.n > 128;
    for (const bool merging : {true, false}) {
      if (merging && !comparable) continue;
      SCOPED_TRACE(merging ? "merged" : "not merged");
      vkc::Walks walks(device_, resident, matrix, GetParam().walk, merging);
      WalkVariant variant = resident.order.is_reordered() ? WalkVariant::kI64 : GetParam().walk;
      for (const auto& [starts, length] : calls) {
        ASSERT_EQ(walks.variant(), variant);
        std::vector<uint32_t> output(starts.size() * length, ~0U);
        walks.walk(starts, length, {}, output.data());
        EXPECT_TRUE(
            checks::same_bits<uint32_t>(output, test.expected.sequences(starts, length), length))
            << "in " << starts.size() << " sequences of length " << length;
        // The rest is what sums of 64 bits are tested with.
        if (variant != GetParam().walk && resident.order.is_reordered()) break;
        if (test.expected.is_outside(starts, length)) variant = WalkVariant::kI64;
      }
      EXPECT_EQ(walks.variant(), variant);
    }
  }

  void expect_walks(Case& test, const std::vector<Call>& calls) const {
    const uint32_t n = test.embeddings.n;
    const vkc::DeviceEmbeddings resident(staging_, test.embeddings.values.data(), n,
                                         test.embeddings.d, test.center);
    const vkc::DeviceMatrix matrix(staging_, n, n);
    vkc::Similarity(device_, resident).fill(matrix);
    expect_walks(test, resident, matrix, calls);
  }

  // One walk, few, and so many that kernels for many are used; some from the same start.
  void expect_walks(Case& test) const {
    const uint32_t n = test.embeddings.n;
    SCOPED_TRACE("n = " + std::to_string(n));
    std::vector<uint32_t> many;
    for (uint32_t i = 0; i < 70; ++i) many.push_back(i * 7 % n);
    expect_walks(test, {{{n - 1}, n},
                        {{n / 2, n - 1, 0, n / 2, n / 3}, n},
                        {{0, n / 2}, std::max(n / 2, 1U)},
                        {many, std::min(n, 300U)}});
  }

  const vkc::Device device_{"", true};
  mutable vkc::Staging staging_{device_};
};

TEST_P(WalkVariants, SizesInTheOrderOfIds) {
  for (const uint32_t n : {2U, 5U, 64U, 65U, 255U, 257U, 768U}) {
    expect_walks(whole("pairs" + std::to_string(n), false,
                       [n] { return opposite_pairs(generators::unit_norms(n, 7, n)); }));
  }
}

TEST_P(WalkVariants, SizesInAnotherOrder) {
  for (const uint32_t n : {1U, 3U, 5U, 63U, 65U, 256U, 767U, 769U}) {
    expect_walks(whole("side" + std::to_string(n), false,
                       [n] { return to_one_side(generators::unequal_norms(n, 5, n), 1); }));
  }
}

TEST_P(WalkVariants, Centred) {
  for (const uint32_t n : {3U, 65U, 257U}) {
    expect_walks(whole("centred" + std::to_string(n), kCenter,
                       [n] { return generators::unequal_norms(n, 33, n); }));
  }
}

// Ties, duplicates, opposite rows and zero rows; those to one side are put in another order than
// that of ids, in which the lowest id of a tie is not the first.
TEST_P(WalkVariants, Ties) {
  constexpr uint32_t kItems = 257;
  expect_walks(whole("ties", false, [] { return generators::ties(kItems, 4, 1); }));
  expect_walks(whole("ties to one side", false,
                     [] { return to_one_side(generators::ties(kItems, 4, 1), 2); }));
  expect_walks(whole("few ties to one side", false,
                     [] { return to_one_side(generators::ties(65, 3, 2), 1); }));
  expect_walks(whole("duplicates", false, [] { return generators::duplicates(kItems, 5, 2); }));
  expect_walks(whole("duplicates to one side", false,
                     [] { return to_one_side(generators::duplicates(kItems, 5, 2), 1); }));
  expect_walks(whole("zero rows", false,
                     [] { return opposite_pairs(generators::zero_rows(kItems, 5, 3)); }));
  expect_walks(whole("all zero", false, [] { return generators::all_zero(kItems, 2, 4); }));
  expect_walks(whole("equal rows", false, [] { return generators::equal_rows(kItems, 2, 5); }));
}

// Walks from an item and from its opposite have chosen the same after one step, those of the first
// group and of the second.
TEST_P(WalkVariants, WalksThatMeetAtOnce) {
  Case& test =
      whole("meeting", false, [] { return opposite_pairs(generators::unequal_norms(300, 5, 6)); });
  std::vector<uint32_t> starts;
  for (uint32_t i = 0; i < 80; i += 2) starts.push_back(i);
  for (uint32_t i = 1; i < 80; i += 2) starts.push_back(i);
  expect_walks(test, {{starts, 300}, {starts, 150}});
}

// Walks that meet one after another, those that have met with others.
TEST_P(WalkVariants, WalksThatMeet) {
  Case& test = whole("common direction", false,
                     [] { return to_one_side(generators::unequal_norms(600, 6, 7), 1); });
  std::vector<uint32_t> starts(600);
  std::iota(starts.begin(), starts.end(), 0);
  expect_walks(test, {{starts, 600}});
}

// 32 bits are too short at the first step already.
TEST_P(WalkVariants, OutsideAtOnce) {
  Case& test = whole("outside at once", false, [] {
    Embeddings embeddings = opposite_pairs(generators::unit_norms(260, 5, 8));
    for (uint32_t i = 0; i < 130; ++i) copy_row(embeddings, i, i + 130, 1);
    return embeddings;
  });
  ASSERT_EQ(test.expected.first_outside(0), 1U);
  expect_walks(test);
}

// Too small after several dispatches, when some walks may have been joined to others.
TEST_P(WalkVariants, OutsideLate) {
  Case& test = whole("outside late", false, [] {
    Embeddings embeddings = generators::unequal_norms(520, 5, 9);
    for (uint32_t i = 0; i < embeddings.n; ++i) {
      embeddings.row(i)[0] = std::abs(embeddings.row(i)[0]);
    }
    return opposite_pairs(embeddings, 0.5F);
  });
  ASSERT_GT(test.expected.first_outside(0), 260U);
  ASSERT_LT(test.expected.first_outside(0), 519U);
  expect_walks(test, {{{0, 1, 2, 3, 0, 519}, 200}, {{0, 1, 2, 3, 0, 519}, 520}, {{0, 7}, 520}});
  std::vector<uint32_t> many(100);
  std::iota(many.begin(), many.end(), 300);
  expect_walks(test, {{many, 520}, {many, 130}});
}

// Too small for one walk of the second group, while the first is under way.
TEST_P(WalkVariants, OutsideInTheSecondGroup) {
  constexpr uint32_t kItems = 300;
  constexpr uint32_t kLength = 200;
  Case& test = whole("outside in the second group", false, [] {
    Embeddings embeddings = opposite_pairs(generators::unit_norms(kItems, 5, 10));
    copy_row(embeddings, kItems - 2, kItems - 4, 1);
    copy_row(embeddings, kItems - 1, kItems - 3, 1);
    return embeddings;
  });
  const std::vector<uint32_t> starts{0, 4, 9, 20, 21, 33, 9, kItems - 4};
  for (const uint32_t start : starts) {
    if (start == kItems - 4) {
      ASSERT_EQ(test.expected.first_outside(start), 1U);
    } else {
      ASSERT_GE(test.expected.first_outside(start), kLength);
    }
  }
  expect_walks(test, {{starts, kLength}, {starts, kItems}});
}

constexpr const char* kFewInvocations = "100";  // no multiple of a subgroup
// 64 rows of the similarities of 769 items to a block.
constexpr const char* kSmallBlocks = "262144";

constexpr Variant kAsItIsI64{{"AsItIsI64", nullptr, nullptr, nullptr}, WalkVariant::kI64};
constexpr Variant kAsItIsU32{{"AsItIsU32", nullptr, nullptr, nullptr}, WalkVariant::kU32};
constexpr Variant kI64{{"I64", "discrete", nullptr, nullptr}, WalkVariant::kI64};
constexpr Variant kI64SmallBlocks{{"I64SmallBlocks", "discrete", nullptr, kSmallBlocks},
                                  WalkVariant::kI64};
constexpr Variant kU32{{"U32", "discrete", nullptr, nullptr}, WalkVariant::kU32};
constexpr Variant kU32SmallBlocks{{"U32SmallBlocks", "integrated", nullptr, kSmallBlocks},
                                  WalkVariant::kU32};

const auto name_of = [](const auto& test) { return test.param.device.name; };

INSTANTIATE_TEST_SUITE_P(Devices, WalkVariants,
                         testing::Values(kAsItIsI64, kAsItIsU32, kI64SmallBlocks, kU32SmallBlocks),
                         name_of);

// More sums than a workgroup of 64 has registers for.
class ManyItemsVariants : public WalkVariants {};

TEST_P(ManyItemsVariants, ManyItems) {
  const std::vector<uint32_t> starts{2880, 17, 2880, 1150};
  // Several dispatches, and items from all rounds.
  constexpr uint32_t kLength = 600;
  Case& random =
      once("many", [] { return Case(generators::unit_norms(2881, 3, 11), false, kLength); });
  ASSERT_FALSE(random.expected.is_outside(starts, kLength));
  expect_walks(random, {{starts, kLength}});
  expect_walks(once("many to one side",
                    [] { return Case(to_one_side(generators::ties(2881, 4, 12), 1), false, 400); }),
               {{starts, 400}});
}

INSTANTIATE_TEST_SUITE_P(
    Devices, ManyItemsVariants,
    testing::Values(
        kAsItIsI64, kAsItIsU32, kI64, kU32,
        Variant{{"MemoryI64", "integrated", kFewInvocations, nullptr}, WalkVariant::kI64},
        Variant{{"ManyRoundsU32", "discrete", kFewInvocations, nullptr}, WalkVariant::kU32}),
    name_of);

// ---- Many items, of whose matrix there are only the rows that walks come to

constexpr uint32_t kRows = 33;

// Walks from the first rows take all of those and then item n - 1: the rows are opposite pairs, but
// for one, whose opposite is n - 1. The others, at right angles to all these, balance each other.
Embeddings last_is_opposite(uint32_t n) {
  const Embeddings pairs = opposite_pairs(generators::unit_norms(kRows + 1, 3, 13));
  Embeddings embeddings{n, 4, std::vector<float>(size_t{n} * 4, 0.0F)};
  for (uint32_t i = 0; i < n; ++i) {
    if (i < kRows || i == n - 1) {
      std::copy_n(pairs.row(std::min(i, kRows)), 3, embeddings.row(i) + 1);
    } else {
      embeddings.row(i)[0] = i % 2 == 0 ? 1 : -1;
    }
  }
  return embeddings;
}

// The same with a common direction: that of the others, to which n - 1 is not quite as near. The
// ids of the rows are anywhere.
Embeddings last_is_nearly_common(uint32_t n) {
  Embeddings embeddings = last_is_opposite(n);
  generators::Random random(14);
  for (uint32_t i = 0; i + 1 < n; ++i) {
    embeddings.row(i)[0] = i < kRows ? 0.3F : 1;
  }
  embeddings.row(n - 1)[0] = 3;
  for (uint32_t i = 0; i < kRows; ++i) {
    std::swap_ranges(embeddings.row(i), embeddings.row(i) + 4, embeddings.row(random.below(n - 1)));
  }
  return embeddings;
}

class LargeVariants : public WalkVariants {
 protected:
  void expect_last(Case& test) const {
    const uint32_t n = test.embeddings.n;
    SCOPED_TRACE("n = " + std::to_string(n));
    const vkc::DeviceEmbeddings resident(staging_, test.embeddings.values.data(), n,
                                         test.embeddings.d, false);
    // Only whole matrices are filled in the order of the resident rows. So the rows come from
    // embeddings whose ids are in that order.
    Embeddings in_order = test.embeddings;
    for (uint32_t row = 0; row < n; ++row) {
      std::copy_n(test.embeddings.row(resident.order.id_in(row)), in_order.d, in_order.row(row));
    }
    const vkc::DeviceEmbeddings ordered(staging_, in_order.values.data(), n, in_order.d, false);
    const vkc::DeviceMatrix matrix(staging_, kRows, n);
    vkc::Similarity similarity(device_, ordered);
    similarity.begin_rows(0, matrix, 0, kRows);
    similarity.wait(0);

    std::vector<uint32_t> starts;
    for (uint32_t i = 0; i < 70; ++i) {
      const uint32_t row = i % (kRows - 1);
      starts.push_back(resident.order.id_in(row));
      ASSERT_EQ(test.expected.sequence(starts.back()).back(), n - 1);
    }
    expect_walks(test, resident, matrix, {{starts, kRows + 1}, {{starts[5]}, kRows + 1}});
  }
};

// Around the most items whose ids are packed into sums; and the most sums of 32 bits that are in
// registers on GPUs with workgroups of 512.
TEST_P(LargeVariants, InTheOrderOfIds) {
  const bool u32 = GetParam().walk == WalkVariant::kU32;
  for (const uint32_t n : {u32 ? 40960U : vkc::kMostOrdered, vkc::kMostOrdered + 1}) {
    expect_last(once("opposite" + std::to_string(n),
                     [n] { return Case(last_is_opposite(n), false, kRows + 1); }));
  }
}

TEST_P(LargeVariants, InAnotherOrder) {
  expect_last(once("nearly common", [] {
    return Case(last_is_nearly_common(vkc::kMostOrdered), false, kRows + 1);
  }));
}

INSTANTIATE_TEST_SUITE_P(Devices, LargeVariants,
                         testing::Values(kAsItIsI64, kAsItIsU32, kI64, kU32), name_of);

// ---- What the library chooses

TEST(FastestVariant, FollowsTheEmbeddings) {
  const auto form_of = [](const vkc::Device& device, const Embeddings& embeddings) {
    vkc::Staging staging(device);
    return vkc::fastest_variant(vkc::DeviceEmbeddings(staging, embeddings.values.data(),
                                                      embeddings.n, embeddings.d, false));
  };
  const ScopedEnvironment discrete("VKC_FAULT_DEVICE_TYPE", "discrete");
  const vkc::Device gpu("", true);
  EXPECT_EQ(form_of(gpu, opposite_pairs(generators::unit_norms(300, 5, 15))), WalkVariant::kU32);
  EXPECT_EQ(form_of(gpu, generators::equal_rows(300, 5, 15)), WalkVariant::kI64);
  EXPECT_EQ(form_of(gpu, last_is_opposite(40961)), WalkVariant::kU32);
}

TEST(WholeTurns, AreTheNearestNumber) {
  EXPECT_EQ(vkc::whole_turns(64, 0), 64U);
  EXPECT_EQ(vkc::whole_turns(1, 264), 264U);
  EXPECT_EQ(vkc::whole_turns(264, 264), 264U);
  EXPECT_EQ(vkc::whole_turns(395, 264), 264U);
  EXPECT_EQ(vkc::whole_turns(396, 264), 528U);
}

// ---- The largest sums

// While ids are packed into them, sums of candidates stay below half of NOT_A_CANDIDATE in
// walk_i64.glsl, and what that one drifts by while its item is chosen stays below that half, too.
static_assert(uint64_t{vkc::kMostOrdered} * reference::kOne << vkc::ID_BITS <= uint64_t{1} << 60);

// Equal rows, and rows of equal direction: the sums are as large as can be, and all ties. The
// matrix takes 4.3 GB.
TEST(GpuOnly, DISABLED_LargestSums) {
  const vkc::Device device("", true);
  vkc::Staging staging(device);
  for (const uint32_t n : {vkc::kMostOrdered, vkc::kMostOrdered + 1}) {
    for (const bool weighted : {false, true}) {
      SCOPED_TRACE(std::to_string(n) + (weighted ? ", weighted" : ""));
      std::vector<float> embeddings(n, 1.0F);
      if (weighted) embeddings[n / 2] = 0.5F;
      const vkc::DeviceEmbeddings resident(staging, embeddings.data(), n, 1, false);
      ASSERT_EQ(resident.weighted, weighted);
      const vkc::DeviceMatrix matrix(staging, n, n);
      vkc::Similarity(device, resident).fill(matrix);
      vkc::Walks walks(device, resident, matrix, WalkVariant::kI64);
      const std::vector<uint32_t> starts{n - 1, 0, n / 2};
      std::vector<uint32_t> output(starts.size() * n);
      walks.walk(starts, n, {}, output.data());
      std::vector<uint32_t> expected;
      for (const uint32_t start : starts) {
        expected.push_back(start);
        for (uint32_t i = 0; i < n; ++i) {
          if (i != start) expected.push_back(i);
        }
      }
      EXPECT_TRUE(checks::same_bits<uint32_t>(output, expected, n));
    }
  }
}

}  // namespace
