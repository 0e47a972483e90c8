// The orders that sequences can have: see VkcOrder.
#pragma once

#include <cstdint>

#include "vulkan_compute.h"

namespace vkc {

struct Order {
  VkcOrder rule = VKC_ORDER_CENTROID;
  int32_t lambda = 0;  // in fixed point

  // Whether what comes next depends on which items are chosen, and not also on the first of them.
  [[nodiscard]] bool forgets_start() const { return rule == VKC_ORDER_CENTROID; }
};

extern const uint32_t kOrders;  // that there are

// Throws Error (INVALID_ARGUMENT), naming the values allowed. `of`: the struct that holds the
// order.
VkcOrder require_order(uint32_t order, const char* of);
Order make_order(const VkcSequenceOptions& options);

}  // namespace vkc
