// What memory some work takes, and about how long, worked out by the functions that later allocate
// it and choose the way.
#pragma once

#include <cstdint>

#include "vulkan/device.hpp"
#include "vulkan_compute.h"
#include "walks/walk_choice.hpp"

namespace vkc {

struct Work {
  VkcWork kind;
  uint32_t count;       // rows, starts or items; 1 to n, or any number of starts
  uint32_t length = 0;  // of sequences, or k
};

// The work's own memory, beside the embeddings.
struct WorkMemory {
  Footprint rows;        // of the similarity matrix
  Footprint buffers;     // others, and what the host needs; without the staging memory
  uint64_t staging = 0;  // bytes of each half
  uint32_t walks_at_once = 0;
  bool readable = true;  // the device can address the rows
  VkcWay way = VKC_WAY_NONE;
  double seconds = 0;  // to expect; 0: not estimated
};

// For n embeddings of dimension d that are there, on a device that has `available` bytes left.
WorkMemory work_memory(const Device& device, uint32_t n, uint32_t d, const Work& work,
                       uint64_t available);

// For embeddings that are not there yet.
VkcMemoryPlan plan_memory(const Device& device, uint32_t n, uint32_t d, const Work& work);

// Throws Error (DOES_NOT_FIT) where walks that go this way, of embeddings that are there, do not
// fit.
void require_walks_fit(const Device& device, const WalkRequest& request, WalkWay way,
                       uint64_t available);

}  // namespace vkc
