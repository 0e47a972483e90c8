#include "vulkan/instance.hpp"

#include <dlfcn.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>

#include "base/error.hpp"
#include "vulkan/loader_hints.hpp"
#include "vulkan/validation.hpp"

namespace vkc {

namespace {

constexpr const char* kValidationLayer = "VK_LAYER_KHRONOS_validation";

VKAPI_ATTR VkBool32 VKAPI_CALL on_validation_message(
    VkDebugUtilsMessageSeverityFlagBitsEXT /*severity*/, VkDebugUtilsMessageTypeFlagsEXT /*types*/,
    const VkDebugUtilsMessengerCallbackDataEXT* data, void* /*user*/) {
  record_validation_message(data->pMessage);
  return VK_FALSE;
}

// Releases of vulkan.hpp differ in the type of a callback; the C struct is the same in all.
vk::DebugUtilsMessengerCreateInfoEXT messenger_info() {
  VkDebugUtilsMessengerCreateInfoEXT info{};
  info.sType = VK_STRUCTURE_TYPE_DEBUG_UTILS_MESSENGER_CREATE_INFO_EXT;
  info.messageSeverity = VK_DEBUG_UTILS_MESSAGE_SEVERITY_WARNING_BIT_EXT |
                         VK_DEBUG_UTILS_MESSAGE_SEVERITY_ERROR_BIT_EXT;
  info.messageType = VK_DEBUG_UTILS_MESSAGE_TYPE_VALIDATION_BIT_EXT |
                     VK_DEBUG_UTILS_MESSAGE_TYPE_PERFORMANCE_BIT_EXT;
  info.pfnUserCallback = on_validation_message;
  return info;
}

vk::raii::Context load_vulkan() {
  try {
    return {};
  } catch (const std::runtime_error&) {
    const char* reason = dlerror();
    fail(VKC_ERROR_NO_VULKAN_LOADER, "the Vulkan loader cannot be loaded (",
         reason != nullptr ? reason : "libvulkan.so.1",
         "): where it is not there, install it (Debian: libvulkan1)");
  }
}

[[noreturn]] void fail_without_driver(const char* what) {
  const std::string variables = driver_variables();
  if (!variables.empty()) {
    fail(VKC_ERROR_NO_VULKAN_DRIVER, what, ", where the environment says which drivers there are (",
         variables, "): unset that, or name the manifest of an installed driver there");
  }
  const std::string limit = address_limit();
  fail(VKC_ERROR_NO_VULKAN_DRIVER, what,
       limit.empty() ? ": "
                     : ", where a process may map at most " + limit +
                           ": raise that limit, for which drivers may be too large, or ",
       "install your GPU's driver, or lavapipe to run on the CPU (Debian: mesa-vulkan-drivers)");
}

// The loader says so also where it cannot read a manifest.
[[noreturn]] void fail_without_memory() {
  const std::string broken = broken_manifests();
  if (!broken.empty()) {
    fail(VKC_ERROR_VULKAN,
         "the Vulkan loader fails, most likely at a manifest that is not complete (", broken,
         "): remove that file, or install again what it belongs to");
  }
  fail(VKC_ERROR_OUT_OF_HOST_MEMORY,
       "the Vulkan loader is out of memory, or cannot read a manifest of a driver or layer: free "
       "memory, or run with VK_LOADER_DEBUG=error to see which file it is");
}

vk::raii::Instance make_instance(const vk::raii::Context& loader, bool validation) try {
  const vk::ApplicationInfo application("libvulkan_compute", 0, nullptr, 0, kRequiredVulkan);
  std::vector<const char*> layers;
  std::vector<const char*> extensions;
  vk::InstanceCreateInfo info({}, &application);
  // Drivers that implement Vulkan on top of another interface are listed only when asked for.
  if (has_extension(loader.enumerateInstanceExtensionProperties(),
                    VK_KHR_PORTABILITY_ENUMERATION_EXTENSION_NAME)) {
    extensions.push_back(VK_KHR_PORTABILITY_ENUMERATION_EXTENSION_NAME);
    info.flags |= vk::InstanceCreateFlagBits::eEnumeratePortabilityKHR;
  }
  vk::DebugUtilsMessengerCreateInfoEXT messenger = messenger_info();
  if (validation) {
    layers.push_back(kValidationLayer);
    extensions.push_back(VK_EXT_DEBUG_UTILS_EXTENSION_NAME);
    info.pNext = &messenger;  // hears of the instance's own creation and destruction
  }
  info.setPEnabledLayerNames(layers);
  info.setPEnabledExtensionNames(extensions);
  try {
    return {loader, info};
  } catch (const vk::IncompatibleDriverError&) {
    fail_without_driver("no Vulkan driver is found");
  } catch (const vk::LayerNotPresentError&) {
    fail(VKC_ERROR_NO_VALIDATION_LAYER, "validation was asked for, but ", kValidationLayer,
         " is not installed (Debian: vulkan-validationlayers)");
  }
} catch (const vk::OutOfHostMemoryError&) {
  fail_without_memory();
}

vk::raii::DebugUtilsMessengerEXT make_messenger(const vk::raii::Instance& instance,
                                                bool validation) {
  if (!validation) return nullptr;
  return {instance, messenger_info()};
}

// An instance, and what it was made under.
struct Kept {
  pid_t process = 0;  // 0: it is not to be used again
  std::vector<std::string> environment;
  std::shared_ptr<const Instance> instance;
};

struct Keeper {
  std::mutex mutex;
  std::array<Kept, 2> kept;  // without validation, and with it
};

// Never destroyed: at the end of the process drivers may have ended before this library. Its linker
// option nodelete keeps it, which the validation layer calls, for as long.
Keeper& keeper() {
  static auto* const only = new Keeper;
  return *only;
}

std::vector<std::string> current_environment() {
  std::vector<std::string> all;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    all.emplace_back(*entry);
  }
  return all;
}

// In a process forked from the one that made the instance it is not destroyed: that would wait for
// threads of the driver that are not there.
std::shared_ptr<const Instance> make_shared_instance(bool validation) {
  const auto destroy = [maker = getpid()](const Instance* instance) {
    if (getpid() == maker) delete instance;
  };
  return {new Instance(validation), destroy};
}

}  // namespace

bool has_extension(const std::vector<vk::ExtensionProperties>& extensions, const char* name) {
  return std::any_of(extensions.begin(), extensions.end(), [name](const auto& extension) {
    return std::strcmp(extension.extensionName.data(), name) == 0;
  });
}

Instance::Instance(bool validation)
    : loader_(load_vulkan()),
      instance_(make_instance(loader_, validation)),
      messenger_(make_messenger(instance_, validation)) {}

std::vector<vk::raii::PhysicalDevice> Instance::physical_devices() const {
  std::vector<vk::raii::PhysicalDevice> devices;
  try {
    for (auto& device : vk::raii::PhysicalDevices(instance_)) devices.push_back(std::move(device));
  } catch (const vk::InitializationFailedError&) {
    devices.clear();  // a driver without its hardware
  }
  if (devices.empty()) fail_without_driver("the Vulkan drivers that are found offer no device");
  return devices;
}

std::shared_ptr<const Instance> shared_instance(bool validation) {
  Keeper& all = keeper();
  const std::scoped_lock lock(all.mutex);
  Kept& kept = all.kept.at(validation ? 1 : 0);
  std::vector<std::string> environment = current_environment();
  if (kept.instance && kept.process == getpid() && kept.environment == environment) {
    return kept.instance;
  }
  // Beside the old one, so that drivers of both stay loaded: NVIDIA's loads some 30 times in a
  // process, and then no more.
  auto made = make_shared_instance(validation);
  // Throws where there is none: another may be there at the next call.
  static_cast<void>(made->physical_devices());
  kept = {getpid(), std::move(environment), std::move(made)};
  return kept.instance;
}

void forget_instances() noexcept {
  Keeper& all = keeper();
  const std::scoped_lock lock(all.mutex);
  for (Kept& kept : all.kept) kept.process = 0;  // it stays until there is another, as above
}

}  // namespace vkc
