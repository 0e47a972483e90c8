#include "walks/walk_choice.hpp"

#include <algorithm>
#include <cstdlib>
#include <string_view>

#include "base/error.hpp"
#include "similarity/device_matrix.hpp"
#include "similarity/filter_units.hpp"

namespace vkc {

namespace {

struct WalkRates {
  double products;      // multiply-adds of the matrix a second
  double matrix_bytes;  // bytes of the matrix that are allocated a second
  double additions;     // of walks over the matrix
  double sums_at_hand;  // of one of them: others are in memory, read and written in each step
  double fewest_walks;  // over the matrix: fewer at a time take as long
  double matrix_step;   // seconds that a step over the matrix takes at least
  double read;  // elements of items a second, which the filter reads for one walk or for many
  double filter_item;  // seconds of each item and walk, whatever d is
  double conversion;   // elements a second that are made ready for the filter
  double filter_step;  // seconds that a step by the filter takes at least
  double filter;       // seconds that the filter takes to be there, however few items there are
};

constexpr WalkRates kGpuWalks{1.4e13, 9e10, 1e12, 40960, 1, 1.5e-6, 1.3e12, 0, 1e10, 3e-5, 5e-3};
constexpr WalkRates kCpuWalks{1.2e10, 4e9, 1.2e9, 1e18, 2, 1e-5, 3.2e9, 9e-9, 6e7, 2e-4, 1e-2};

constexpr std::string_view kFloatFilter = "filter-float32";

// What the environment names; empty where it names nothing.
std::string_view named_way() {
  const char* named = std::getenv("VKC_WALKS");
  return named == nullptr ? "" : named;
}

// Multiply-adds of the filter a second, for as many walks as keep its kernel busy.
double filter_products(const Device& device) {
  switch (choose_filter_product(device)) {
    case FilterProduct::kTexels:
      return 1.3e10;
    case FilterProduct::kTiles:
      return 2e13;
    case FilterProduct::kCooperative:
      return 5.6e13;
    case FilterProduct::kStream:
      break;
  }
  return 1e13;
}

// By how much the filter has to be faster.
constexpr double kClearly = 0.5;

// Whether a matrix of n items can be there beside walks.
bool matrix_fits(const Device& device, uint32_t n, uint64_t available) {
  return DeviceMatrix::bytes(n, n) <= DeviceMatrix::most_bytes(device, n, available) &&
         DeviceMatrix::footprint(device, n, n).device <= available / 8 * 7;
}

}  // namespace

double expected_walk_seconds(const Device& device, const WalkRequest& request, WalkWay way,
                             bool is_ready) {
  const WalkRates& rates = device.limits().is_cpu ? kCpuWalks : kGpuWalks;
  const double n = request.n;
  const auto count = static_cast<double>(request.count);
  const double steps = static_cast<double>(request.length) - 1;
  if (way == WalkWay::kMatrix) {
    const double matrix =
        is_ready ? 0 : n * n * request.d / rates.products + 4 * n * n / rates.matrix_bytes;
    const double walks = std::max(count, rates.fewest_walks);
    const double moved = n + 2 * std::max(n - rates.sums_at_hand, 0.0);
    return matrix + steps * std::max(rates.matrix_step, walks * moved / rates.additions);
  }
  const double units = is_ready ? 0 : rates.filter + n * request.d / rates.conversion;
  const double of_item = std::max(
      request.d / rates.read, count * (request.d / filter_products(device) + rates.filter_item));
  return units + steps * (rates.filter_step + n * of_item);
}

WalkWay choose_walk_way(const Device& device, const WalkRequest& request,
                        const WalkMemory& memory) {
  const std::string_view name = named_way();
  if (name == "matrix") return WalkWay::kMatrix;
  if (name == "filter" || name == kFloatFilter) return WalkWay::kFilter;
  if (!name.empty()) {
    fail(VKC_ERROR_INVALID_ARGUMENT, "the environment variable VKC_WALKS is '", name,
         "' and must be matrix, filter or filter-float32, or not set");
  }
  if (memory.has_matrix) return WalkWay::kMatrix;
  const bool readable =
      FilterUnits::is_readable(device, request.n, request.d, filter_precision(device));
  if (!readable) return WalkWay::kMatrix;
  if (!matrix_fits(device, request.n, memory.available)) return WalkWay::kFilter;
  const double by_matrix = expected_walk_seconds(device, request, WalkWay::kMatrix, false);
  const double by_filter =
      expected_walk_seconds(device, request, WalkWay::kFilter, memory.has_filter);
  return by_filter < kClearly * by_matrix ? WalkWay::kFilter : WalkWay::kMatrix;
}

FilterProduct choose_filter_product(const Device& device) {
  const FilterProduct fastest = FilterWalks::fastest_product(device, filter_precision(device));
  return fastest == FilterProduct::kCooperative && named_way() == kFloatFilter
             ? FilterProduct::kTiles
             : fastest;
}

}  // namespace vkc
