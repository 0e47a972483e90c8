// The filter: its bound holds for every pair, it finds what the reference finds, whatever is made
// to defeat it, and a bound that is too small is caught.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <set>
#include <string>
#include <vector>

#include "checks.hpp"
#include "device_variant.hpp"
#include "generators.hpp"
#include "shaders/interface.h"
#include "similarity/device_embeddings.hpp"
#include "similarity/filter_bound.hpp"
#include "similarity/filtered_neighbors.hpp"
#include "similarity/half_vectors.hpp"
#include "similarity/row_source.hpp"
#include "vulkan/device.hpp"
#include "vulkan/kernel_table.hpp"
#include "vulkan/submission.hpp"

namespace {

using reference::Embeddings;
using vkc::FILTER_TILE_SIDE;
using vkc::FilterArithmetic;
using vkc::FIRST_QUERY;
using vkc::MOST_CANDIDATES;

// Rows in pairs that differ in the last bit of one number.
Embeddings last_bits(uint32_t n, uint32_t d, uint64_t seed) {
  Embeddings embeddings = generators::unequal_norms(n, d, seed);
  for (uint32_t i = 1; i < n; i += 2) {
    for (uint32_t k = 0; k < d; ++k) embeddings.row(i)[k] = embeddings.row(i - 1)[k];
    embeddings.row(i)[i % d] = std::nextafter(embeddings.row(i)[i % d], 2.0F);
  }
  return embeddings;
}

// Rows around one direction, all so near it that float16 cannot tell them apart.
Embeddings near_ties(uint32_t n, uint32_t d, uint64_t seed) {
  Embeddings embeddings = generators::unequal_norms(n, d, seed);
  for (uint32_t i = 0; i < n; ++i) {
    for (uint32_t k = 0; k < d; ++k) {
      embeddings.row(i)[k] = 1 + std::ldexp(embeddings.row(i)[k], -12);
    }
  }
  return embeddings;
}

Embeddings norms_of_any_size(uint32_t n, uint32_t d, uint64_t seed) {
  Embeddings embeddings = generators::unequal_norms(n, d, seed);
  for (uint32_t i = 0; i < n; ++i) {
    for (uint32_t k = 0; k < d; ++k) {
      embeddings.row(i)[k] *= std::pow(10.0F, static_cast<float>(i % 41) - 20);
    }
  }
  return embeddings;
}

// So many equal rows, spread among others.
Embeddings many_equal(uint32_t n, uint32_t equal, uint32_t d, uint64_t seed) {
  Embeddings embeddings = generators::unequal_norms(n, d, seed);
  for (uint32_t e = 0; e < equal; ++e) {
    const auto i = static_cast<uint32_t>(uint64_t{n} * e / equal);
    for (uint32_t k = 0; k < d; ++k) embeddings.row(i)[k] = embeddings.row(0)[k];
  }
  return embeddings;
}

// What the device can multiply with.
std::vector<FilterArithmetic> arithmetics(const vkc::Device& device) {
  std::vector<FilterArithmetic> all{FilterArithmetic::kFloat};
  if (device.limits().cooperative_matrices) all.push_back(FilterArithmetic::kMatrices);
  return all;
}

// On the device as it is, and on one with the kernels for GPUs.
class Filter : public testing::TestWithParam<DeviceVariant> {
 private:
  const ScopedDeviceVariant variant_{GetParam()};

 protected:
  vkc::Device device_{"", true};
  vkc::Staging staging_{device_};
};

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

// The greatest distance of the products to the exact cosines.
double greatest_error(const Embeddings& embeddings, const vkc::DeviceEmbeddings& on_device,
                      const std::vector<double>& products) {
  const auto rows = reference::in_double(embeddings, false);
  const auto norms = reference::norms(rows);
  const auto units = reference::unit_vectors(rows, norms);
  double greatest = 0;
  for (uint32_t i = 0; i < embeddings.n; ++i) {
    for (uint32_t j = 0; j < embeddings.n; ++j) {
      const uint32_t a = on_device.order.id_in(i);
      const uint32_t b = on_device.order.id_in(j);
      if (a == b) continue;
      const double exact = reference::cosine(units, norms, a, b) * 0x1p-30;
      greatest = std::max(greatest, std::abs(exact - products[size_t{i} * embeddings.n + j]));
    }
  }
  return greatest;
}

// Millions of pairs.
TEST_P(Filter, NoProductIsFartherOffThanTheBound) {
  const uint32_t n = 1000;
  for (const auto& embeddings :
       {generators::unequal_norms(n, 17, 1), generators::unequal_norms(n, 200, 2),
        generators::ties(n, 3, 3), generators::unequal_norms(n, 1, 4), near_ties(n, 64, 5),
        norms_of_any_size(n, 9, 6), generators::zero_rows(n, 33, 7)}) {
    SCOPED_TRACE("d = " + std::to_string(embeddings.d));
    const vkc::DeviceEmbeddings on_device(staging_, embeddings.values.data(), n, embeddings.d,
                                          false);
    vkc::HalfVectors halves(device_, on_device, n);
    halves.fill();
    for (const FilterArithmetic arithmetic : arithmetics(device_)) {
      const double unit =
          arithmetic == FilterArithmetic::kMatrices ? vkc::kMatrixUnit : vkc::kFloatUnit;
      const double bound =
          vkc::filter_bound(embeddings.d, halves.pitch(), halves.error(), halves.error(), unit);
      const double error =
          greatest_error(embeddings, on_device, products(staging_, on_device, halves, arithmetic));
      EXPECT_LE(error, bound);
      std::printf("d = %u: the greatest error is %.3g of the bound, %.3g\n", embeddings.d,
                  error / bound, bound);
      // The conversion is what errors come from: without it in the bound, this test fails.
      if (embeddings.d == 17) {
        EXPECT_GT(error, vkc::filter_bound(embeddings.d, halves.pitch(), 0, 0, unit));
      }
    }
  }
}

// The measured error is that of the host, who converts in float64.
TEST_P(Filter, TheErrorOfTheConversionIsMeasured) {
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

void expect_as_exact(vkc::Staging& staging, const Embeddings& embeddings, bool center,
                     const std::set<uint32_t>& ks, bool overflows = false) {
  SCOPED_TRACE("n = " + std::to_string(embeddings.n) + ", d = " + std::to_string(embeddings.d) +
               (center ? ", centred" : ""));
  const uint32_t n = embeddings.n;
  const reference::Neighbors expected(embeddings, center);
  const vkc::DeviceEmbeddings on_device(staging, embeddings.values.data(), n, embeddings.d, center);
  vkc::RowSource rows(staging, on_device);
  vkc::Neighbors exact(staging, rows);
  vkc::HalfVectors halves(staging.device(), on_device, n);
  halves.fill();
  for (const FilterArithmetic arithmetic : arithmetics(staging.device())) {
    vkc::FilteredNeighbors filtered(staging, on_device, halves, on_device.units, exact, arithmetic);
    for (const uint32_t k : ks) {
      if (k >= n) continue;
      checks::Guarded<uint32_t> ids(size_t{n} * k);
      checks::Guarded<float> similarities(size_t{n} * k);
      filtered.find(0, n, k, ids.data(), similarities.data());
      EXPECT_TRUE(ids.guards_intact() && similarities.guards_intact());
      const auto lists = expected.lists(0, n, k);
      EXPECT_TRUE(checks::same_bits<uint32_t>(ids.span(), lists.ids, k)) << "k = " << k;
      EXPECT_TRUE(checks::same_bits<float>(similarities.span(), lists.similarities, k));
      EXPECT_EQ(filtered.overflowed() > 0, overflows)
          << filtered.overflowed() << " rows, k = " << k;
    }
  }
}

TEST_P(Filter, FindsWhatTheReferenceFinds) {
  for (const uint32_t n : {2U, 127U, 128U, 129U, 513U, 1500U}) {
    expect_as_exact(staging_, generators::unequal_norms(n, 1 + n % 90, n), n % 2 == 1,
                    {1, 10, 100, 255, 256, n - 1 <= 256 ? n - 1 : 2});
  }
}

TEST_P(Filter, SetsMadeToDefeatIt) {
  for (const bool center : {false, true}) {
    expect_as_exact(staging_, last_bits(700, 12, 1), center, {1, 20});
    expect_as_exact(staging_, norms_of_any_size(300, 9, 2), center, {1, 20});
    expect_as_exact(staging_, generators::zero_rows(600, 5, 3), center, {1, 20});
    expect_as_exact(staging_, generators::ties(600, 2, 4), center, {1, 20});
  }
  expect_as_exact(staging_, near_ties(900, 16, 5), false, {1, 20});
  expect_as_exact(staging_, generators::unequal_norms(500, 1, 6), false, {1, 20});
  expect_as_exact(staging_, generators::unequal_norms(9, VKC_MAX_EMBEDDING_DIM, 7), true, {1, 8});
}

// More candidates than there is room for: those rows are done again.
TEST_P(Filter, ManyEqualRows) {
  expect_as_exact(staging_, many_equal(3300, 3000, 4, 1), false, {1, 50}, true);
  expect_as_exact(staging_, near_ties(1600, 16, 2), false, {20}, true);
}

const std::vector<DeviceVariant> variants{{"AsItIs", nullptr, nullptr, nullptr},
                                          {"Discrete", "discrete", nullptr, nullptr}};

INSTANTIATE_TEST_SUITE_P(Devices, Filter, testing::ValuesIn(variants),
                         [](const auto& test) { return test.param.name; });

// By the C API, where all ways give the same.
TEST(NeighborWays, AreNamedInTheEnvironment) {
  const Embeddings embeddings = generators::unequal_norms(400, 20, 1);
  const Embeddings queries = generators::unequal_norms(130, 20, 2);
  const auto context = checks::make_context();
  checks::upload(context.get(), embeddings, true);
  const reference::Neighbors expected(embeddings, true);
  for (const char* way : {"rows", "filter", "filter-float32"}) {
    const checks::ScopedEnvironment named("VKC_NEIGHBORS", way);
    std::vector<uint32_t> ids(400 * 9);
    EXPECT_TRUE(
        checks::succeeded(vkc_compute_nearest_neighbors(context.get(), 9, ids.data(), nullptr)));
    EXPECT_EQ(ids, expected.lists(0, 400, 9).ids) << way;
    ids.resize(130 * 9);
    EXPECT_TRUE(checks::succeeded(
        vkc_find_nearest(context.get(), queries.values.data(), 130, 20, 9, ids.data(), nullptr)));
    EXPECT_EQ(ids, reference::nearest(queries, embeddings, true, 9).ids) << way;
  }
  const checks::ScopedEnvironment named("VKC_NEIGHBORS", "fast");
  std::vector<uint32_t> ids(400);
  EXPECT_TRUE(checks::failed(vkc_compute_nearest_neighbors(context.get(), 1, ids.data(), nullptr),
                             VKC_ERROR_INVALID_ARGUMENT,
                             {"VKC_NEIGHBORS is 'fast'", "filter-float32"}));
}

}  // namespace
