// Where rows of the similarity matrix come from: a matrix of all rows that stays on the device, or
// a computation of those that are needed.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "similarity/device_embeddings.hpp"
#include "similarity/device_matrix.hpp"
#include "similarity/item_order.hpp"
#include "similarity/queries.hpp"
#include "similarity/similarity.hpp"
#include "similarity/spot_check.hpp"
#include "vulkan/staging.hpp"

namespace vkc {

// Where a call takes its rows from.
struct RowChoice {
  bool whole;          // the matrix of all rows: each pair is multiplied once
  uint64_t available;  // bytes left for the call, beside that matrix
};

// The rows that a call has on the device.
struct RowSizes {
  bool whole;           // as in RowChoice
  uint32_t at_once;     // rows that the call works on together
  uint32_t blocks = 0;  // where they are computed: blocks of so many rows, 1 or 2

  [[nodiscard]] Footprint footprint(const Device& device, uint32_t n) const;
  // Whether the device can address so many rows of n elements.
  [[nodiscard]] bool is_readable(const Device& device, uint32_t n) const;
};

// Rows on the device, and where in them items are.
struct DeviceRows {
  const DeviceMatrix& matrix;
  const ItemOrder& order;  // of the embeddings
  bool reordered;          // rows and columns are in that order; else in the order of the ids
  uint32_t first_id;       // the item in row 0; 0 where reordered

  [[nodiscard]] uint32_t row_of(uint32_t id) const { return column_of(id) - first_id; }
  [[nodiscard]] uint32_t column_of(uint32_t id) const { return reordered ? order.row_of(id) : id; }
};

class RowSource {
 public:
  // The rows, lent for the length of a call. Nothing is in flight before and after.
  class Loan {
   public:
    Loan(RowSource& source, bool whole) : source_(source), whole_(whole) {}
    Loan(const Loan&) = delete;
    ~Loan() { source_.similarity_.abandon(); }

    // Computes the rows of items first .. first + count - 1, unless they are there, and then does
    // the commands of `follow`. which: of two such pieces in flight, 0 or 1; see wait().
    void begin(std::size_t which, uint32_t first, uint32_t count,
               const Similarity::Follow& follow = {});
    // Throws Error (WRONG_RESULT) where what was computed is not what the host knows of it.
    void wait(std::size_t which);

    // The rows of the piece that begins with item `first`. Of the whole matrix, all are there.
    [[nodiscard]] DeviceRows at(std::size_t which, uint32_t first) const;

   private:
    RowSource& source_;
    bool whole_;
  };

  RowSource(Staging& staging, const DeviceEmbeddings& embeddings)
      : staging_(staging),
        embeddings_(embeddings),
        similarity_(staging.device(), embeddings),
        check_(staging.device()) {}

  // Rows of queries, which have ids from FIRST_QUERY on: they are computed, always.
  RowSource(Staging& staging, const DeviceEmbeddings& embeddings, const Queries& queries)
      : staging_(staging),
        embeddings_(embeddings),
        queries_(&queries),
        similarity_(staging.device(), embeddings, queries.units()),
        check_(staging.device()) {}

  [[nodiscard]] const DeviceEmbeddings& embeddings() const { return embeddings_; }

  // The better choice for a call that needs `count` rows. The static one is for planning: nothing
  // is there yet, and the device has `available` bytes left.
  [[nodiscard]] RowChoice choose(uint32_t count) const;
  static RowChoice choose(const Device& device, uint32_t n, uint32_t count, uint64_t available);

  // Takes the memory that a call needs for its rows, and frees what no call needs any more. Throws
  // Error (DOES_NOT_FIT, OUT_OF_DEVICE_MEMORY).
  Loan borrow(const RowSizes& sizes);

  // The whole matrix, its rows and columns in the order of the embeddings. It stays. Throws Error
  // (WRONG_RESULT), too.
  const DeviceMatrix& whole();
  [[nodiscard]] bool has_whole() const { return is_filled_; }

  // What the host knows of the rows of these items, or queries.
  [[nodiscard]] std::vector<KnownSimilarity> known_in_rows(uint32_t first, uint32_t count) const;

  // Bytes of the device that are free, or that free_unused() would free.
  [[nodiscard]] uint64_t available_bytes() const;
  void free_unused();

  // Takes over the matrix of embeddings that are no longer wanted, if it is as large: memory of
  // that size is slow to get.
  void reuse_matrix_of(RowSource& other);

 private:
  void drop_unfilled();
  Staging& staging_;
  const DeviceEmbeddings& embeddings_;
  const Queries* queries_ = nullptr;  // nullptr: rows are of the embeddings
  Similarity similarity_;
  SpotCheck check_;
  std::unique_ptr<DeviceMatrix> matrix_;  // of all rows; made when first needed
  bool is_filled_ = false;                // else the matrix has just its first tiles, if any:
  uint64_t filled_tiles_ = 0;             // see Similarity::fill
  std::vector<DeviceMatrix> blocks_;      // of rows; likewise
};

}  // namespace vkc
