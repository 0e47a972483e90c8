#include "similarity/resident.hpp"

#include <algorithm>
#include <bit>
#include <numeric>

#include "base/available_memory.hpp"
#include "base/error.hpp"
#include "base/host_threads.hpp"
#include "similarity/fixed_point.hpp"

namespace vkc {

namespace {

// Bytes of unit vectors that are worth a thread of their own.
constexpr uint64_t kLeastWritten = 1U << 18;

// The most bytes of one buffer that kernels read.
uint64_t largest_piece(const Device& device) {
  const DeviceLimits& limits = device.limits();
  if (!limits.is_cpu) return limits.max_buffer_bytes;
  return std::min(limits.max_buffer_bytes, limits.max_texel_buffer_bytes);
}

uint32_t block_rows_shift(const Device& device, uint64_t row_bytes) {
  const uint64_t rows = std::max<uint64_t>(largest_piece(device) / row_bytes, 1);
  constexpr uint64_t kMostRows = 1ULL << 31;  // block_shift is applied to 32-bit rows
  return static_cast<uint32_t>(std::bit_width(std::min(rows, kMostRows)) - 1);
}

void require_fit(uint32_t n, uint32_t d, uint64_t needed, uint64_t available,
                 const char* whose = "device") {
  if (needed <= available) return;
  fail(VKC_ERROR_DOES_NOT_FIT, n, " embeddings of dimension ", d, " need ", format_bytes(needed),
       " of ", whose, " memory, and ", format_bytes(available),
       " are available: use fewer embeddings or a ", whose, " with more memory");
}

uint32_t units_pitch_of(uint32_t d) {
  return static_cast<uint32_t>(round_up(d, DIMENSIONS_PER_SLICE));
}

// A tile may begin at any row, and so reach kTile - 1 rows past the last.
uint64_t padded_rows_of(uint32_t n) { return round_up(uint64_t{n} + kTile - 1, kTile); }

uint64_t units_bytes(uint32_t n, uint32_t d) {
  return padded_rows_of(n) * units_pitch_of(d) * sizeof(int32_t);
}

}  // namespace

ResidentEmbeddings::ResidentEmbeddings(Staging& staging, const float* embeddings,
                                       uint32_t num_embeddings, uint32_t embedding_dim, bool center)
    : n(num_embeddings),
      d(embedding_dim),
      centered(center),
      units_pitch(units_pitch_of(embedding_dim)) {
  const Device& device = staging.device();
  const uint64_t padded_rows = padded_rows_of(n);
  const uint64_t bytes = units_bytes(n, d);
  const uint64_t available = device.available_bytes();
  const Footprint most = most_footprint(device, n, d);
  require_fit(n, d, bytes, std::min(largest_piece(device), available));
  // What the host prepares them with is in memory of its own, which here is the same.
  const bool shared = device.limits().unified_memory;
  require_fit(n, d, shared ? most.device + most.host : most.device, available);
  if (!shared) require_fit(n, d, most.host, available_host_bytes(), "host");
  HostThreads threads;
  const FixedPointEmbeddings fixed(threads, embeddings, n, d, center);
  weighted = fixed.weighted();
  ids = fixed.order();
  reordered = !ids.empty();
  units = Buffer(device, bytes, MemoryUse::kDevice);
  const auto item_of = [&](uint64_t row) {
    return row < ids.size() ? ids[row] : static_cast<uint32_t>(row);
  };
  const uint64_t row_bytes = units_pitch * sizeof(int32_t);
  upload(staging, units, bytes, row_bytes, [&](std::byte* to, uint64_t begin, uint64_t end) {
    const uint64_t first = begin / row_bytes;
    const auto write_row = [&](uint64_t r) {
      auto* elements = reinterpret_cast<int32_t*>(to + r * row_bytes);
      const uint32_t written = first + r < n ? d : 0;
      if (written > 0) fixed.write_unit_vector(item_of(first + r), elements);
      std::fill(elements + written, elements + units_pitch, 0);
    };
    threads.for_each((end - begin) / row_bytes, kLeastWritten / row_bytes + 1, write_row);
  });
  weights = Buffer(device, n * sizeof(int32_t), MemoryUse::kDevice);
  const auto write_weights = [&](std::byte* to, uint64_t begin, uint64_t end) {
    auto* elements = reinterpret_cast<int32_t*>(to);
    const uint64_t first = begin / sizeof(int32_t);
    for (uint64_t row = first; row < end / sizeof(int32_t); ++row) {
      elements[row - first] = fixed.weight(item_of(row));
    }
  };
  upload(staging, weights, weights.bytes(), sizeof(int32_t), write_weights);
  // Kernels get the tables also where they have no use for them.
  rows.resize(padded_rows);
  std::iota(rows.begin(), rows.end(), 0);
  ids_table = Buffer(device, n * sizeof(uint32_t), MemoryUse::kDevice);
  upload(staging, ids_table, reordered ? ids.data() : rows.data(), ids_table.bytes());
  for (uint32_t row = 0; row < ids.size(); ++row) rows[ids[row]] = row;
  rows_table = Buffer(device, rows.size() * sizeof(uint32_t), MemoryUse::kDevice);
  upload(staging, rows_table, rows.data(), rows_table.bytes());
  rows.resize(ids.size());
  rows.shrink_to_fit();
}

Footprint ResidentEmbeddings::footprint(const Device& device, uint32_t n, uint32_t d) {
  const uint64_t tables = n + padded_rows_of(n);
  const uint64_t bytes = units_bytes(n, d) + (n + tables) * sizeof(uint32_t);
  return buffer_footprint(device, bytes, MemoryUse::kDevice) +
         Footprint{0, tables * sizeof(uint32_t)};
}

Footprint ResidentEmbeddings::most_footprint(const Device& device, uint32_t n, uint32_t d) {
  return footprint(device, n, d) + Staging::footprint(device, staging_bytes(device, n, d)) +
         Footprint{0, FixedPointEmbeddings::bytes(n, d)};
}

uint64_t ResidentEmbeddings::staging_bytes(const Device& device, uint32_t n, uint32_t d) {
  return upload_staging_bytes(device, units_bytes(n, d), units_pitch_of(d) * sizeof(int32_t));
}

bool ResidentEmbeddings::is_readable(const Device& device, uint32_t n, uint32_t d) {
  return units_bytes(n, d) <= largest_piece(device);
}

MatrixRows::Place MatrixRows::place(uint32_t row) const {
  const uint32_t in_block = row & ((1U << block_shift_) - 1);
  return {blocks_.at(row >> block_shift_).handle(), in_block * row_bytes()};
}

const int32_t* MatrixRows::mapped_row(uint32_t row) const {
  const uint32_t in_block = row & ((1U << block_shift_) - 1);
  return blocks_.at(row >> block_shift_).mapped_as<int32_t>() + uint64_t{in_block} * pitch_;
}

uint64_t MatrixRows::bytes(uint32_t rows, uint32_t n) {
  // More than any device has, where the true number is even greater and would overflow sums.
  constexpr uint64_t kMostElements = 1ULL << 58;
  return std::min(rows * round_up(n, kTile), kMostElements) * sizeof(int32_t);
}

Footprint MatrixRows::footprint(const Device& device, uint32_t rows, uint32_t n) {
  const uint64_t block_rows = uint64_t{1} << block_rows_shift(device, bytes(1, n));
  const uint64_t blocks = round_up(rows, block_rows) / block_rows;
  return buffer_footprint(device, bytes(rows, n) + blocks * sizeof(uint64_t), MemoryUse::kDevice);
}

uint64_t MatrixRows::most_bytes(const Device& device, uint32_t n, uint64_t available) {
  if (!device.limits().is_cpu) return available;
  const uint64_t block_bytes = bytes(1U << block_rows_shift(device, bytes(1, n)), n);
  return std::min(available, MOST_TEXEL_BLOCKS * block_bytes);
}

MatrixRows::MatrixRows(Staging& staging, uint32_t rows, uint32_t n)
    : rows_(rows), pitch_(pitch_of(n)) {
  const Device& device = staging.device();
  const uint64_t needed = bytes(rows, n);
  const uint64_t available = most_bytes(device, n, device.available_bytes());
  if (needed > available) {
    fail(VKC_ERROR_DOES_NOT_FIT, "the similarity matrix of ", n, " embeddings needs ",
         format_bytes(needed), " of device memory, and ", format_bytes(available),
         " are available: use fewer embeddings or a device with more memory");
  }
  block_shift_ = block_rows_shift(device, row_bytes());
  const uint64_t block_rows = 1ULL << block_shift_;
  std::vector<uint64_t> addresses;
  for (uint64_t first = 0; first < rows; first += block_rows) {
    const uint64_t count = std::min<uint64_t>(block_rows, rows - first);
    blocks_.emplace_back(device, count * row_bytes(), MemoryUse::kDevice);
    addresses.push_back(blocks_.back().address());
  }
  block_table_ = Buffer(device, addresses.size() * sizeof(uint64_t), MemoryUse::kDevice);
  upload(staging, block_table_, addresses.data(), addresses.size() * sizeof(uint64_t));
}

}  // namespace vkc
