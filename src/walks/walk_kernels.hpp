// Which kernel walks, and in which shape.
#pragma once

#include <cstdint>

#include "similarity/device_embeddings.hpp"
#include "similarity/device_matrix.hpp"
#include "vulkan/kernel.hpp"

namespace vkc {

// What a kernel keeps for each item.
enum class WalkVariant {
  kI64,    // the sum A_j of the order `centroid`, in 64 bits: any embeddings
  kU32,    // the same in 32 bits: rows in the order of ids, and sums that stay close together
  kScores  // what the scores of all other orders are made of
};

// The fastest of those for the order `centroid`, which give the same sequences.
WalkVariant fastest_variant(const DeviceEmbeddings& embeddings);

// few: the walks are so few that they leave a GPU's processors idle, and each had better be fast by
// itself.
Kernel make_walk_kernel(const Device& device, const DeviceEmbeddings& embeddings,
                        const DeviceMatrix& matrix, WalkVariant variant, bool few);
bool are_few_walks(const Device& device, std::size_t count);

// Of many walks, how many a GPU takes a step of at the same time; 0 where that is not known.
uint32_t walks_side_by_side(const Device& device, uint32_t pitch);

// Steps a second of all walks together to expect of a device not yet measured.
double expected_walk_rate(const Device& device, uint32_t n);

// Steps that one dispatch may take without running into lavapipe's limit.
uint32_t most_steps(const Device& device, uint32_t pitch);

}  // namespace vkc
