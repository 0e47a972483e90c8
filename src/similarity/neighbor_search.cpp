#include "similarity/neighbor_search.hpp"

#include <array>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "base/error.hpp"

namespace vkc {

namespace {

// To compare the ways: a device of the kind may be slower or faster in all of them, which changes
// little about which way is the fastest.
struct NeighborRates {
  double exact;           // multiply-adds a second in fixed point
  double floats;          // in float32
  double matrices;        // by cooperative matrices
  double halves;          // elements a second that are made float16
  double selected;        // elements of rows a second, from which neighbours are selected
  double matrix_bytes;    // bytes of the matrix that are allocated a second
  double filter_row;      // seconds of each row, however long: raising thresholds and deciding
  double filter_seconds;  // what the filter takes however few items there are
  double rows_seconds;    // the same of rows
};

// Of an H100, and of two cores of a Xeon.
constexpr NeighborRates kGpuNeighbors{6e12, 2e13, 6e13, 1e11, 1e15, 9e10, 0, 8e-3, 2.5e-3};
constexpr NeighborRates kCpuNeighbors{7e9, 2e10, 2e10, 8e7, 9e7, 4e9, 7e-4, 2e-3, 0};

bool filter_fits(const NeighborWork& work, uint64_t halves_bytes, uint64_t available,
                 const Device& device) {
  if (work.k > FilteredNeighbors::kMostNeighbors ||
      !FilteredNeighbors::can_decide(device, work.d) ||
      HalfVectors::bytes(work.n, work.d) > largest_readable_buffer(device)) {
    return false;
  }
  const uint64_t left = bytes_left(available, halves_bytes);
  const FilterSizes sizes(device, work.d, work.count, work.k, left);
  return sizes.device_bytes(work.d, work.k) + 2 * sizes.keys_bytes(work.k) <= left / 2;
}

}  // namespace

double expected_neighbor_seconds(const Device& device, const NeighborWork& work, NeighborWay way,
                                 bool matrix_is_there, uint64_t halves_bytes, uint64_t available) {
  const NeighborRates& rates = device.limits().is_cpu ? kCpuNeighbors : kGpuNeighbors;
  const double elements = static_cast<double>(work.n) * work.d;
  if (way == NeighborWay::kRows) {
    const double n = work.n;
    const double selecting = rates.rows_seconds + n * work.count / rates.selected;
    if (matrix_is_there) return selecting;
    // With the whole matrix, each pair is multiplied once.
    if (RowSource::choose(device, work.n, work.count, available).whole) {
      return selecting + elements * n / 2 / rates.exact + 4 * n * n / rates.matrix_bytes;
    }
    return selecting + elements * static_cast<double>(round_up(work.count, kTile)) / rates.exact;
  }
  const double rate = way == NeighborWay::kFilter ? rates.floats : rates.matrices;
  // What float16 takes once, several calls share.
  const double share = work.count / static_cast<double>(work.before + work.count);
  return rates.filter_seconds + (halves_bytes > 0 ? share * elements / rates.halves : 0) +
         work.count * rates.filter_row +
         elements * static_cast<double>(round_up(work.count, FILTER_TILE_SIDE)) / rate;
}

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
  if (!fits) return NeighborWay::kRows;
  const auto seconds = [&](NeighborWay way) {
    return expected_neighbor_seconds(device, work, way, matrix_is_there, halves_bytes, available);
  };
  return seconds(filter) < seconds(NeighborWay::kRows) ? filter : NeighborWay::kRows;
}

void NeighborSearch::find(uint32_t first, uint32_t count, uint32_t k, uint32_t* ids,
                          float* similarities) {
  const DeviceEmbeddings& embeddings = rows_.embeddings();
  const uint64_t halves_bytes =
      halves_.are_there() ? 0 : HalfVectors::bytes(embeddings.n, embeddings.d);
  const NeighborWay way =
      choose_way(staging_.device(), {embeddings.n, embeddings.d, count, k, found_},
                 rows_.has_whole(), halves_bytes, rows_.available_bytes());
  found_ += count;
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
