// The devices there are: what they can do, how they are described, and which one is chosen.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>
#include <vulkan/vulkan_raii.hpp>

#include "vulkan/instance.hpp"
#include "vulkan_compute.h"

namespace vkc {

// What kernels and memory plans depend on.
struct DeviceLimits {
  bool is_cpu = false;                  // lavapipe or another driver that runs shaders on the CPU
  bool unified_memory = false;          // the device's memory is the host's
  bool maps_local_memory = false;       // and the host reads it as fast as any
  uint32_t subgroup_size = 1;           // invocations
  uint32_t max_workgroup_size = 1;      // invocations
  uint64_t max_buffer_bytes = 0;        // of one buffer and its allocation
  uint64_t max_texel_buffer_bytes = 0;  // of one view of four-component 32-bit texels
  uint32_t max_shared_bytes = 0;        // of a workgroup
  uint32_t max_workgroup_count = 0;     // in x
  uint32_t processors = 0;              // that work side by side; 0: the driver does not tell
  bool cooperative_matrices =
      false;                    // of VK_NV_cooperative_matrix, as the filter's kernel has them
  double timestamp_period = 0;  // seconds a tick; 0: the queue has no timestamps
};

// lavapipe silently ends all loops of an invocation after 65,535 iterations together: what kernels
// may count on for the loops that the host can size.
inline constexpr uint32_t kMostCpuIterations = 60000;

std::vector<VkcDeviceInfo> list_devices();

struct ChosenDevice {
  vk::raii::PhysicalDevice physical;
  VkcDeviceInfo info;
  DeviceLimits limits;
  uint32_t queue_family;  // the first that computes
};

// Chooses by `wanted` (an index, a UUID, a PCI address or part of a name), by VKC_DEVICE where that
// is empty, else the best usable device. Throws Error: NO_SUCH_DEVICE, DEVICE_UNSUITABLE.
ChosenDevice choose_device(const Instance& instance, std::string_view wanted);

// The bytes of the largest heap that is the device's own.
uint64_t largest_local_heap(const vk::PhysicalDeviceMemoryProperties& memory);

}  // namespace vkc
