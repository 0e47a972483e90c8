#include "similarity/download.hpp"

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <vector>

#include "base/host_threads.hpp"
#include "similarity/fixed_point.hpp"

namespace vkc {

namespace {

// Elements to convert that are worth a thread of their own.
constexpr uint64_t kLeastElements = 1U << 18;

// Rows of the resident matrix that are downloaded together.
uint32_t rows_of_download(uint64_t row_bytes, uint32_t count) {
  return static_cast<uint32_t>(std::clamp<uint64_t>(kStagingBytes / row_bytes, 1, count));
}

// Rows that are computed together: those of a download, or else one row of tiles.
uint32_t rows_of_block(uint64_t row_bytes, uint32_t count) {
  const uint64_t tiles = std::max<uint64_t>(kStagingBytes / (kTile * row_bytes), 1);
  return static_cast<uint32_t>(std::min<uint64_t>(tiles * kTile, count));
}

// A row of n cosines in fixed point to float32: the product with a power of two is exact, so the
// conversion is the one rounding. order: the column of each item, or empty.
void to_float(const int32_t* from, uint32_t n, std::span<const uint32_t> order, float* to) {
  constexpr auto kScale = static_cast<float>(1.0 / kFixedPointOne);
  if (order.empty()) {
    for (uint32_t k = 0; k < n; ++k) to[k] = static_cast<float>(from[k]) * kScale;
  } else {
    for (uint32_t k = 0; k < n; ++k) to[k] = static_cast<float>(from[order[k]]) * kScale;
  }
}

// Calls convert(r) of rows 0 to count - 1, of n elements each, on several threads.
template <typename Convert>
void for_rows(HostThreads& threads, uint32_t count, uint32_t n, const Convert& convert) {
  threads.for_each(count, kLeastElements / n + 1, convert);
}

// Records copies of rows row_of(0) to row_of(count - 1) of the matrix, one behind another.
template <typename RowOf>
void record_copies(const vk::raii::CommandBuffer& commands, const MatrixRows& matrix,
                   uint32_t count, const RowOf& row_of, const Buffer& to) {
  const uint64_t row_bytes = matrix.row_bytes();
  for (uint32_t r = 0; r < count;) {
    const MatrixRows::Place place = matrix.place(row_of(r));
    vk::BufferCopy copy(place.offset, r * row_bytes, 0);
    // With what lies behind it and is wanted next.
    while (r < count &&
           matrix.place(row_of(r)) == MatrixRows::Place{place.block, place.offset + copy.size}) {
      copy.size += row_bytes;
      ++r;
    }
    commands.copyBuffer(place.block, to.handle(), copy);
  }
}

// Rows that are under way, counted from the first that the caller wants.
using RowsPiece = Piece<uint32_t>;

}  // namespace

RowsRoute rows_route(const Device& device, uint32_t n, uint32_t count, uint64_t available) {
  const uint64_t most = MatrixRows::most_bytes(device, n, available);
  const uint64_t row_bytes = MatrixRows::bytes(1, n);
  const uint64_t fitting = std::max<uint64_t>(most / 2 / row_bytes, 1);
  const auto at_once =
      static_cast<uint32_t>(std::min<uint64_t>(rows_of_block(row_bytes, count), fitting));
  return {count == n && MatrixRows::bytes(n, n) <= most / 2, at_once, at_once < count ? 2U : 1U};
}

uint64_t download_staging_bytes(const Device& device, uint32_t n, const RowsRoute& route) {
  if (device.limits().maps_local_memory) return 0;
  const uint64_t row_bytes = MatrixRows::bytes(1, n);
  return (route.whole ? rows_of_download(row_bytes, n) : route.at_once) * row_bytes;
}

void download_rows(Staging& staging, const MatrixRows& matrix, uint32_t first, uint32_t count,
                   uint32_t n, std::span<const uint32_t> order, float* output) {
  const auto row_of = [&](uint32_t item) { return order.empty() ? item : order[item]; };
  const auto output_of = [&](uint32_t item) { return output + std::size_t{item - first} * n; };
  HostThreads threads;
  if (matrix.is_mapped()) {
    for_rows(threads, count, n, [&](uint32_t r) {
      to_float(matrix.mapped_row(row_of(first + r)), n, order, output_of(first + r));
    });
    return;
  }
  std::vector<uint32_t> items(count);
  std::iota(items.begin(), items.end(), first);
  // As they lie in the matrix: a copy of many rows takes less time than copies of each.
  if (!order.empty()) std::ranges::sort(items, {}, row_of);
  const uint32_t at_once = rows_of_download(matrix.row_bytes(), count);
  Staging::Loan halves = staging.borrow(at_once * matrix.row_bytes());
  const auto start = [&](std::size_t which, const RowsPiece& piece) {
    Staging::Half& half = halves.at(which);
    const vk::raii::CommandBuffer& commands = half.submission.begin();
    full_barrier(commands);  // behind the kernel that filled the matrix
    record_copies(
        commands, matrix, piece.count, [&](uint32_t r) { return row_of(items[piece.first + r]); },
        half.buffer);
    half.submission.submit();
  };
  const auto finish = [&](std::size_t which, const RowsPiece& piece) {
    halves.at(which).submission.wait();
    const auto* elements = halves.at(which).buffer.mapped_as<int32_t>();
    for_rows(threads, piece.count, n, [&](uint32_t r) {
      to_float(elements + std::size_t{r} * matrix.pitch(), n, order,
               output_of(items[piece.first + r]));
    });
  };
  in_pieces(count, at_once, start, finish);
}

void compute_and_download_rows(Staging& staging, Similarity& similarity, const RowsRoute& route,
                               uint32_t first, uint32_t count, uint32_t n, float* output) {
  std::vector<MatrixRows> blocks;
  for (uint32_t b = 0; b < route.blocks; ++b) blocks.emplace_back(staging, route.at_once, n);
  const bool mapped = blocks.front().is_mapped();
  HostThreads threads;
  Staging::Loan halves = staging.borrow(mapped ? 0 : route.at_once * blocks.front().row_bytes());
  const auto start = [&](std::size_t which, const RowsPiece& piece) {
    const auto copy = [&](const vk::raii::CommandBuffer& commands) {
      if (mapped) return;
      record_copies(
          commands, blocks.at(which), piece.count, [](uint32_t r) { return r; },
          halves.at(which).buffer);
    };
    similarity.begin_rows(which, blocks.at(which), first + piece.first, piece.count, copy);
  };
  const auto finish = [&](std::size_t which, const RowsPiece& piece) {
    similarity.wait(which);
    const MatrixRows& block = blocks.at(which);
    const auto* elements = mapped ? nullptr : halves.at(which).buffer.mapped_as<int32_t>();
    for_rows(threads, piece.count, n, [&](uint32_t r) {
      const int32_t* row = mapped ? block.mapped_row(r) : elements + std::size_t{r} * block.pitch();
      to_float(row, n, {}, output + (std::size_t{piece.first} + r) * n);
    });
  };
  try {
    in_pieces(count, route.at_once, start, finish);
  } catch (...) {
    similarity.abandon();
    throw;
  }
}

}  // namespace vkc
