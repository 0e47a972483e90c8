#include "similarity.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "../shaders/interface.h"
#include "embeddings.hpp"
#include "shaders/similarity_shared.h"
#include "shaders/similarity_texel.h"

namespace vkc {

namespace {

// Multiply-adds a second to expect of a device not yet measured: a slow one of its kind, since the
// first submission is to be short rather than long.
constexpr double kCpuRate = 3e8;
constexpr double kGpuRate = 1e10;

constexpr uint64_t kDownloadBytes = 16ULL << 20;

// Rows of the matrix that are downloaded together, while the device copies as many others.
uint32_t rows_of_download(uint64_t row_bytes, uint32_t count) {
  return static_cast<uint32_t>(std::clamp<uint64_t>(kDownloadBytes / row_bytes, 1, count));
}

// Memory for rows of the matrix that are computed and sent off again.
constexpr uint64_t kPassingRowsBytes = 256ULL << 20;

// Column items a lane of similarity_texel.comp, of tiles with such a side: enough that loading row
// items no longer counts. With more, drivers compile for long and spill registers.
uint32_t texel_columns(uint32_t side, uint32_t lanes) { return std::min(side / lanes, 4U); }

// The side of the tiles that one workgroup computes.
uint32_t tile_side(const Device& device, const ResidentEmbeddings& embeddings) {
  if (!device.limits().is_cpu) return kTile;
  // similarity_texel.comp loops over rows of the subgroup's size, there over its columns, and there
  // over four dimensions at a time.
  const uint32_t lanes = device.limits().subgroup_size;
  const uint64_t loops_of_lanes = uint64_t{embeddings.units_pitch} / 4 + 1;
  uint32_t side = kTile;
  while (side > lanes) {
    const uint64_t rows = side / lanes;
    const uint64_t columns = rows / texel_columns(side, lanes);
    if (rows * (1 + columns * loops_of_lanes) <= kMostCpuIterations) break;
    side /= 2;
  }
  return side;
}

Kernel make_kernel(const Device& device, const ResidentEmbeddings& embeddings, uint32_t tile) {
  if (device.limits().is_cpu) {
    return {device,
            {.spirv = similarity_texel,
             .constants = {device.limits().subgroup_size, tile,
                           texel_columns(tile, device.limits().subgroup_size)},
             .push_bytes = sizeof(SimilarityPush),
             .texel_buffers = {{embeddings.units.handle(), embeddings.units.bytes()}}}};
  }
  return {device,
          {.spirv = similarity_shared,
           .constants = {},
           .push_bytes = sizeof(SimilarityPush),
           .texel_buffers = {}}};
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

}  // namespace

Similarity::Similarity(const Device& device, const ResidentEmbeddings& embeddings)
    : device_(device),
      embeddings_(embeddings),
      tile_(tile_side(device, embeddings)),
      kernel_(make_kernel(device, embeddings, tile_)),
      seconds_per_tile_(static_cast<double>(tile_) * tile_ * embeddings.units_pitch /
                        (device.limits().is_cpu ? kCpuRate : kGpuRate)) {}

uint64_t Similarity::tiles_along(uint32_t items) const { return round_up(items, tile_) / tile_; }

void Similarity::fill(const MatrixRows& matrix) {
  const uint64_t side = tiles_along(embeddings_.n);
  fill_tiles({.units = embeddings_.units.address(),
              .blocks = matrix.block_table(),
              .units_rows = 0,
              .units_pitch = embeddings_.units_pitch,
              .matrix_pitch = matrix.pitch(),
              .block_shift = matrix.block_shift(),
              .first_row = 0,
              .end_row = embeddings_.n,
              .first_tile = 0,
              .tiles_across = static_cast<uint32_t>(side),
              .triangle = 1},
             side * (side + 1) / 2);
}

void Similarity::fill_rows(const MatrixRows& rows, uint32_t first, uint32_t count) {
  const uint64_t across = tiles_along(embeddings_.n);
  const uint64_t down = tiles_along(count);
  fill_tiles({.units = embeddings_.units.address(),
              .blocks = rows.block_table(),
              .units_rows = embeddings_.rows_table.address(),
              .units_pitch = embeddings_.units_pitch,
              .matrix_pitch = rows.pitch(),
              .block_shift = rows.block_shift(),
              .first_row = first,
              .end_row = first + count,
              .first_tile = 0,
              .tiles_across = static_cast<uint32_t>(across),
              .triangle = 0},
             across * down);
}

void Similarity::fill_tiles(const SimilarityPush& push, uint64_t tiles) {
  std::array<Submission, 2> turns{Submission(device_), Submission(device_)};
  std::array<uint64_t, 2> tiles_of{};
  const auto finish = [&](std::size_t turn) {
    if (!turns.at(turn).in_flight()) return;
    const double seconds = turns.at(turn).wait();
    // Two are in flight and share the device, so this is if anything too long.
    seconds_per_tile_ = seconds / static_cast<double>(tiles_of.at(turn));
  };
  std::size_t turn = 0;
  for (uint64_t done = 0; done < tiles; turn ^= 1U) {
    finish(turn);
    const auto affordable =
        static_cast<uint64_t>(std::clamp(kSubmissionSeconds / seconds_per_tile_, 1.0, 1e9));
    const uint64_t most = device_.limits().max_workgroup_count;
    const uint64_t count = std::min({affordable, most, tiles - done});
    SimilarityPush part = push;
    part.first_tile = static_cast<uint32_t>(done);
    kernel_.record(turns.at(turn).begin(), part, static_cast<uint32_t>(count));
    turns.at(turn).submit();
    tiles_of.at(turn) = count;
    done += count;
  }
  finish(turn);
  finish(turn ^ 1U);
}

RowsRoute rows_route(const Device& device, uint32_t n, uint32_t count, uint64_t available) {
  const uint64_t most = MatrixRows::most_bytes(device, n, available);
  const uint64_t bytes = std::min(kPassingRowsBytes, most);
  const uint64_t rows = std::clamp<uint64_t>(bytes / MatrixRows::bytes(1, n), 1, count);
  return {count == n && MatrixRows::bytes(n, n) <= most / 2, static_cast<uint32_t>(rows)};
}

Footprint download_footprint(const Device& device, uint32_t n, uint32_t count) {
  if (device.limits().unified_memory) return {};  // rows are mapped
  const uint64_t row_bytes = MatrixRows::bytes(1, n);
  return buffer_footprint(device, uint64_t{2} * rows_of_download(row_bytes, count) * row_bytes,
                          MemoryUse::kReadback);
}

void download_rows(const Device& device, const MatrixRows& matrix, uint32_t first, uint32_t count,
                   uint32_t n, std::span<const uint32_t> order, float* output) {
  const auto row_of = [&](uint32_t item) { return order.empty() ? item : order[item]; };
  const auto output_of = [&](uint32_t item) {
    return output + static_cast<std::size_t>(item - first) * n;
  };
  if (matrix.blocks().front().mapped() != nullptr) {
    for (uint32_t item = first; item < first + count; ++item) {
      to_float(matrix.mapped_row(row_of(item)), n, order, output_of(item));
    }
    return;
  }
  const uint64_t row_bytes = matrix.row_bytes();
  const uint32_t rows_at_once = rows_of_download(row_bytes, count);
  struct Turn {
    Submission submission;
    Buffer staging;
    uint32_t first = 0;
    uint32_t count = 0;
  };
  std::array<Turn, 2> turns{
      Turn{Submission(device), Buffer(device, rows_at_once * row_bytes, MemoryUse::kReadback)},
      Turn{Submission(device), Buffer(device, rows_at_once * row_bytes, MemoryUse::kReadback)}};
  const auto start = [&](Turn& turn, uint32_t item, uint32_t items) {
    turn.first = item;
    turn.count = items;
    const vk::raii::CommandBuffer& commands = turn.submission.begin();
    for (uint32_t r = 0; r < items;) {
      const MatrixRows::Place place = matrix.place(row_of(item + r));
      vk::BufferCopy copy(place.offset, r * row_bytes, 0);
      // With what lies behind it and is wanted next.
      while (r < items && matrix.place(row_of(item + r)) ==
                              MatrixRows::Place{place.block, place.offset + copy.size}) {
        copy.size += row_bytes;
        ++r;
      }
      commands.copyBuffer(place.block, turn.staging.handle(), copy);
    }
    turn.submission.submit();
  };
  const auto finish = [&](Turn& turn) {
    if (!turn.submission.in_flight()) return;
    turn.submission.wait();
    for (uint32_t r = 0; r < turn.count; ++r) {
      to_float(turn.staging.mapped_as<int32_t>() + r * (row_bytes / sizeof(int32_t)), n, order,
               output_of(turn.first + r));
    }
  };
  std::size_t which = 0;
  for (uint32_t done = 0; done < count; which ^= 1U) {
    finish(turns.at(which));
    const uint32_t items = std::min(rows_at_once, count - done);
    start(turns.at(which), first + done, items);
    done += items;
  }
  finish(turns.at(which));
  finish(turns.at(which ^ 1U));
}

}  // namespace vkc
