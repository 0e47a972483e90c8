#include "similarity/neighbor_search.hpp"

#include <array>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "base/error.hpp"

namespace vkc {

namespace {

// Multiply-adds a second on an H100, and with them how long a call takes beside another way: other
// GPUs differ in rates more than in what these are to each other.
constexpr double kExactRate = 6e12;  // in fixed point
constexpr double kFloatRate = 2e13;
constexpr double kMatrixRate = 8e13;
// What the filter takes however few items there are: its submissions, and its passes over
// candidates.
constexpr double kFilterSeconds = 2e-3;

double seconds_of(const Device& device, const NeighborWork& work, NeighborWay way,
                  bool matrix_is_there, uint64_t available) {
  const double products = static_cast<double>(work.n) * work.d;
  if (way == NeighborWay::kRows) {
    if (matrix_is_there) return 0;
    // With the whole matrix, each pair is multiplied once.
    if (RowSource::choose(device, work.n, work.count, available).whole) {
      return products * work.n / 2 / kExactRate;
    }
    return products * static_cast<double>(round_up(work.count, kTile)) / kExactRate;
  }
  const double rate = way == NeighborWay::kFilter ? kFloatRate : kMatrixRate;
  return kFilterSeconds +
         products * static_cast<double>(round_up(work.count, FILTER_TILE_SIDE)) / rate;
}

bool filter_fits(const NeighborWork& work, uint64_t halves_bytes, uint64_t available,
                 const Device& device) {
  if (work.k > FilteredNeighbors::kMostNeighbors ||
      HalfVectors::bytes(work.n, work.d) > largest_readable_buffer(device)) {
    return false;
  }
  const uint64_t left = bytes_left(available, halves_bytes);
  const FilterSizes sizes(work.d, work.count, work.k, left);
  return sizes.device_bytes(work.d, work.k) + 2 * sizes.keys_bytes(work.k) <= left / 2;
}

}  // namespace

NeighborWay choose_way(const Device& device, const NeighborWork& work, bool matrix_is_there,
                       uint64_t halves_bytes, uint64_t available) {
  const NeighborWay filter =
      device.limits().cooperative_matrices ? NeighborWay::kFilterMatrices : NeighborWay::kFilter;
  const bool fits = filter_fits(work, halves_bytes, available, device);
  const char* named = std::getenv("VKC_NEIGHBORS");
  if (named != nullptr && *named != '\0') {
    const std::array<std::pair<std::string_view, NeighborWay>, 3> ways = {
        {{"rows", NeighborWay::kRows},
         {"filter", filter},
         {"filter-float32", NeighborWay::kFilter}}};
    for (const auto& [name, way] : ways) {
      // What cannot be done the way that is named is done as it can be.
      if (name == named) return fits ? way : NeighborWay::kRows;
    }
    fail(VKC_ERROR_INVALID_ARGUMENT, "the environment variable VKC_NEIGHBORS is '", named,
         "' and must be rows, filter or filter-float32, or not set");
  }
  // The filter's kernels are made for GPUs.
  if (!fits || device.limits().is_cpu) return NeighborWay::kRows;
  const auto seconds = [&](NeighborWay way) {
    return seconds_of(device, work, way, matrix_is_there, available);
  };
  return seconds(filter) < seconds(NeighborWay::kRows) ? filter : NeighborWay::kRows;
}

void NeighborSearch::find(uint32_t first, uint32_t count, uint32_t k, uint32_t* ids,
                          float* similarities) {
  const DeviceEmbeddings& embeddings = rows_.embeddings();
  const uint64_t halves_bytes =
      halves_.are_there() ? 0 : HalfVectors::bytes(embeddings.n, embeddings.d);
  const NeighborWay way = choose_way(staging_.device(), {embeddings.n, embeddings.d, count, k},
                                     rows_.has_whole(), halves_bytes, rows_.available_bytes());
  if (way == NeighborWay::kRows) {
    by_rows_.find(first, count, k, ids, similarities);
    return;
  }
  if (!by_filter_ || filter_way_ != way) {
    by_filter_.reset();
    by_filter_ = std::make_unique<FilteredNeighbors>(
        staging_, embeddings, halves_.get(), units_, by_rows_,
        way == NeighborWay::kFilter ? FilterArithmetic::kFloat : FilterArithmetic::kMatrices);
    filter_way_ = way;
  }
  by_filter_->find(first, count, k, ids, similarities);
}

}  // namespace vkc
