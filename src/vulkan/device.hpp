// The list of devices, and the one device and queue that a context works on.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
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
  uint32_t max_workgroup_count = 0;     // in x
  double timestamp_period = 0;          // seconds a tick; 0: the queue has no timestamps
};

// lavapipe silently ends all loops of an invocation after 65,535 iterations together: what kernels
// may count on for the loops that the host can size.
inline constexpr uint32_t kMostCpuIterations = 60000;

// What a device did, by its own timestamps (by the host's clock where it has none).
struct DeviceWork {
  uint32_t submissions = 0;
  double seconds = 0;          // with a submission under way; where several overlap, once
  double longest_seconds = 0;  // of one submission, waiting for an earlier one included
};

// Memory that something takes, or would take, in bytes.
struct Footprint {
  uint64_t device = 0;  // the device's; where that is the host's, buffers for transfers included
  uint64_t host = 0;    // the host's beside

  Footprint& operator+=(const Footprint& other) {
    device += other.device;
    host += other.host;
    return *this;
  }
  friend Footprint operator+(Footprint a, const Footprint& b) { return a += b; }
};

// The memory of all buffers.
struct BufferMemory {
  Footprint now;
  Footprint most;  // since the count was restarted; each for itself
};

std::vector<VkcDeviceInfo> list_devices();

// Bytes of the host's memory that can be had without harm to other programs; no bound where the
// system does not tell.
uint64_t available_host_bytes();

class Device {
 public:
  // Chooses by `wanted` (an index or part of a name), by VKC_DEVICE where that is empty, else the
  // best usable device. Throws Error: NO_SUCH_DEVICE, DEVICE_UNSUITABLE and Instance's.
  Device(std::string_view wanted, bool validation);

  [[nodiscard]] const vk::raii::Device& handle() const { return device_; }
  [[nodiscard]] const vk::raii::Queue& queue() const { return queue_; }
  [[nodiscard]] const vk::raii::CommandPool& command_pool() const { return command_pool_; }
  // So that a kernel made again, for other embeddings, is not compiled again.
  [[nodiscard]] const vk::raii::PipelineCache& pipeline_cache() const { return pipeline_cache_; }
  [[nodiscard]] const VkcDeviceInfo& info() const { return info_; }
  [[nodiscard]] const DeviceLimits& limits() const { return limits_; }
  [[nodiscard]] const vk::PhysicalDeviceMemoryProperties& memory() const { return memory_; }

  // Bytes of device-local memory that are still free, as well as the driver can tell.
  [[nodiscard]] uint64_t available_bytes() const;

  // Takes note of a buffer that was made, or is no more.
  void count_buffer(const Footprint& footprint) const;
  void forget_buffer(const Footprint& footprint) const;

  [[nodiscard]] const BufferMemory& buffer_memory() const { return buffer_memory_; }
  void restart_buffer_peak() const { buffer_memory_.most = buffer_memory_.now; }

  // Takes note of a submission that began and ended at these ticks; in the order in which they were
  // sent.
  void record_work(uint64_t begin, uint64_t end, double seconds_a_tick) const;

  // The work since the last call of this function.
  DeviceWork take_work() const { return std::exchange(work_, {}); }

 private:
  std::shared_ptr<const Instance> instance_;
  VkcDeviceInfo info_{};
  vk::raii::PhysicalDevice physical_;
  DeviceLimits limits_;
  vk::PhysicalDeviceMemoryProperties memory_;
  bool has_memory_budget_ = false;
  uint32_t queue_family_ = 0;
  vk::raii::Device device_;
  vk::raii::Queue queue_;
  vk::raii::CommandPool command_pool_;
  vk::raii::PipelineCache pipeline_cache_;
  mutable DeviceWork work_;             // a record about the device, which it does not change
  mutable uint64_t idle_since_ = 0;     // ticks
  mutable BufferMemory buffer_memory_;  // likewise
};

}  // namespace vkc
