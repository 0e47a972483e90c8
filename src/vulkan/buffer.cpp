#include "vulkan/buffer.hpp"

#include <algorithm>

#include "base/error.hpp"

namespace vkc {

namespace {

using Property = vk::MemoryPropertyFlagBits;

// The first memory type of `types` that has all of `wanted`; -1 where none has.
int find_type(const vk::PhysicalDeviceMemoryProperties& memory, uint32_t types,
              vk::MemoryPropertyFlags wanted) {
  for (uint32_t i = 0; i < memory.memoryTypeCount; ++i) {
    const bool allowed = ((types >> i) & 1U) == 1U;
    if (allowed && (memory.memoryTypes[i].propertyFlags & wanted) == wanted) {
      return static_cast<int>(i);
    }
  }
  return -1;
}

uint32_t memory_type(const Device& device, uint32_t types, MemoryUse use) {
  const vk::MemoryPropertyFlags host = Property::eHostVisible | Property::eHostCoherent;
  int found = -1;
  if (use == MemoryUse::kStaging) {
    found = find_type(device.memory(), types, host | Property::eHostCached);
    if (found < 0) found = find_type(device.memory(), types, host);
  } else {
    if (device.limits().maps_local_memory) {
      found =
          find_type(device.memory(), types, host | Property::eDeviceLocal | Property::eHostCached);
    }
    if (found < 0) found = find_type(device.memory(), types, Property::eDeviceLocal);
  }
  if (found < 0) fail(VKC_ERROR_VULKAN, "the device offers no memory of the kind needed");
  return static_cast<uint32_t>(found);
}

}  // namespace

Footprint buffer_footprint(const Device& device, uint64_t bytes, MemoryUse use) {
  if (use == MemoryUse::kDevice || device.limits().unified_memory) return {bytes, 0};
  return {0, bytes};
}

uint64_t largest_readable_buffer(const Device& device) {
  const DeviceLimits& limits = device.limits();
  if (!limits.is_cpu) return limits.max_buffer_bytes;
  return std::min(limits.max_buffer_bytes, limits.max_texel_buffer_bytes);
}

Buffer::Buffer(const Device& device, uint64_t bytes, MemoryUse use) : bytes_(bytes) {
  vk::BufferUsageFlags usage = vk::BufferUsageFlagBits::eStorageBuffer |
                               vk::BufferUsageFlagBits::eTransferSrc |
                               vk::BufferUsageFlagBits::eTransferDst;
  if (use == MemoryUse::kDevice) {
    usage |= vk::BufferUsageFlagBits::eShaderDeviceAddress |
             vk::BufferUsageFlagBits::eUniformTexelBuffer;
  }
  buffer_ = {device.handle(), vk::BufferCreateInfo({}, bytes, usage)};
  const vk::MemoryRequirements needs = buffer_.getMemoryRequirements();
  const uint32_t type = memory_type(device, needs.memoryTypeBits, use);
  vk::MemoryAllocateFlagsInfo flags(use == MemoryUse::kDevice
                                        ? vk::MemoryAllocateFlagBits::eDeviceAddress
                                        : vk::MemoryAllocateFlags{});
  try {
    memory_ = {device.handle(), vk::MemoryAllocateInfo(needs.size, type, &flags)};
  } catch (const vk::OutOfDeviceMemoryError&) {
    fail(VKC_ERROR_OUT_OF_DEVICE_MEMORY, "the device refused ", format_bytes(bytes),
         ": free some of its memory or use fewer embeddings");
  }
  const Footprint footprint = buffer_footprint(device, needs.size, use);
  device.count_buffer(footprint);
  counted_by_ = {&device, ForgetBuffer{footprint}};
  buffer_.bindMemory(*memory_, 0);
  if (use == MemoryUse::kDevice) address_ = device.handle().getBufferAddress({*buffer_});
  // On a discrete GPU some device-local memory is also host-visible, but slow to read: not used.
  const bool reachable = use == MemoryUse::kStaging || device.limits().maps_local_memory;
  const vk::MemoryPropertyFlags host = Property::eHostVisible | Property::eHostCoherent;
  if (reachable && (device.memory().memoryTypes[type].propertyFlags & host) == host) {
    mapped_ = memory_.mapMemory(0, VK_WHOLE_SIZE);
  }
}

}  // namespace vkc
