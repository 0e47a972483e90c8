// The device and queue that a context works on.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vulkan/vulkan_raii.hpp>

#include "base/progress.hpp"
#include "vulkan/instance.hpp"
#include "vulkan/physical_devices.hpp"
#include "vulkan/pipelines.hpp"
#include "vulkan_compute.h"

namespace vkc {

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

// The bytes that are left of those available once some are taken.
constexpr uint64_t bytes_left(uint64_t available, uint64_t taken) {
  return available - std::min(available, taken);
}

// The memory of all buffers.
struct BufferMemory {
  Footprint now;
  Footprint most;  // since the count was restarted; each for itself
};

// For messages: the reason, likely, where a driver that runs on the CPU fails.
inline constexpr const char* kThreadsRefused =
    "the system gives this process no more threads, of which the driver needs one or two for each "
    "processor; allow more (ulimit -u, or the limit of the container), then ";

class Device {
 public:
  // The device that choose_device chooses. Throws Error: what that throws, and Instance's.
  Device(std::string_view wanted, bool validation);

  [[nodiscard]] const vk::raii::Device& handle() const { return device_; }
  [[nodiscard]] const vk::raii::Queue& queue() const { return queue_; }
  [[nodiscard]] const vk::raii::CommandPool& command_pool() const { return command_pool_; }
  // So that a pipeline that is made again is not compiled again.
  [[nodiscard]] const vk::raii::PipelineCache& pipeline_cache() const { return pipeline_cache_; }
  [[nodiscard]] Pipelines& pipelines() const { return pipelines_; }
  [[nodiscard]] const VkcDeviceInfo& info() const { return chosen_.info; }
  [[nodiscard]] const DeviceLimits& limits() const { return chosen_.limits; }
  [[nodiscard]] const vk::PhysicalDeviceMemoryProperties& memory() const { return memory_; }

  // Bytes of device-local memory that are still free, as well as the driver can tell.
  [[nodiscard]] uint64_t available_bytes() const;

  // What the caller is told of work on this device.
  [[nodiscard]] Progress& progress() const { return progress_; }

  // Whether the driver, when it had started threads of its own, may have got fewer than it needs.
  // lavapipe does not say so: it waits for ever for the work of those that are not there.
  [[nodiscard]] bool may_lack_threads() const { return may_lack_threads_; }

  // Takes note that the device does not answer any more. What waits for it then, such as its
  // destruction, may wait for ever.
  void give_up() const { is_given_up_ = true; }
  [[nodiscard]] bool is_given_up() const { return is_given_up_; }

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
  ChosenDevice chosen_;
  vk::PhysicalDeviceMemoryProperties memory_;
  bool has_memory_budget_ = false;
  vk::raii::Device device_;
  vk::raii::Queue queue_;
  vk::raii::CommandPool command_pool_;
  vk::raii::PipelineCache pipeline_cache_;
  bool may_lack_threads_ = false;
  mutable bool is_given_up_ = false;
  mutable DeviceWork work_;             // a record about the device, which it does not change
  mutable uint64_t idle_since_ = 0;     // ticks
  mutable BufferMemory buffer_memory_;  // likewise
  mutable Progress progress_;           // likewise
  mutable Pipelines pipelines_;         // likewise
};

}  // namespace vkc
