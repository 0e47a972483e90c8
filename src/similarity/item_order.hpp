// Which item is where in a matrix. An item has an id; a row is a place in a matrix, as a column is.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "vulkan/buffer.hpp"
#include "vulkan/device.hpp"
#include "vulkan/staging.hpp"

namespace vkc {

// The order of the rows of a matrix, or of its columns.
class ItemOrder {
 public:
  ItemOrder() = default;

  // ids: the item in each of n rows; nothing where that is the order of the ids.
  ItemOrder(Staging& staging, const std::optional<std::vector<uint32_t>>& ids, uint32_t n,
            uint64_t padded_rows);

  // What such an order takes.
  static Footprint footprint(const Device& device, uint32_t n, uint64_t padded_rows);

  // Whether rows are not in the order of the ids.
  [[nodiscard]] bool is_reordered() const { return reordered_; }
  [[nodiscard]] uint32_t id_in(uint32_t row) const { return reordered_ ? ids_[row] : row; }
  [[nodiscard]] uint32_t row_of(uint32_t id) const { return reordered_ ? rows_[id] : id; }

  // row_of(0), row_of(1), ...; only where rows are reordered.
  [[nodiscard]] const std::vector<uint32_t>& rows_by_id() const { return rows_; }

  // The same for kernels, reordered or not: uint32 [n] by row, and uint32 [padded_rows] by id,
  // where padding is in the row of its number.
  [[nodiscard]] vk::DeviceAddress ids() const {
    return reordered_ ? ids_table_.address() : rows_table_.address();
  }
  [[nodiscard]] vk::DeviceAddress rows() const { return rows_table_.address(); }

 private:
  bool reordered_ = false;
  std::vector<uint32_t> ids_;   // only where reordered
  std::vector<uint32_t> rows_;  // likewise
  Buffer ids_table_;            // likewise: in the order of the ids, one table is both
  Buffer rows_table_;
};

}  // namespace vkc
