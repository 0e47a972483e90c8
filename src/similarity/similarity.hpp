// The similarity kernel: rows of the matrix, computed on the device and left there.
#pragma once

#include <array>
#include <cstdint>
#include <functional>

#include "shaders/interface.h"
#include "similarity/device_embeddings.hpp"
#include "similarity/device_matrix.hpp"
#include "vulkan/kernel.hpp"
#include "vulkan/pacer.hpp"
#include "vulkan/submission.hpp"

namespace vkc {

class Similarity {
 public:
  // Commands that follow a computation on the device, and see what it wrote.
  using Follow = std::function<void(const vk::raii::CommandBuffer&)>;

  // Rows of the embeddings.
  Similarity(const Device& device, const DeviceEmbeddings& embeddings)
      : Similarity(device, embeddings, embeddings.units) {}
  // row_units: the unit vectors of what has rows: the embeddings', or those of queries.
  Similarity(const Device& device, const DeviceEmbeddings& embeddings, const Buffer& row_units);

  // Multiply-adds a second to expect of a device not yet measured.
  static double expected_rate(const Device& device);

  // Fills the whole matrix, in the order of the embeddings' rows: matrix.rows() == n. Each pair of
  // items is multiplied once. The commands of `follow`, if any, come behind. filled: how far it is,
  // in tiles_of_matrix(): a call that was stopped is gone on with from there.
  void fill(const DeviceMatrix& matrix, uint64_t& filled, const Follow& follow = {});
  void fill(const DeviceMatrix& matrix) {
    uint64_t filled = 0;
    fill(matrix, filled);
  }
  [[nodiscard]] uint64_t tiles_of_matrix() const;

  // Begins to fill rows with those of items first .. first + count - 1, rows and columns in the
  // order of the ids; count <= rows.rows(). Queries are items, too, from FIRST_QUERY on. The
  // commands of `follow`, if any, come behind. which: of two such computations that may be under
  // way, 0 or 1; an earlier one is waited for.
  void begin_rows(std::size_t which, const DeviceMatrix& rows, uint32_t first, uint32_t count,
                  const Follow& follow = {});

  // Begins commands alone, which see what was computed before.
  void begin_commands(std::size_t which, const Follow& follow);

  // Waits for what was begun, if it is under way.
  void wait(std::size_t which);

  // Waits for all that is under way and ignores errors, as Submission::abandon() does.
  void abandon() noexcept;

 private:
  struct Turn {
    Submission submission;
    uint64_t tiles = 0;
  };

  [[nodiscard]] uint64_t tiles_along(uint32_t items) const;

  // Submits tiles from `first` on, as many as one submission may take, and returns their number.
  // The commands of `follow` come behind tile end - 1.
  uint64_t send(std::size_t which, SimilarityPush push, uint64_t first, uint64_t end,
                const Follow& follow);

  const Device& device_;
  const DeviceEmbeddings& embeddings_;
  const Buffer& row_units_;
  uint32_t tile_;  // items on a side of a tile; divides kTile
  Kernel kernel_;
  std::array<Turn, 2> turns_;
  Pacer pacer_;  // tiles of a submission
};

}  // namespace vkc
