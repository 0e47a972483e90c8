// The Vulkan loader with its drivers, loaded once for the whole process.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>
#include <vulkan/vulkan_raii.hpp>

namespace vkc {

inline constexpr uint32_t kRequiredVulkan = VK_API_VERSION_1_2;

bool has_extension(const std::vector<vk::ExtensionProperties>& extensions, const char* name);

// A loaded Vulkan with its drivers. Throws Error: NO_VULKAN_LOADER, NO_VULKAN_DRIVER,
// NO_VALIDATION_LAYER.
class Instance {
 public:
  explicit Instance(bool validation);

  [[nodiscard]] std::vector<vk::raii::PhysicalDevice> physical_devices() const;

 private:
  vk::raii::Context loader_;
  vk::raii::Instance instance_;
  vk::raii::DebugUtilsMessengerEXT messenger_;
};

// The instance of this process, made at the first call and kept for those that follow: drivers are
// not made to be loaded and unloaded hundreds of times. Throws what Instance throws; what failed is
// tried anew at the next call. A new one is made after the environment has changed, by which
// loader, layers and drivers are configured, and in a process forked since, which has not the
// driver's threads. For any thread.
std::shared_ptr<const Instance> shared_instance(bool validation);

// Makes the next call of shared_instance make a new one: after the driver has failed.
void forget_instances() noexcept;

}  // namespace vkc
