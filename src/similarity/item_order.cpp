#include "similarity/item_order.hpp"

#include <numeric>
#include <utility>

namespace vkc {

namespace {

Buffer table_of(Staging& staging, const uint32_t* values, uint64_t count) {
  Buffer table(staging.device(), count * sizeof(uint32_t), MemoryUse::kDevice);
  upload(staging, table, values, table.bytes());
  return table;
}

}  // namespace

ItemOrder::ItemOrder(Staging& staging, const std::optional<std::vector<uint32_t>>& ids, uint32_t n,
                     uint64_t padded_rows)
    : reordered_(ids.has_value()) {
  std::vector<uint32_t> rows(padded_rows);
  std::iota(rows.begin(), rows.end(), 0);
  if (ids) ids_table_ = table_of(staging, ids->data(), n);
  for (uint32_t row = 0; ids && row < n; ++row) rows[(*ids)[row]] = row;
  rows_table_ = table_of(staging, rows.data(), padded_rows);
  if (!ids) return;
  ids_ = *ids;
  rows.resize(n);
  rows_ = std::move(rows);
}

Footprint ItemOrder::footprint(const Device& device, uint32_t n, uint64_t padded_rows) {
  const uint64_t bytes = (n + padded_rows) * sizeof(uint32_t);
  return buffer_footprint(device, bytes, MemoryUse::kDevice) + Footprint{0, bytes};
}

}  // namespace vkc
