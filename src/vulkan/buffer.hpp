// Device memory with an address.
#pragma once

#include <cstdint>
#include <utility>
#include <vulkan/vulkan_raii.hpp>

#include "vulkan/device.hpp"

namespace vkc {

enum class MemoryUse {
  kDevice,  // read and written by kernels; also mapped where the host reads it well
  kStaging  // the host's, for transfers: mapped and cached
};

// What a buffer of so many bytes takes.
Footprint buffer_footprint(const Device& device, uint64_t bytes, MemoryUse use);

// The most bytes of one buffer that kernels read.
uint64_t largest_readable_buffer(const Device& device);

// Keeps an allocation in the device's count for as long as it is held.
class CountedMemory {
 public:
  CountedMemory() = default;
  CountedMemory(const Device& device, const Footprint& footprint)
      : device_(&device), footprint_(footprint) {
    device.count_buffer(footprint);
  }
  CountedMemory(CountedMemory&& other) noexcept
      : device_(std::exchange(other.device_, nullptr)), footprint_(other.footprint_) {}
  CountedMemory& operator=(CountedMemory&& other) noexcept {
    std::swap(device_, other.device_);
    std::swap(footprint_, other.footprint_);
    return *this;
  }
  CountedMemory(const CountedMemory&) = delete;
  CountedMemory& operator=(const CountedMemory&) = delete;
  ~CountedMemory() {
    if (device_ != nullptr) device_->forget_buffer(footprint_);
  }

 private:
  const Device* device_ = nullptr;
  Footprint footprint_;
};

// A buffer with an allocation of its own. Throws Error (OUT_OF_DEVICE_MEMORY).
class Buffer {
 public:
  Buffer() = default;
  Buffer(const Device& device, uint64_t bytes, MemoryUse use);

  [[nodiscard]] vk::Buffer handle() const { return *buffer_; }
  [[nodiscard]] uint64_t bytes() const { return bytes_; }
  [[nodiscard]] vk::DeviceAddress address() const { return address_; }

  // The buffer's bytes, for buffers that the host can reach; else nullptr. Coherent: a fence or a
  // submission is all the synchronisation needed.
  [[nodiscard]] void* mapped() const { return mapped_; }

  template <typename T>
  [[nodiscard]] T* mapped_as() const {
    return static_cast<T*>(mapped_);
  }

 private:
  uint64_t bytes_ = 0;
  CountedMemory counted_;
  vk::raii::DeviceMemory memory_ = nullptr;  // outlives buffer_
  vk::raii::Buffer buffer_ = nullptr;
  vk::DeviceAddress address_ = 0;
  void* mapped_ = nullptr;
};

}  // namespace vkc
