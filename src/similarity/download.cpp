#include "similarity/download.hpp"

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <span>
#include <vector>

#include "base/host_threads.hpp"
#include "similarity/fixed_point.hpp"

namespace vkc {

namespace {

// The fewest elements worth waking a thread for.
constexpr uint64_t kLeastElements = 1U << 18;

RowSizes row_sizes(const Device& device, uint32_t n, uint32_t count, const RowChoice& choice) {
  const uint64_t row_bytes = DeviceMatrix::bytes(1, n);
  if (choice.whole) {
    return {true, static_cast<uint32_t>(std::clamp<uint64_t>(kStagingBytes / row_bytes, 1, count))};
  }
  const uint64_t tiles = std::max<uint64_t>(kStagingBytes / (kTile * row_bytes), 1);
  const uint64_t most = DeviceMatrix::most_bytes(device, n, choice.available) / 2 / row_bytes;
  const uint64_t fitting = std::max<uint64_t>(most, 1);
  const auto at_once = static_cast<uint32_t>(std::min({tiles * kTile, uint64_t{count}, fitting}));
  return {false, at_once, at_once < count ? 2U : 1U};
}

// A row of n cosines in fixed point to float32: the product with a power of two is exact, so the
// conversion is the one rounding.
void to_float(const int32_t* from, uint32_t n, const DeviceRows& rows, float* to) {
  constexpr auto kScale = static_cast<float>(1.0 / kFixedPointOne);
  if (!rows.reordered) {
    for (uint32_t k = 0; k < n; ++k) to[k] = static_cast<float>(from[k]) * kScale;
  } else {
    const uint32_t* columns = rows.order.rows_by_id().data();
    for (uint32_t k = 0; k < n; ++k) to[k] = static_cast<float>(from[columns[k]]) * kScale;
  }
}

// Records copies of the rows of these items, one behind another.
void record_copies(const vk::raii::CommandBuffer& commands, const DeviceRows& rows,
                   std::span<const uint32_t> ids, const Buffer& to) {
  const uint64_t row_bytes = rows.matrix.row_bytes();
  const auto place = [&](std::size_t i) { return rows.matrix.place(rows.row_of(ids[i])); };
  for (std::size_t i = 0; i < ids.size();) {
    const auto [block, offset] = place(i);
    vk::BufferCopy copy(offset, i * row_bytes, 0);
    // Rows that are adjacent here and there are copied together.
    while (i < ids.size() && place(i) == DeviceMatrix::Place{block, offset + copy.size}) {
      copy.size += row_bytes;
      ++i;
    }
    commands.copyBuffer(block, to.handle(), copy);
  }
}

}  // namespace

DownloadSizes::DownloadSizes(const Device& device, uint32_t n, uint32_t count,
                             const RowChoice& choice)
    : rows(row_sizes(device, n, count, choice)),
      staging_bytes(device.limits().maps_local_memory ? 0 : DeviceMatrix::bytes(rows.at_once, n)) {}

void download_rows(Staging& staging, RowSource& source, uint32_t first, uint32_t count,
                   float* output) {
  const uint32_t n = source.embeddings().n;
  const DownloadSizes sizes(staging.device(), n, count, source.choose(count));
  RowSource::Loan rows = source.borrow(sizes.rows);
  const DeviceRows any = rows.at(0, first);
  const bool mapped = any.matrix.is_mapped();
  const uint32_t pitch = any.matrix.pitch();
  Staging::Loan halves = staging.borrow(sizes.staging_bytes);
  std::vector<uint32_t> ids(count);
  std::iota(ids.begin(), ids.end(), first);
  // In the order of the rows: one copy of many adjacent rows is faster than a copy of each.
  if (any.reordered) std::ranges::sort(ids, {}, [&](uint32_t id) { return any.row_of(id); });
  HostThreads threads;
  const auto start = [&](std::size_t which, const Piece<uint32_t>& piece) {
    const uint32_t from = first + piece.first;
    const auto copy = [&](const vk::raii::CommandBuffer& commands) {
      record_copies(commands, rows.at(which, from),
                    std::span(ids).subspan(piece.first, piece.count), halves.at(which).buffer);
    };
    rows.begin(which, from, piece.count, mapped ? Similarity::Follow{} : copy);
  };
  const auto finish = [&](std::size_t which, const Piece<uint32_t>& piece) {
    rows.wait(which);
    const DeviceRows there = rows.at(which, first + piece.first);
    const auto* copied = mapped ? nullptr : halves.at(which).buffer.mapped_as<int32_t>();
    threads.for_each(piece.count, kLeastElements / n + 1, [&](uint32_t r) {
      const uint32_t id = ids[piece.first + r];
      const int32_t* row =
          mapped ? there.matrix.mapped_row(there.row_of(id)) : copied + std::size_t{r} * pitch;
      to_float(row, n, there, output + std::size_t{id - first} * n);
    });
    staging.device().progress().advance(piece.count);
  };
  in_pieces(count, sizes.rows.at_once, start, finish);
}

}  // namespace vkc
