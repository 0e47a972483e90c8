#include "similarity/device_matrix.hpp"

#include <algorithm>
#include <bit>

#include "base/error.hpp"

namespace vkc {

namespace {

uint32_t block_rows_shift(const Device& device, uint64_t row_bytes) {
  const uint64_t rows = std::max<uint64_t>(largest_readable_buffer(device) / row_bytes, 1);
  constexpr uint64_t kMostRows = 1ULL << 31;  // block_shift is applied to 32-bit rows
  return static_cast<uint32_t>(std::bit_width(std::min(rows, kMostRows)) - 1);
}

}  // namespace

DeviceMatrix::Place DeviceMatrix::place(uint32_t row) const {
  return {block_of(row).handle(), offset_of(row)};
}

const int32_t* DeviceMatrix::mapped_row(uint32_t row) const {
  return block_of(row).mapped_as<int32_t>() + offset_of(row) / sizeof(int32_t);
}

uint64_t DeviceMatrix::bytes(uint32_t rows, uint32_t n) {
  // More than any device has: the true number could overflow sums of sizes.
  constexpr uint64_t kMostElements = 1ULL << 58;
  return std::min(rows * round_up(n, kTile), kMostElements) * sizeof(int32_t);
}

Footprint DeviceMatrix::footprint(const Device& device, uint32_t rows, uint32_t n) {
  const uint64_t block_rows = uint64_t{1} << block_rows_shift(device, bytes(1, n));
  const uint64_t blocks = round_up(rows, block_rows) / block_rows;
  return buffer_footprint(device, bytes(rows, n) + blocks * sizeof(uint64_t), MemoryUse::kDevice);
}

uint64_t DeviceMatrix::most_bytes(const Device& device, uint32_t n, uint64_t available) {
  if (!device.limits().is_cpu) return available;
  const uint64_t block_bytes = bytes(1U << block_rows_shift(device, bytes(1, n)), n);
  return std::min(available, MOST_TEXEL_BLOCKS * block_bytes);
}

DeviceMatrix::DeviceMatrix(Staging& staging, uint32_t rows, uint32_t n)
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
