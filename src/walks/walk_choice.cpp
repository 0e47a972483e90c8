#include "walks/walk_choice.hpp"

#include <algorithm>
#include <cstdlib>
#include <string_view>

#include "similarity/device_matrix.hpp"
#include "similarity/filter_units.hpp"

namespace vkc {

namespace {

struct Rates {
  double products;     // multiply-adds of the matrix a second
  double additions;    // of walks over the matrix
  double matrix_step;  // seconds that a step over the matrix takes at least
  double filtered;  // multiply-adds of the filter: of one walk, or of as many as share what is read
  double filter_step;  // seconds that a step by the filter takes at least
};

constexpr Rates kGpu{1.4e13, 1e12, 1.5e-6, 1.3e12, 3e-5};
constexpr Rates kCpu{1.4e10, 2e9, 1e-5, 1.8e8, 2e-4};

// Walks for which items are read once.
constexpr double kSharing = 8;

// By how much the filter has to be faster.
constexpr double kClearly = 0.5;

// Whether a matrix of n items can be there beside walks.
bool matrix_fits(const Device& device, uint32_t n, uint64_t available) {
  return DeviceMatrix::bytes(n, n) <= DeviceMatrix::most_bytes(device, n, available) &&
         DeviceMatrix::footprint(device, n, n).device <= available / 8 * 7;
}

}  // namespace

double expected_walk_seconds(const Device& device, const WalkRequest& request, WalkWay way,
                             bool has_matrix) {
  const Rates& rates = device.limits().is_cpu ? kCpu : kGpu;
  const double n = request.n;
  const auto count = static_cast<double>(request.count);
  const double steps = static_cast<double>(request.length) - 1;
  if (way == WalkWay::kMatrix) {
    const double matrix = has_matrix ? 0 : n * n * request.d / rates.products;
    return matrix + steps * std::max(rates.matrix_step, count * n / rates.additions);
  }
  const double passes = std::max(1.0, count / kSharing);
  return steps * (rates.filter_step + passes * n * request.d / rates.filtered);
}

WalkWay choose_walk_way(const Device& device, const WalkRequest& request,
                        const WalkMemory& memory) {
  const char* named = std::getenv("VKC_WALKS");
  if (named != nullptr && std::string_view(named) == "matrix") return WalkWay::kMatrix;
  if (named != nullptr && std::string_view(named) == "filter") return WalkWay::kFilter;
  if (memory.has_matrix) return WalkWay::kMatrix;
  const bool readable =
      FilterUnits::is_readable(device, request.n, request.d, filter_precision(device));
  if (!readable) return WalkWay::kMatrix;
  if (!matrix_fits(device, request.n, memory.available)) return WalkWay::kFilter;
  const double by_matrix = expected_walk_seconds(device, request, WalkWay::kMatrix, false);
  const double by_filter = expected_walk_seconds(device, request, WalkWay::kFilter, false);
  return by_filter < kClearly * by_matrix ? WalkWay::kFilter : WalkWay::kMatrix;
}

}  // namespace vkc
