// Unit vectors in float16, beside those in fixed point: what fast arithmetic filters with.
#pragma once

#include <cstdint>
#include <memory>

#include "similarity/device_embeddings.hpp"
#include "vulkan/buffer.hpp"
#include "vulkan/device.hpp"
#include "vulkan/kernel.hpp"
#include "vulkan/staging.hpp"

namespace vkc {

// Room for some rows, scaled by 2^HALF_SCALE_BITS and padded with zeros to whole slices.
class HalfVectors {
 public:
  HalfVectors(const Device& device, const DeviceEmbeddings& embeddings, uint32_t rows);

  static uint64_t bytes(uint32_t rows, uint32_t d);
  static uint32_t pitch_of(uint32_t d);  // float16 elements

  // All items, in the order of the rows of their unit vectors; rows() is their number or more.
  void fill();

  // Those of items first .. first + count - 1, or of queries (ids from FIRST_QUERY on), whose unit
  // vectors are in `units`; and zeros behind, to whole tiles.
  void fill(const Buffer& units, uint32_t first, uint32_t count);
  // Records the same, in one piece: of no more rows than a dispatch may have workgroups. error() is
  // then not known.
  void record(const vk::raii::CommandBuffer& commands, const Buffer& units, uint32_t first,
              uint32_t count) const;

  [[nodiscard]] uint32_t rows() const { return rows_; }
  [[nodiscard]] uint32_t pitch() const { return pitch_of(embeddings_.d); }
  [[nodiscard]] const Buffer& buffer() const { return halves_; }

  // The greatest length of u - v over the rows u of the latest fill(), where v is what float16 made
  // of it.
  [[nodiscard]] double error() const { return error_; }

 private:
  [[nodiscard]] uint32_t rows_with_zeros(uint32_t count) const;
  void record_rows(const vk::raii::CommandBuffer& commands, const Buffer& units, uint32_t first,
                   uint32_t count, const Piece<uint32_t>& rows) const;

  const Device& device_;
  const DeviceEmbeddings& embeddings_;
  uint32_t rows_;
  Kernel kernel_;
  Buffer halves_;        // float16 [rows][pitch]
  Buffer device_error_;  // float: the error, times 2^30
  Buffer host_error_;    // a copy
  double error_ = 0;
};

// Those of all items, made when first asked for: they stay.
class ItemHalves {
 public:
  ItemHalves(const Device& device, const DeviceEmbeddings& embeddings)
      : device_(device), embeddings_(embeddings) {}

  // Throws Error (OUT_OF_DEVICE_MEMORY).
  const HalfVectors& get();
  [[nodiscard]] bool are_there() const { return halves_ != nullptr; }

 private:
  const Device& device_;
  const DeviceEmbeddings& embeddings_;
  std::unique_ptr<HalfVectors> halves_;
};

}  // namespace vkc
