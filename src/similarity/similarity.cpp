#include "similarity/similarity.hpp"

#include <algorithm>

#include "vulkan/kernel_table.hpp"

namespace vkc {

namespace {

// Multiply-adds a second of a slow device of its kind.
constexpr double kCpuProductRate = 3e8;
constexpr double kGpuProductRate = 1e10;

// Column items of a lane in similarity_texel.comp, for tiles of this side. Four make up for the
// loads of row items; with more, drivers compile for long and spill registers.
uint32_t texel_columns(uint32_t side, uint32_t lanes) { return std::min(side / lanes, 4U); }

// The side of the tiles that one workgroup computes.
uint32_t tile_side(const Device& device, const DeviceEmbeddings& embeddings) {
  if (!device.limits().is_cpu) return kTile;
  // similarity_texel.comp has nested loops: over groups of `lanes` rows, over the columns of a
  // lane, and over dimensions, four at a time.
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

Kernel make_kernel(const Device& device, const DeviceEmbeddings& embeddings,
                   const Buffer& row_units, uint32_t tile) {
  if (device.limits().is_cpu) {
    const uint32_t lanes = device.limits().subgroup_size;
    return {device,
            {.code = kernels::similarity_texel,
             .constants = {{WORKGROUP_SIZE_ID, lanes},
                           {TILE_SIDE_ID, tile},
                           {COLUMNS_PER_LANE_ID, texel_columns(tile, lanes)}},
             .texel_buffers = {{row_units.handle(), row_units.bytes()},
                               {embeddings.units.handle(), embeddings.units.bytes()}}}};
  }
  return {device, {.code = kernels::similarity_shared}};
}

}  // namespace

Similarity::Similarity(const Device& device, const DeviceEmbeddings& embeddings,
                       const Buffer& row_units)
    : device_(device),
      embeddings_(embeddings),
      row_units_(row_units),
      tile_(tile_side(device, embeddings)),
      kernel_(make_kernel(device, embeddings, row_units, tile_)),
      turns_{Turn{Submission(device)}, Turn{Submission(device)}},
      pacer_(kSubmissionSeconds, expected_rate(device) / (static_cast<double>(tile_) * tile_ *
                                                          embeddings.units_pitch)) {}

double Similarity::expected_rate(const Device& device) {
  return device.limits().is_cpu ? kCpuProductRate : kGpuProductRate;
}

uint64_t Similarity::tiles_along(uint32_t items) const { return round_up(items, tile_) / tile_; }

uint64_t Similarity::tiles_of_matrix() const {
  const uint64_t side = tiles_along(embeddings_.n);
  return side * (side + 1) / 2;
}

void Similarity::fill(const DeviceMatrix& matrix, uint64_t& filled, const Follow& follow) {
  const uint64_t side = tiles_along(embeddings_.n);
  const uint64_t tiles = tiles_of_matrix();
  const SimilarityPush push{.units = embeddings_.units.address(),
                            .row_units = row_units_.address(),
                            .blocks = matrix.block_table(),
                            .units_rows = embeddings_.order.rows(),
                            .units_pitch = embeddings_.units_pitch,
                            .matrix_pitch = matrix.pitch(),
                            .block_shift = matrix.block_shift(),
                            .first_item = 0,
                            .end_item = embeddings_.n,
                            .first_tile = 0,
                            .tiles_across = static_cast<uint32_t>(side),
                            .triangle = 1,
                            .reordered = 0};
  try {
    const auto finish = [&](std::size_t which) {
      if (!turns_.at(which).submission.in_flight()) return;
      wait(which);
      filled += turns_.at(which).tiles;
      // Of the last, the caller is told when the whole is known to be right.
      if (filled < tiles) device_.progress().advance(turns_.at(which).tiles);
    };
    std::size_t which = 0;
    for (uint64_t sent = filled; sent < tiles; which ^= 1U) {
      finish(which);
      sent += send(which, push, sent, tiles, follow);
    }
    finish(which);
    finish(which ^ 1U);
  } catch (...) {
    abandon();
    throw;
  }
}

void Similarity::begin_rows(std::size_t which, const DeviceMatrix& rows, uint32_t first,
                            uint32_t count, const Follow& follow) {
  const uint64_t across = tiles_along(embeddings_.n);
  const uint64_t tiles = across * tiles_along(count);
  const SimilarityPush push{.units = embeddings_.units.address(),
                            .row_units = row_units_.address(),
                            .blocks = rows.block_table(),
                            .units_rows = embeddings_.order.rows(),
                            .units_pitch = embeddings_.units_pitch,
                            .matrix_pitch = rows.pitch(),
                            .block_shift = rows.block_shift(),
                            .first_item = first,
                            .end_item = first + count,
                            .first_tile = 0,
                            .tiles_across = static_cast<uint32_t>(across),
                            .triangle = 0,
                            .reordered = embeddings_.order.is_reordered() ? 1U : 0U};
  for (uint64_t done = 0; done < tiles;) {
    wait(which);
    done += send(which, push, done, tiles, follow);
  }
}

void Similarity::begin_commands(std::size_t which, const Follow& follow) {
  wait(which);
  Turn& turn = turns_.at(which);
  turn.tiles = 0;
  const vk::raii::CommandBuffer& commands = turn.submission.begin();
  full_barrier(commands);
  follow(commands);
  turn.submission.submit();
}

uint64_t Similarity::send(std::size_t which, SimilarityPush push, uint64_t first, uint64_t end,
                          const Follow& follow) {
  Turn& turn = turns_.at(which);
  turn.tiles = pacer_.next(std::min<uint64_t>(device_.limits().max_workgroup_count, end - first));
  push.first_tile = static_cast<uint32_t>(first);
  const vk::raii::CommandBuffer& commands = turn.submission.begin();
  kernel_.record(commands, push, static_cast<uint32_t>(turn.tiles));
  if (follow && first + turn.tiles == end) {
    full_barrier(commands);
    follow(commands);
  }
  turn.submission.submit();
  return turn.tiles;
}

void Similarity::wait(std::size_t which) {
  Turn& turn = turns_.at(which);
  if (!turn.submission.in_flight()) return;
  // Two submissions may share the device: what is measured may be too long, but not too short.
  pacer_.measured(turn.submission.wait(), turn.tiles);
}

void Similarity::abandon() noexcept {
  for (Turn& turn : turns_) turn.submission.abandon();
}

}  // namespace vkc
