// Embeddings made ready for integer arithmetic: validated, centred, normalised, in fixed point.
// No Vulkan here: the host does this, in float64, so that every device starts from the same bits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "shaders/interface.h"

namespace vkc {

class HostThreads;
class Progress;

// 1.0 in fixed point: of unit vectors, cosines and weights.
inline constexpr double kFixedPointOne = 1U << FIXED_POINT_BITS;

// The most embeddings that are reordered.
inline constexpr uint32_t kMostOrdered = 1U << ID_BITS;

// Follows steps 1 to 3 and the w_i of step 6 of the definition in vulkan_compute.h.
class FixedPointEmbeddings {
 public:
  // embeddings: n x d, row-major; they must stay as long as this does. Tells of row_passes() rows
  // at most. Throws Stopped, and Error (NOT_FINITE) naming row and column of the first NaN or
  // infinity.
  FixedPointEmbeddings(HostThreads& threads, Progress& progress, const float* embeddings,
                       uint32_t n, uint32_t d, bool center);

  // The same of queries, n vectors that are not among the embeddings. mean: d numbers, the mean()
  // of those; it is subtracted.
  FixedPointEmbeddings(HostThreads& threads, Progress& progress, const float* queries, uint32_t n,
                       uint32_t d, std::vector<double> mean);

  // How often rows are read for that, of all n together.
  static uint64_t row_passes(uint32_t n, bool center);
  static uint64_t row_passes_of_queries(uint32_t n) { return uint64_t{2} * n; }

  // The most bytes of the host that such an object takes, which is while it is made.
  static uint64_t bytes(uint32_t n, uint32_t d);

  // Writes the d elements of an item's unit vector, times 2^30. Threads may do so side by side.
  void write_unit_vector(uint32_t item, int32_t* to) const;

  [[nodiscard]] bool is_zero(uint32_t item) const { return norms_[item] == 0; }

  // d numbers: the mean of the embeddings if they are centred, else zeros.
  [[nodiscard]] const std::vector<double>& mean() const { return mean_; }

  // An item's norm over the largest norm, times 2^30.
  [[nodiscard]] int32_t weight(uint32_t item) const;
  // Whether norms differ; else every weight is 2^30.
  [[nodiscard]] bool weighted() const { return weighted_; }

  // The ids in an order in which walks are faster, where there is one.
  //
  // Embeddings with a common direction, as text has before it is centred, are put in the order of
  // ascending similarity to their centroid. Every walk chooses them nearly in that order. With the
  // rows and columns of the similarity matrix in it, the items that a walk has still to choose lie
  // together at the end of each row.
  [[nodiscard]] const std::optional<std::vector<uint32_t>>& order() const { return order_; }

 private:
  [[nodiscard]] const float* row(uint32_t item) const {
    return embeddings_ + static_cast<std::size_t>(item) * d_;
  }
  class Pass;
  void require_finite(const Pass& pass, const char* what) const;
  void set_mean(const Pass& pass);
  void set_norms(const Pass& pass);
  void set_order(const Pass& pass);

  const float* embeddings_;
  uint32_t n_;
  uint32_t d_;
  std::vector<double> mean_;   // d
  std::vector<double> norms_;  // n: after centring
  double largest_norm_ = 0;
  bool weighted_ = false;
  std::optional<std::vector<uint32_t>> order_;
};

}  // namespace vkc
