// Device memory with an address.
#pragma once

#include <cstdint>
#include <memory>
#include <vulkan/vulkan_raii.hpp>

#include "vulkan/device.hpp"

namespace vkc {

enum class MemoryUse {
  kDevice,  // read and written by kernels; mapped as well where the host reads it fast
  kStaging  // the host's, for transfers: mapped and cached
};

// What a buffer of so many bytes takes.
Footprint buffer_footprint(const Device& device, uint64_t bytes, MemoryUse use);

// The most bytes of one buffer that kernels read.
uint64_t largest_readable_buffer(const Device& device);

// Takes a buffer that is no more out of the device's count.
struct ForgetBuffer {
  Footprint footprint;
  void operator()(const Device* device) const { device->forget_buffer(footprint); }
};

// A buffer with an allocation of its own. Throws Error (OUT_OF_DEVICE_MEMORY).
class Buffer {
 public:
  Buffer() = default;
  Buffer(const Device& device, uint64_t bytes, MemoryUse use);

  [[nodiscard]] vk::Buffer handle() const { return *buffer_; }
  [[nodiscard]] uint64_t bytes() const { return bytes_; }
  [[nodiscard]] vk::DeviceAddress address() const { return address_; }

  // The buffer's bytes; nullptr where the host cannot map them. They are coherent: waiting for a
  // submission is all the synchronisation that is needed.
  [[nodiscard]] void* mapped() const { return mapped_; }

  template <typename T>
  [[nodiscard]] T* mapped_as() const {
    return static_cast<T*>(mapped_);
  }

 private:
  uint64_t bytes_ = 0;
  std::unique_ptr<const Device, ForgetBuffer> counted_by_;
  vk::raii::DeviceMemory memory_ = nullptr;  // outlives buffer_
  vk::raii::Buffer buffer_ = nullptr;
  vk::DeviceAddress address_ = 0;
  void* mapped_ = nullptr;
};

}  // namespace vkc
