#include "similarity/filtered_neighbors.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>

#include "base/error.hpp"
#include "base/host_threads.hpp"
#include "shaders/interface.h"
#include "similarity/filter_bound.hpp"
#include "similarity/fixed_point.hpp"
#include "similarity/tiles.hpp"
#include "vulkan/kernel_table.hpp"

namespace vkc {

namespace {

// Rows that are worked on together: enough to keep any device busy, and few enough that their
// candidates, 64 MiB, do not count. On a CPU few enough that thresholds and decisions, which are
// not in pieces, take a fraction of a second.
constexpr uint32_t kMostGpuRows = 8192;
constexpr uint32_t kMostCpuRows = 512;
// Of their unit vectors in float16, where these are long.
constexpr uint64_t kMostHalvesBytes = 64ULL << 20;

// The most invocations for each row of filter_threshold.comp and filter_decide.comp.
constexpr uint32_t kFilterInvocations = 128;

// A row has all products with the first tiles as candidates: half of the room that it has.
constexpr uint32_t kFirstColumns = MOST_CANDIDATES / 2 / FILTER_TILE_SIDE;

// A row's threshold is raised each time that the row has seen so many times as many columns. If
// these are a random sample, about (growth - 1) k candidates join those kept, which are the k
// greatest so far and what is near them.
uint32_t growth(uint32_t k) { return k <= 128 ? 4 : 2; }

// Multiply-adds a second to expect of a device not yet measured.
constexpr double kCpuExpectedRate = 3e9;
constexpr double kGpuExpectedRate = 1e11;

// A step through the tiles that spreads any number of them, one behind the other, evenly: about the
// golden section of all.
uint32_t spreading_stride(uint32_t tiles) {
  auto stride = static_cast<uint32_t>(std::lround(tiles * 0.6180339887498949));
  stride = std::clamp<uint32_t>(stride, 1, std::max(tiles, 2U) - 1);
  while (std::gcd(stride, tiles) != 1) ++stride;
  return stride;
}

uint32_t filter_invocations_for(const Device& device) {
  return device.limits().is_cpu
             ? device.limits().subgroup_size
             : std::min(kFilterInvocations, std::bit_floor(device.limits().max_workgroup_size));
}

Kernel make_kernel(const Device& device, const KernelCode& code) {
  return {device,
          {.code = code, .constants = {{WORKGROUP_SIZE_ID, filter_invocations_for(device)}}}};
}

// Whether the loops of filter_product_texel.comp end before lavapipe ends them: over dimensions,
// and over what it takes.
bool texels_do(const Device& device, uint32_t pitch) {
  constexpr uint64_t kColumns = 64;
  const uint64_t pieces =
      FILTER_TILE_SIDE / device.limits().subgroup_size * (FILTER_TILE_SIDE / kColumns);
  return device.limits().is_cpu && pieces * (pitch / 8 + kColumns + 3) <= kMostCpuIterations;
}

}  // namespace

Kernel make_filter_product(const Device& device, FilterArithmetic arithmetic,
                           const HalfVectors& items, const HalfVectors& rows) {
  if (arithmetic == FilterArithmetic::kMatrices) {
    return {device, {.code = kernels::filter_product_matrix}};
  }
  if (!texels_do(device, items.pitch())) return {device, {.code = kernels::filter_product_float}};
  return {device,
          {.code = kernels::filter_product_texel,
           .constants = {{WORKGROUP_SIZE_ID, device.limits().subgroup_size}},
           .texel_buffers = {{items.buffer().handle(), items.buffer().bytes()},
                             {rows.buffer().handle(), rows.buffer().bytes()}}}};
}

bool FilteredNeighbors::can_decide(const Device& device, uint32_t d) {
  if (!device.limits().is_cpu) return true;
  // The loops of filter_decide.comp: over candidates and dimensions, and to put them in order.
  constexpr uint64_t kSortSteps = 55;  // of as many keys
  const uint64_t lanes = device.limits().subgroup_size;
  const uint64_t products = MOST_CANDIDATES / lanes * (units_row_bytes(d) / 16 + 2);
  return products + kSortSteps * (MOST_CANDIDATES / 2 / lanes + 2) <= kMostCpuIterations;
}

FilterSizes::FilterSizes(const Device& device, uint32_t d, uint32_t count, uint32_t k,
                         uint64_t available) {
  const uint64_t most_rows = device.limits().is_cpu ? kMostCpuRows : kMostGpuRows;
  // Two shares for what the device works with, and three, at most, for keys and their staging
  // memory.
  const uint64_t row_bytes = HalfVectors::bytes(1, d) + MOST_CANDIDATES * sizeof(uint64_t);
  const uint64_t share = available / 8;
  const uint64_t most = std::min({most_rows, kMostHalvesBytes / HalfVectors::bytes(1, d),
                                  2 * share / row_bytes, share / (k * sizeof(uint64_t))});
  const uint64_t tiles = std::max<uint64_t>(most / FILTER_TILE_SIDE, 1);
  rows = static_cast<uint32_t>(
      std::min<uint64_t>(tiles * FILTER_TILE_SIDE, round_up(count, FILTER_TILE_SIDE)));
}

uint64_t FilterSizes::table_bytes() const { return uint64_t{rows} * 3 * sizeof(uint32_t); }

uint64_t FilterSizes::candidates_bytes() const {
  return uint64_t{rows} * MOST_CANDIDATES * sizeof(uint64_t);
}

uint64_t FilterSizes::keys_bytes(uint32_t k) const { return uint64_t{rows} * k * sizeof(uint64_t); }

uint64_t FilterSizes::device_bytes(uint32_t d, uint32_t k) const {
  return HalfVectors::bytes(rows, d) + table_bytes() + candidates_bytes() + keys_bytes(k);
}

FilteredNeighbors::Memory::Memory(const Device& device, const DeviceEmbeddings& embeddings,
                                  const HalfVectors& items, FilterArithmetic arithmetic,
                                  const FilterSizes& sizes, uint32_t k)
    : rows(sizes.rows),
      halves(device, embeddings, sizes.rows),
      product(make_filter_product(device, arithmetic, items, halves)),
      table(device, sizes.table_bytes(), MemoryUse::kDevice),
      candidates(device, sizes.candidates_bytes(), MemoryUse::kDevice),
      keys(device, sizes.keys_bytes(k), MemoryUse::kDevice) {}

FilteredNeighbors::FilteredNeighbors(Staging& staging, const DeviceEmbeddings& embeddings,
                                     const HalfVectors& items, const Buffer& units,
                                     Neighbors& exact, FilterArithmetic arithmetic)
    : device_(staging.device()),
      staging_(staging),
      embeddings_(embeddings),
      items_(items),
      units_(units),
      exact_(exact),
      tiles_(static_cast<uint32_t>(round_up(embeddings.n, FILTER_TILE_SIDE) / FILTER_TILE_SIDE)),
      arithmetic_(arithmetic),
      unit_(arithmetic == FilterArithmetic::kMatrices ? kMatrixUnit : kFloatUnit),
      begin_kernel_(device_, {.code = kernels::filter_rows}),
      threshold_kernel_(make_kernel(device_, kernels::filter_threshold)),
      decide_kernel_(make_kernel(device_, kernels::filter_decide)),
      pieces_{Submission(device_), Submission(device_)},
      pacer_(kSubmissionSeconds,
             (device_.limits().is_cpu ? kCpuExpectedRate : kGpuExpectedRate) /
                 (static_cast<double>(FILTER_TILE_SIDE) * FILTER_TILE_SIDE * items.pitch())) {}

void FilteredNeighbors::reserve(const FilterSizes& sizes, uint32_t k) {
  if (memory_ && memory_->rows >= sizes.rows && memory_->keys.bytes() >= sizes.keys_bytes(k))
    return;
  memory_.reset();  // freed before the larger one is allocated
  memory_ = std::make_unique<Memory>(device_, embeddings_, items_, arithmetic_, sizes, k);
}

vk::DeviceAddress FilteredNeighbors::table(uint32_t which) const {
  return memory_->table.address() + uint64_t{which} * memory_->rows * sizeof(uint32_t);
}

void FilteredNeighbors::find(uint32_t first, uint32_t count, uint32_t k, uint32_t* ids,
                             float* similarities) {
  const FilterSizes sizes(device_, embeddings_.d, count, k, device_.available_bytes());
  reserve(sizes, k);
  Staging::Loan halves = staging_.borrow(sizes.keys_bytes(k));
  const uint32_t id_bits = bits_of_ids(embeddings_.n);
  HostThreads threads;
  std::vector<bool> overflow(count, false);
  overflowed_ = 0;
  const auto begin_piece = [&](std::size_t which, const Piece<uint32_t>& piece) {
    double error = items_.error();
    if (first >= FIRST_QUERY) {
      // Their errors are not known yet.
      memory_->halves.fill(units_, first + piece.first, piece.count);
      error = memory_->halves.error();
    }
    const double bound = filter_bound(embeddings_.d, items_.pitch(), error, items_.error(), unit_);
    // Twice the bound, in the scale of products, and the rounding of the product less the margin.
    const float margin = round_up_to_float((2 * bound + 0x1p-22) * kFixedPointOne);
    begin({.first = first + piece.first, .count = piece.count, .k = k, .margin = margin},
          halves.at(which));
  };
  const auto finish_piece = [&](std::size_t which, const Piece<uint32_t>& piece) {
    Staging::Half& half = halves.at(which);
    half.submission.wait();
    auto* keys = half.buffer.mapped_as<uint64_t>();
    uint32_t found = piece.count;
    for (uint32_t i = 0; i < piece.count; ++i) {
      if (keys[uint64_t{i} * k] != kNoKey) continue;
      overflow[piece.first + i] = true;
      ++overflowed_;
      --found;
    }
    const std::size_t place = std::size_t{piece.first} * k;
    deliver(threads, keys, piece.count, k, id_bits, ids + place,
            similarities == nullptr ? nullptr : similarities + place);
    check_lists(exact_.source().known_in_rows(first + piece.first, piece.count), keys,
                first + piece.first, k, id_bits);
    device_.progress().advance(found);
  };
  try {
    in_pieces(count, sizes.rows, begin_piece, finish_piece);
  } catch (...) {
    for (Submission& piece : pieces_) piece.abandon();
    throw;
  }
  find_overflowed(overflow, first, k, ids, similarities);
}

void FilteredNeighbors::find_overflowed(const std::vector<bool>& overflow, uint32_t first,
                                        uint32_t k, uint32_t* ids, float* similarities) {
  const auto count = static_cast<uint32_t>(overflow.size());
  for (uint32_t begin = 0; begin < count; ++begin) {
    if (!overflow[begin]) continue;
    // Rows of the matrix are computed by whole tiles: what lies between two of these rows costs
    // less than a tile for each.
    uint32_t end = begin + 1;
    for (uint32_t i = end; i < count && i < end + kTile; ++i) {
      if (overflow[i]) end = i + 1;
    }
    const auto found = std::count(overflow.begin() + begin, overflow.begin() + end, false);
    device_.progress().take_back(static_cast<uint64_t>(found));
    const std::size_t place = std::size_t{begin} * k;
    exact_.find(first + begin, end - begin, k, ids + place,
                similarities == nullptr ? nullptr : similarities + place);
    begin = end;
  }
}

void FilteredNeighbors::begin(const Batch& batch, Staging::Half& half) {
  const uint32_t row_tiles = batch.row_tiles();
  const uint64_t most_columns =
      std::max<uint64_t>(device_.limits().max_workgroup_count / row_tiles, 1);
  uint32_t seen = 0;  // tiles along the columns
  for (uint32_t end = std::min(kFirstColumns, tiles_); seen < tiles_;) {
    // The last two pieces may be under way.
    Submission& submission = pieces_.at(piece_);
    if (submission.in_flight()) pacer_.measured(submission.wait(), piece_tiles_.at(piece_));
    const vk::raii::CommandBuffer& commands = submission.begin();
    full_barrier(commands);
    if (seen == 0) record_begin(commands, batch);
    uint64_t left = std::max<uint64_t>(pacer_.next(uint64_t{tiles_} * row_tiles) / row_tiles, 1);
    piece_tiles_.at(piece_) = 0;
    while (left > 0 && seen < tiles_) {
      const auto columns =
          static_cast<uint32_t>(std::min<uint64_t>({left, most_columns, end - seen}));
      record_products(commands, batch, seen, columns);
      seen += columns;
      left -= columns;
      piece_tiles_.at(piece_) += uint64_t{columns} * row_tiles;
      if (seen < end) continue;
      record_thresholds(commands, batch);
      end = static_cast<uint32_t>(std::min<uint64_t>(uint64_t{end} * growth(batch.k), tiles_));
    }
    submission.submit();
    piece_ ^= 1U;
  }
  const vk::raii::CommandBuffer& commands = half.submission.begin();
  full_barrier(commands);
  // Rows that no kernel decides are done again exactly.
  commands.fillBuffer(memory_->keys.handle(), 0, uint64_t{batch.count} * batch.k * sizeof(uint64_t),
                      static_cast<uint32_t>(kNoKey));
  full_barrier(commands);
  record_decision(commands, batch);
  full_barrier(commands);
  commands.copyBuffer(memory_->keys.handle(), half.buffer.handle(),
                      vk::BufferCopy(0, 0, uint64_t{batch.count} * batch.k * sizeof(uint64_t)));
  half.submission.submit();
}

void FilteredNeighbors::record_begin(const vk::raii::CommandBuffer& commands,
                                     const Batch& batch) const {
  // Queries are there already.
  if (batch.first < FIRST_QUERY) memory_->halves.record(commands, units_, batch.first, batch.count);
  constexpr uint32_t kWorkgroup = 64;
  begin_kernel_.record(commands,
                       FilterRowsPush{.thresholds = table(0),
                                      .counts = table(1),
                                      .own_rows = table(2),
                                      .units_rows = embeddings_.order.rows(),
                                      .first_item = batch.first,
                                      .count = batch.count,
                                      .padded = batch.row_tiles() * FILTER_TILE_SIDE,
                                      .taken = std::min(kFirstColumns, tiles_) * FILTER_TILE_SIDE},
                       batch.row_tiles() * FILTER_TILE_SIDE / kWorkgroup);
  full_barrier(commands);
}

void FilteredNeighbors::record_products(const vk::raii::CommandBuffer& commands, const Batch& batch,
                                        uint32_t first_column, uint32_t columns) const {
  const uint32_t row_tiles = batch.row_tiles();
  memory_->product.record(commands,
                          FilterProductPush{.items = items_.buffer().address(),
                                            .rows = memory_->halves.buffer().address(),
                                            .thresholds = table(0),
                                            .counts = table(1),
                                            .own_rows = table(2),
                                            .candidates = memory_->candidates.address(),
                                            .n = embeddings_.n,
                                            .halves_pitch = items_.pitch(),
                                            .row_tiles = row_tiles,
                                            .column_tiles = tiles_,
                                            .first_column = first_column,
                                            .column_stride = spreading_stride(tiles_),
                                            .all = first_column < kFirstColumns ? 1U : 0U},
                          columns * row_tiles);
  full_barrier(commands);
}

void FilteredNeighbors::record_thresholds(const vk::raii::CommandBuffer& commands,
                                          const Batch& batch) const {
  threshold_kernel_.record(commands,
                           FilterThresholdPush{.thresholds = table(0),
                                               .counts = table(1),
                                               .candidates = memory_->candidates.address(),
                                               .k = batch.k,
                                               .margin = batch.margin},
                           batch.count);
  full_barrier(commands);
}

void FilteredNeighbors::record_decision(const vk::raii::CommandBuffer& commands,
                                        const Batch& batch) const {
  decide_kernel_.record(commands,
                        FilterDecidePush{.units = embeddings_.units.address(),
                                         .row_units = units_.address(),
                                         .units_rows = embeddings_.order.rows(),
                                         .ids = embeddings_.order.ids(),
                                         .counts = table(1),
                                         .candidates = memory_->candidates.address(),
                                         .neighbors = memory_->keys.address(),
                                         .units_pitch = embeddings_.units_pitch,
                                         .first_item = batch.first,
                                         .k = batch.k,
                                         .id_bits = bits_of_ids(embeddings_.n)},
                        batch.count);
}

}  // namespace vkc
