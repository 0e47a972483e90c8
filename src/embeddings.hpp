// Embeddings made ready for integer arithmetic: validated, centred, normalised, in fixed point.
// No Vulkan here: the host does this, in float64, so that every device starts from the same bits.
#pragma once

#include <cstdint>
#include <vector>

#include "../shaders/interface.h"

namespace vkc {

class HostThreads;

// 1.0 in the fixed point of unit vectors, cosines and weights.
inline constexpr int kFixedPointBits = 30;
inline constexpr double kFixedPointOne = 1 << kFixedPointBits;

// The most embeddings that are put into an order of their own.
inline constexpr uint32_t kMostOrdered = 1U << ID_BITS;

struct FixedPointEmbeddings {
  std::vector<int32_t> units;    // rows x pitch unit vectors times 2^30, zero in the padding
  std::vector<int32_t> weights;  // n norms over the largest norm, times 2^30
  bool weighted = false;         // false: the norms agree, so every weight counts as 2^30
  std::vector<uint32_t> order;   // of ids, see to_fixed_point(); empty: none is better
};

// Bytes that to_fixed_point() takes, and what it returns holds: units, weights, norms, order and
// similarities to the centroid.
uint64_t fixed_point_bytes(uint32_t n, uint64_t rows, uint32_t pitch);

// Follows steps 1 to 3 and the w_i of step 6 of the definition in vulkan_compute.h.
//
// For embeddings with a common direction, as text has before it is centred, `order` is the ids in
// ascending similarity to their centroid. That is nearly the order in which every walk chooses
// them: with rows and columns of the similarity matrix in this order, what a walk has still to
// choose lies together at the end of each row.
//
// embeddings: n x d, row-major. units is rows x pitch, rows >= n and pitch >= d.
// Throws Error (NOT_FINITE) naming row and column of the first NaN or infinity.
FixedPointEmbeddings to_fixed_point(HostThreads& threads, const float* embeddings, uint32_t n,
                                    uint32_t d, bool center, uint32_t rows, uint32_t pitch);

}  // namespace vkc
