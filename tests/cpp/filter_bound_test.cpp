// The filter's bounds: true errors of what kernels compute, over millions of pairs of items and of
// pairs of a walk and an item, beside the bounds that the library takes. And filters that are
// wrong.
#include "similarity/filter_bound.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "checks.hpp"
#include "device_variant.hpp"
#include "filter_devices.hpp"
#include "generators.hpp"
#include "shaders/interface.h"
#include "similarity/device_embeddings.hpp"
#include "similarity/filter_units.hpp"
#include "similarity/filtered_neighbors.hpp"
#include "similarity/fixed_point.hpp"
#include "similarity/half_vectors.hpp"
#include "vulkan/device.hpp"
#include "vulkan/kernel_table.hpp"
#include "vulkan/submission.hpp"
#include "walks/filter_walks.hpp"

namespace {

using reference::Embeddings;
using vkc::FILTER_TILE_SIDE;
using vkc::FilterArithmetic;
using vkc::FilterPrecision;
using vkc::FilterProduct;
using vkc::FIRST_QUERY;
using vkc::MOST_CANDIDATES;

struct Set {
  const char* name;
  Embeddings embeddings;
  bool center = false;
  uint32_t most_chosen = 30;  // by a walk
};

// With n items where d is small; fewer of many dimensions.
std::vector<Set> sets(uint32_t n) {
  return {{"d = 1", generators::unequal_norms(n, 1, 1), false, 3},
          {"ties", generators::ties(n, 3, 2), false, 20},
          {"d = 17", generators::unequal_norms(n, 17, 3)},
          {"centred", generators::unequal_norms(n, 40, 4), true},
          {"zero rows", generators::zero_rows(n, 33, 5)},
          {"norms from 1e-20 to 1e20", generators::norms_of_any_size(n, 9, 6)},
          {"last bits", generators::last_bits(n, 12, 7)},
          {"one direction", generators::near_ties(n, 64, 8), false, 40},
          {"one direction, centred", generators::near_ties(n, 64, 9), true},
          {"d = 768", generators::unequal_norms(n / 4, 768, 10), false, 20},
          {"d = 65536", generators::unequal_norms(n / 16, 65536, 11), false, 2}};
}

reference::Rows<int32_t> cosines_of(const Embeddings& embeddings, bool center) {
  const auto rows = reference::in_double(embeddings, center);
  const auto norms = reference::norms(rows);
  return reference::cosines(reference::unit_vectors(rows, norms), norms);
}

// The greatest of many errors, in shares of their bounds.
struct Errors {
  uint64_t pairs = 0;
  double share = 0;  // NaN: something is not a number

  void add(double error, double bound) {
    ++pairs;
    if (!(error <= share * bound)) share = error / bound;
  }
  void tell(const std::string& of) const {
    std::printf("%-60s %9llu pairs, the greatest error is %.3g of the bound\n", of.c_str(),
                static_cast<unsigned long long>(pairs), share);
  }
};

// ---- Pairs of items, as neighbours are filtered

class FilterBoundOfPairs : public OnFilterDevice {};

// The products of all pairs of up to MOST_CANDIDATES items, as the filter's kernels compute them;
// in the scale of cosines.
std::vector<double> products(vkc::Staging& staging, const vkc::DeviceEmbeddings& embeddings,
                             const vkc::HalfVectors& halves, FilterArithmetic arithmetic) {
  const vkc::Device& device = staging.device();
  const uint32_t tiles = (embeddings.n + FILTER_TILE_SIDE - 1) / FILTER_TILE_SIDE;
  const uint32_t rows = tiles * FILTER_TILE_SIDE;
  vkc::HalfVectors row_halves(device, embeddings, rows);
  row_halves.fill(embeddings.units, FIRST_QUERY, embeddings.n);
  const vkc::Buffer table(device, uint64_t{3} * rows * 4, vkc::MemoryUse::kDevice);
  const vkc::Buffer candidates(device, uint64_t{rows} * MOST_CANDIDATES * 8,
                               vkc::MemoryUse::kDevice);
  const vkc::Buffer host(device, candidates.bytes(), vkc::MemoryUse::kStaging);
  const vkc::Kernel begin(device, {.code = vkc::kernels::filter_rows});
  const vkc::Kernel product = vkc::make_filter_product(device, arithmetic, halves, row_halves);
  vkc::Submission submission(device);
  const vk::raii::CommandBuffer& commands = submission.begin();
  begin.record(commands,
               vkc::FilterRowsPush{.thresholds = table.address(),
                                   .counts = table.address() + uint64_t{rows} * 4,
                                   .own_rows = table.address() + uint64_t{rows} * 8,
                                   .units_rows = embeddings.order.rows(),
                                   .first_item = FIRST_QUERY,
                                   .count = embeddings.n,
                                   .padded = rows,
                                   .taken = rows},
               rows / 64);
  vkc::full_barrier(commands);
  product.record(commands,
                 vkc::FilterProductPush{.items = halves.buffer().address(),
                                        .rows = row_halves.buffer().address(),
                                        .thresholds = table.address(),
                                        .counts = table.address() + uint64_t{rows} * 4,
                                        .own_rows = table.address() + uint64_t{rows} * 8,
                                        .candidates = candidates.address(),
                                        .n = embeddings.n,
                                        .halves_pitch = halves.pitch(),
                                        .row_tiles = tiles,
                                        .column_tiles = tiles,
                                        .first_column = 0,
                                        .column_stride = 1,
                                        .all = 1},
                 tiles * tiles);
  vkc::full_barrier(commands);
  commands.copyBuffer(candidates.handle(), host.handle(), vk::BufferCopy(0, 0, host.bytes()));
  submission.submit();
  submission.wait();
  std::vector<double> out(size_t{embeddings.n} * embeddings.n);
  for (uint32_t row = 0; row < embeddings.n; ++row) {
    for (uint32_t place = 0; place < embeddings.n; ++place) {
      const uint64_t key = host.mapped_as<uint64_t>()[uint64_t{row} * MOST_CANDIDATES + place];
      const auto order = static_cast<uint32_t>(key >> 32);
      const uint32_t bits = order >> 31 == 1 ? order : ~order & 0x7fffffffU;
      const auto column = static_cast<uint32_t>(key);
      EXPECT_EQ(column, place);
      out[size_t{row} * embeddings.n + place] = double{std::bit_cast<float>(bits)} * 0x1p-30;
    }
  }
  return out;
}

Errors errors_of_pairs(const Set& set, const vkc::DeviceEmbeddings& resident,
                       const std::vector<double>& found, double bound) {
  const auto cosines = cosines_of(set.embeddings, set.center);
  const uint32_t n = resident.n;
  Errors errors;
  for (uint32_t i = 0; i < n; ++i) {
    const int32_t* exact = cosines.row(resident.order.id_in(i));
    for (uint32_t j = 0; j < n; ++j) {
      if (i == j) continue;
      const double cosine = exact[resident.order.id_in(j)] * 0x1p-30;
      errors.add(std::abs(cosine - found[size_t{i} * n + j]), bound);
    }
  }
  return errors;
}

TEST_P(FilterBoundOfPairs, Holds) {
  uint64_t pairs = 0;
  for (const Set& set : sets(1000)) {
    SCOPED_TRACE(set.name);
    const uint32_t n = set.embeddings.n;
    const uint32_t d = set.embeddings.d;
    const vkc::DeviceEmbeddings resident(staging_, set.embeddings.values.data(), n, d, set.center);
    vkc::HalfVectors halves(device_, resident, n);
    halves.fill();
    for (const FilterArithmetic arithmetic : filter_arithmetics(device_)) {
      const bool matrices = arithmetic == FilterArithmetic::kMatrices;
      const auto bound_with = [&](double error) {
        return vkc::filter_bound(d, halves.pitch(), error, error,
                                 matrices ? vkc::kMatrixUnit : vkc::kFloatUnit);
      };
      const double bound = bound_with(halves.error());
      const Errors errors =
          errors_of_pairs(set, resident, products(staging_, resident, halves, arithmetic), bound);
      errors.tell(std::string(set.name) + (matrices ? ", by matrices" : ""));
      EXPECT_LE(errors.share, 1);
      pairs += errors.pairs;
      // A bound without what float16 rounds is too small, and this test tells.
      EXPECT_TRUE(d != 17 || errors.share * bound > bound_with(0));
    }
  }
  EXPECT_GT(pairs, 5'000'000U);
}

// The measured error is that of the host, who converts in float64.
TEST_P(FilterBoundOfPairs, HasTheErrorOfTheConversion) {
  const uint32_t n = 300;
  const Embeddings embeddings = generators::unequal_norms(n, 24, 1);
  const vkc::DeviceEmbeddings on_device(staging_, embeddings.values.data(), n, 24, false);
  vkc::HalfVectors halves(device_, on_device, n);
  halves.fill();
  // Half a unit in the last place of 11 bits at most, in a vector of length 1; a quarter or less on
  // average.
  EXPECT_LE(halves.error(), 0x1p-11);
  EXPECT_GT(halves.error(), 0x1p-14);
}

INSTANTIATE_TEST_SUITE_P(Devices, FilterBoundOfPairs, testing::ValuesIn(filter_device_variants),
                         [](const auto& test) { return test.param.name; });

// ---- Pairs of a walk and an item

class FilterBound : public testing::Test {
 protected:
  vkc::Device device_{"", true};
  vkc::Staging staging_{device_};
};

vkc::Order order_of(VkcOrder rule, float lambda) {
  const VkcSequenceOptions options{sizeof options, static_cast<uint32_t>(rule), lambda, 0};
  return vkc::make_order(options);
}

const std::vector<vkc::Order> orders{
    {}, order_of(VKC_ORDER_AWAY, 0.5F), order_of(VKC_ORDER_TOWARD, 0.25F)};

// Walks of the definition, and what they choose by.
class ExactWalks {
 public:
  ExactWalks(const Embeddings& embeddings, bool center) : cosines_(cosines_of(embeddings, center)) {
    weights_ = reference::weights(reference::norms(reference::in_double(embeddings, center)));
    contributions_ = reference::contributions(cosines_, weights_);
  }

  [[nodiscard]] std::vector<uint32_t> sequence(uint32_t start, uint32_t length,
                                               const vkc::Order& order) const {
    if (order.rule == VKC_ORDER_CENTROID) {
      return reference::diversity_sequence(contributions_, start, length);
    }
    return reference::scored_sequence(cosines_, start, length, order.rule == VKC_ORDER_TOWARD,
                                      static_cast<float>(order.lambda * 0x1p-30));
  }

  // What item j is chosen by after these.
  [[nodiscard]] double value(std::span<const uint32_t> chosen, uint32_t j,
                             const vkc::Order& order) const {
    if (order.rule == VKC_ORDER_CENTROID) {
      int64_t sum = 0;
      for (const uint32_t i : chosen) sum += contributions_.row(i)[j];
      return static_cast<double>(sum) * 0x1p-30;
    }
    const bool toward = order.rule == VKC_ORDER_TOWARD;
    const double with_start = cosines_.row(chosen[0])[j] * 0x1p-30;
    double greatest = -1;
    for (const uint32_t i : chosen.subspan(toward ? 1 : 0)) {
      greatest = std::max(greatest, cosines_.row(i)[j] * 0x1p-30);
    }
    const double lambda = order.lambda * 0x1p-30;
    return lambda * (toward ? -with_start : with_start) + (1 - lambda) * greatest;
  }

 private:
  reference::Rows<int32_t> cosines_;
  std::vector<int64_t> weights_;
  reference::Rows<int32_t> contributions_;
};

// Compares what kernels filter by with what the definition has, for some walks, short and long.
Errors errors_of_walks(const Set& set, const ExactWalks& exact, const vkc::Order& order,
                       vkc::FilterWalks& walks) {
  const uint32_t n = set.embeddings.n;
  const uint32_t most = std::min(set.most_chosen, n - 1);  // at least 2
  constexpr uint32_t kStarts = 10;
  std::vector<uint32_t> starts(kStarts);
  std::vector<std::vector<uint32_t>> sequences(kStarts);
  for (uint32_t i = 0; i < kStarts; ++i) {
    starts[i] = i * i * 7 % n;
    sequences[i] = exact.sequence(starts[i], most, order);
  }
  Errors errors;
  for (const uint32_t chosen : std::set{1U, 2U, std::min(9U, most), most}) {
    // Errors of other orders do not grow.
    if (chosen > 9 && order.rule != VKC_ORDER_CENTROID) break;
    const vkc::FilteredValues found = walks.filtered(starts, chosen, order);
    for (uint32_t w = 0; w < kStarts; ++w) {
      const std::span<const uint32_t> before = std::span(sequences[w]).first(chosen);
      for (uint32_t j = 0; j < n; ++j) {
        if (std::find(before.begin(), before.end(), j) != before.end()) continue;
        const double value = exact.value(before, j, order);
        errors.add(std::abs(found.values[size_t{w} * n + j] - value), found.bounds[w]);
      }
    }
  }
  return errors;
}

struct Arithmetic {
  const char* name;
  FilterPrecision precision;
  FilterProduct product;
};

// The number of pairs.
uint64_t expect_walks_within(const Set& set, const ExactWalks& exact,
                             const vkc::DeviceEmbeddings& resident, const vkc::FilterUnits& units,
                             const Arithmetic& arithmetic, const vkc::Device& device) {
  vkc::FilterWalks walks(device, resident, units, vkc::MOST_WALK_CANDIDATES, arithmetic.product);
  Errors errors;
  for (const vkc::Order& order : orders) {
    SCOPED_TRACE(std::string(arithmetic.name) + ", order " + std::to_string(order.rule));
    const Errors of_order = errors_of_walks(set, exact, order, walks);
    EXPECT_LE(of_order.share, 1);
    errors.pairs += of_order.pairs;
    errors.share = std::max(errors.share, of_order.share);
    const auto bound = [&](double distance) {
      return vkc::filter_bound_of_score(distance, resident.d, vkc::kFloatUnit);
    };
    // A bound without what float16 rounds is too small, and this test tells.
    if (resident.d == 17 && arithmetic.precision == FilterPrecision::kHalf &&
        order.rule == VKC_ORDER_AWAY) {
      EXPECT_GT(of_order.share * bound(units.distance()), bound(0));
    }
  }
  errors.tell(std::string(set.name) + ", walks, " + arithmetic.name);
  return errors.pairs;
}

TEST_F(FilterBound, OfWalks) {
  std::vector<Arithmetic> all{{"float16", FilterPrecision::kHalf, FilterProduct::kStream},
                              {"float32", FilterPrecision::kFloat, FilterProduct::kStream},
                              {"float16 in tiles", FilterPrecision::kHalf, FilterProduct::kTiles},
                              {"float32 in tiles", FilterPrecision::kFloat, FilterProduct::kTiles}};
  if (device_.limits().cooperative_matrices) {
    all.push_back({"by matrices", FilterPrecision::kHalf, FilterProduct::kCooperative});
  }
  if (device_.limits().is_cpu) {
    all.push_back({"texels", FilterPrecision::kFloat, FilterProduct::kTexels});
  }
  uint64_t pairs = 0;
  for (const Set& set : sets(700)) {
    SCOPED_TRACE(set.name);
    const Embeddings& embeddings = set.embeddings;
    const ExactWalks exact(embeddings, set.center);
    const vkc::DeviceEmbeddings resident(staging_, embeddings.values.data(), embeddings.n,
                                         embeddings.d, set.center);
    for (const Arithmetic& arithmetic : all) {
      // Kernels for GPUs are slow on a CPU: but for the one that is fastest there, some sets do.
      const bool slow = device_.limits().is_cpu && arithmetic.product != FilterProduct::kTexels &&
                        (arithmetic.product == FilterProduct::kTiles ||
                         arithmetic.precision == FilterPrecision::kFloat);
      if (slow && embeddings.d != 17 && embeddings.d != 3) continue;
      const vkc::FilterUnits units(device_, resident, arithmetic.precision);
      pairs += expect_walks_within(set, exact, resident, units, arithmetic, device_);
    }
  }
  EXPECT_GT(pairs, 1'000'000U);
}

// The sharper value of the order `centroid`: refined_value of filter_walk_candidates.comp.
int64_t refined_value(const std::vector<int64_t>& sums, const int32_t* unit) {
  int64_t high = 0;
  int64_t low = 0;
  for (size_t k = 0; k < sums.size(); ++k) {
    high += (sums[k] >> 24) * unit[k];
    low += (sums[k] & 0xffffff) * unit[k];
  }
  return high + (low >> 24);
}

TEST_F(FilterBound, OfRefinedValues) {
  for (const Set& set : sets(400)) {
    SCOPED_TRACE(set.name);
    const Embeddings& embeddings = set.embeddings;
    const uint32_t most = std::min(set.most_chosen, embeddings.n - 1);
    const ExactWalks exact(embeddings, set.center);
    const auto rows = reference::in_double(embeddings, set.center);
    const auto norms = reference::norms(rows);
    const auto units = reference::unit_vectors(rows, norms);
    const auto weights = reference::weights(norms);
    const auto sequence = exact.sequence(0, most, {});
    std::vector<int64_t> sums(embeddings.d, 0);
    Errors errors;
    for (uint32_t chosen = 1; chosen <= most; ++chosen) {
      const uint32_t latest = sequence[chosen - 1];
      for (uint32_t k = 0; k < embeddings.d; ++k) {
        sums[k] += reference::rescale(weights[latest] * units.row(latest)[k]);
      }
      const double bound =
          static_cast<double>(vkc::refined_bound_of_pick(embeddings.d)) * chosen + 2;
      const std::span<const uint32_t> before = std::span(sequence).first(chosen);
      for (uint32_t j = 0; j < embeddings.n; ++j) {
        if (std::find(before.begin(), before.end(), j) != before.end()) continue;
        const auto refined = static_cast<double>(refined_value(sums, units.row(j)));
        errors.add(std::abs(refined - exact.value(before, j, {}) * 0x1p36), bound);
      }
    }
    EXPECT_LE(errors.share, 1);
    errors.tell(std::string(set.name) + ", refined");
  }
}

// ---- Filters that are wrong

// Of other items than those that decide, with the wrong sign, or of zeros.
TEST_F(FilterBound, AFilterOfOtherItemsIsFound) {
  constexpr uint32_t kN = 300;
  constexpr uint32_t kD = 24;
  const Embeddings embeddings = generators::unequal_norms(kN, kD, 1);
  Embeddings opposite = embeddings;
  for (float& value : opposite.values) value = -value;
  const vkc::DeviceEmbeddings resident(staging_, embeddings.values.data(), kN, kD, false);
  const auto result_of = [&](const vkc::FilterUnits& units, uint32_t count,
                             const vkc::Order& order) {
    vkc::FilterWalks walks(device_, resident, units, vkc::MOST_WALK_CANDIDATES,
                           FilterProduct::kTiles);
    const std::vector<uint32_t> starts(count, 7);
    std::vector<uint32_t> output(size_t{count} * 9);
    try {
      walks.walk(starts, 9, order, output.data());
    } catch (const vkc::Error& error) {
      return error.code();
    }
    return VKC_SUCCESS;
  };
  const auto others = {generators::unequal_norms(kN, kD, 2), opposite,
                       generators::all_zero(kN, kD, 3)};
  for (const FilterPrecision precision : {FilterPrecision::kHalf, FilterPrecision::kFloat}) {
    for (const vkc::Order& order : orders) {
      for (const Embeddings& other : others) {
        const vkc::DeviceEmbeddings wrong(staging_, other.values.data(), kN, kD, false);
        const vkc::FilterUnits units(device_, wrong, precision);
        EXPECT_EQ(result_of(units, 1, order), VKC_ERROR_WRONG_RESULT);
        EXPECT_EQ(result_of(units, 20, order), VKC_ERROR_WRONG_RESULT);
      }
      const vkc::FilterUnits right(device_, resident, precision);
      EXPECT_EQ(result_of(right, 20, order), VKC_SUCCESS);
    }
  }
}

}  // namespace
