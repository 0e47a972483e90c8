// Walks by the filter, in each precision, with much room for candidates and with little: the
// reference's sequences, also where embeddings are made to defeat the filter.
#include "walks/filter_walks.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "checks.hpp"
#include "device_variant.hpp"
#include "generators.hpp"
#include "similarity/device_embeddings.hpp"
#include "similarity/filter_units.hpp"
#include "similarity/fixed_point.hpp"
#include "vulkan/device.hpp"

namespace {

using reference::Embeddings;
using vkc::FilterPrecision;

constexpr bool kCenter = true;

struct Variant {
  DeviceVariant device;
  FilterPrecision precision;
  uint32_t candidates;
};

void PrintTo(const Variant& variant, std::ostream* out) { PrintTo(variant.device, out); }

// A sequence in each order.
std::vector<uint32_t> expected_sequence(const reference::Results& results,
                                        const reference::Rows<int32_t>& cosines, uint32_t start,
                                        uint32_t length, const vkc::Order& order) {
  if (order.rule == VKC_ORDER_CENTROID) return results.sequence(start, length);
  const auto lambda = static_cast<float>(order.lambda / vkc::kFixedPointOne);
  return reference::scored_sequence(cosines, start, length, order.rule == VKC_ORDER_TOWARD, lambda);
}

vkc::Order order_of(VkcOrder rule, float lambda) {
  const VkcSequenceOptions options{sizeof options, static_cast<uint32_t>(rule), lambda, 0};
  return vkc::make_order(options);
}

const std::vector<vkc::Order> orders{
    {}, order_of(VKC_ORDER_AWAY, 0.5F), order_of(VKC_ORDER_TOWARD, 0.25F)};

// Nearly equal rows: they differ from the first in the last bit of a component, or not at all.
Embeddings last_bits(uint32_t n, uint32_t d, uint64_t seed) {
  Embeddings embeddings = generators::unequal_norms(n, d, seed);
  for (uint32_t i = 1; i < n; ++i) {
    for (uint32_t k = 0; k < d; ++k) embeddings.row(i)[k] = embeddings.row(0)[k];
    float& changed = embeddings.row(i)[i % d];
    if (i % 3 != 0) changed = std::nextafter(changed, i % 3 == 1 ? 2.0F : -2.0F);
  }
  return embeddings;
}

// Rows about one direction, so that sums of unit vectors are long and what tells items apart short.
Embeddings one_direction(uint32_t n, uint32_t d, uint64_t seed) {
  Embeddings embeddings = generators::unequal_norms(n, d, seed);
  for (uint32_t i = 0; i < n; ++i) {
    for (uint32_t k = 0; k < d; ++k) embeddings.row(i)[k] = embeddings.row(i)[k] * 0x1p-12F + 1;
  }
  return embeddings;
}

// Norms from 1e-20 to 1e18.
Embeddings extreme_norms(uint32_t n, uint32_t d, uint64_t seed) {
  Embeddings embeddings = generators::unequal_norms(n, d, seed);
  for (uint32_t i = 0; i < n; ++i) {
    const auto factor = static_cast<float>(std::pow(10.0, static_cast<double>(i % 39) - 20));
    for (uint32_t k = 0; k < d; ++k) embeddings.row(i)[k] *= factor;
  }
  return embeddings;
}

class FilterVariants : public testing::TestWithParam<Variant> {
 private:
  const ScopedDeviceVariant variant_{GetParam().device};

 protected:
  // Kernels as for a GPU take long on a CPU: a few sizes and steps of them.
  [[nodiscard]] bool is_slow() const {
    return GetParam().device.device_type != nullptr &&
           std::string_view(device_.info().name).starts_with("llvmpipe");
  }

  [[nodiscard]] vkc::FilterProduct product() const {
    return vkc::FilterWalks::fastest_product(device_, GetParam().precision);
  }

  // How many steps had to be taken in pieces.
  uint64_t expect_walks(const Embeddings& embeddings, bool center, uint32_t most_length = ~0U,
                        uint32_t walks_at_once = 10) {
    if (is_slow()) most_length = std::min(most_length, 6U);
    const uint32_t n = embeddings.n;
    SCOPED_TRACE("n = " + std::to_string(n) + ", d = " + std::to_string(embeddings.d));
    const reference::Results results(embeddings, center);
    const auto rows = reference::in_double(embeddings, center);
    const auto norms = reference::norms(rows);
    const auto cosines = reference::cosines(reference::unit_vectors(rows, norms), norms);
    const vkc::DeviceEmbeddings resident(staging_, embeddings.values.data(), n, embeddings.d,
                                         center);
    const vkc::FilterUnits units(device_, resident, GetParam().precision);
    vkc::FilterWalks walks(device_, resident, units, GetParam().candidates, product());
    const std::vector<uint32_t> few{n - 1};
    // Some of them twice.
    std::vector<uint32_t> many;
    for (uint32_t i = 0; i < walks_at_once; ++i) many.push_back(i * i * 7 % n);
    for (const vkc::Order& order : orders) {
      SCOPED_TRACE("order " + std::to_string(order.rule));
      for (const auto& starts : {few, many}) {
        const uint32_t length = std::min({n, most_length, starts.size() > 1 ? 12U : ~0U});
        std::vector<uint32_t> output(starts.size() * length, ~0U);
        walks.walk(starts, length, order, output.data());
        std::vector<uint32_t> expected;
        for (const uint32_t start : starts) {
          const auto one = expected_sequence(results, cosines, start, length, order);
          expected.insert(expected.end(), one.begin(), one.end());
        }
        EXPECT_TRUE(checks::same_bits<uint32_t>(output, expected, length));
      }
    }
    return walks.crowded_steps();
  }

  const vkc::Device device_{"", true};
  mutable vkc::Staging staging_{device_};
};

TEST_P(FilterVariants, Sizes) {
  for (const uint32_t n : {1U, 2U, 3U, 5U, 63U, 64U, 65U, 255U, 256U, 257U}) {
    if (is_slow() && n != 5 && n != 65 && n != 257) continue;
    expect_walks(generators::unequal_norms(n, 5 + n % 40, n), n % 2 == 1, 80);
    expect_walks(generators::unit_norms(n, 1 + n % 7, n), n % 2 == 0, 80);
  }
}

TEST_P(FilterVariants, LargerSizes) {
  for (const uint32_t n : {767U, 768U, 769U}) {
    if (is_slow() && n != 769) continue;
    expect_walks(generators::unequal_norms(n, 33, n), n % 2 == 1, 40);
  }
}

TEST_P(FilterVariants, TiesDuplicatesAndZeroRows) {
  constexpr uint32_t kItems = 301;
  for (const bool center : {false, true}) {
    if (is_slow() && center) continue;
    expect_walks(generators::ties(kItems, 4, 1), center, 25);
    expect_walks(generators::duplicates(kItems, 5, 2), center, 25);
    expect_walks(generators::zero_rows(kItems, 5, 3), center, 25);
  }
  expect_walks(generators::all_zero(kItems, 2, 4), false, 12);
}

TEST_P(FilterVariants, MadeToDefeatIt) {
  expect_walks(last_bits(257, 16, 1), false, 16);
  expect_walks(one_direction(300, 24, 2), false, 20);
  expect_walks(one_direction(200, 24, 3), kCenter, 20);
  expect_walks(extreme_norms(200, 9, 4), false, 40);
  expect_walks(generators::unequal_norms(200, 1, 5), false, 20);
}

TEST_P(FilterVariants, ManyDimensions) {
  expect_walks(one_direction(3, 65536, 2), false);
  if (!is_slow()) expect_walks(generators::unequal_norms(5, 65536, 1), false);
}

// More equal candidates than there is room for, in the first list and in the second.
TEST_P(FilterVariants, ManyEqualRows) {
  const uint32_t n = is_slow() ? vkc::LISTED_PER_CANDIDATE * GetParam().candidates + 76 : 3000;
  EXPECT_GT(expect_walks(generators::equal_rows(n, 3, 1), false, 4), 0U);
}

// Where they are multiplied as matrices: more than fill one tile, and items that fill none. Else:
// more than are multiplied side by side, and a few left over.
TEST_P(FilterVariants, ManyWalks) {
  const bool in_tiles = product() == vkc::FilterProduct::kTiles;
  expect_walks(generators::unequal_norms(331, 50, 1), false, 8, in_tiles ? 140 : 83);
  expect_walks(generators::duplicates(130, 9, 2), kCenter, 8, in_tiles ? 65 : 19);
}

constexpr uint32_t kLittleRoom = vkc::FILTER_BLOCK;

// By each kernel that multiplies, but that of cooperative matrices.
const std::vector<Variant> variants{
    {{"StreamHalf", nullptr, nullptr, nullptr}, FilterPrecision::kHalf, vkc::MOST_WALK_CANDIDATES},
    {{"TexelsFloat", nullptr, nullptr, nullptr}, FilterPrecision::kFloat, kLittleRoom},
    {{"DiscreteStreamFloat", "discrete", "64", nullptr},
     FilterPrecision::kFloat,
     vkc::MOST_WALK_CANDIDATES},
    {{"DiscreteTilesHalf", "discrete", nullptr, nullptr}, FilterPrecision::kHalf, kLittleRoom},
    {{"DiscreteTilesFloat", "discrete", nullptr, nullptr},
     FilterPrecision::kFloat,
     vkc::MOST_WALK_CANDIDATES},
};

INSTANTIATE_TEST_SUITE_P(Devices, FilterVariants, testing::ValuesIn(variants),
                         [](const auto& test) { return test.param.device.name; });

// Few walks have many workgroups each, of which a device may take no more than 65,535.
TEST(FilterWalkSizes, OfManyWalksAreNotThoseOfFew) {
  constexpr uint32_t kMany = 1024;
  const ScopedDeviceVariant discrete({"Discrete", "discrete", nullptr, nullptr});
  const vkc::Device gpu("", true);
  const auto walks = [&](vkc::FilterProduct product, uint32_t count) {
    return vkc::FilterWalkSizes(gpu, product, 500, 20, count, 12, false, 1ULL << 40).walks;
  };
  EXPECT_EQ(walks(vkc::FilterProduct::kTiles, kMany), kMany);
  EXPECT_EQ(walks(vkc::FilterProduct::kTiles, 3), 3U);
  EXPECT_EQ(walks(vkc::FilterProduct::kStream, 3), 3U);
}

}  // namespace
