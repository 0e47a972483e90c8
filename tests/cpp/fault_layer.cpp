// A Vulkan layer that makes a device other than it is, mostly worse, so that tests can see what the
// library does then. The loader puts it between the library and everything below, the validation
// layer included, where VK_ADD_LAYER_PATH names the directory of its manifest and
// VK_INSTANCE_LAYERS its name, VK_LAYER_VKC_fault. What it does is said by the environment.
//
// Read at each vkCreateInstance:
//   VKC_FAULT_HIDE              what devices lack, one of: shaderInt64, bufferDeviceAddress,
//                               subgroupArithmetic, subgroupBallot, subgroupSize (they report 1),
//                               vulkan12 (they report 1.1), hostCached (of device-local memory),
//                               memoryBudget (the extension), devices (there is none)
//   VKC_FAULT_DEVICE_TYPE       what devices report to be: integrated or discrete
//   VKC_FAULT_WORKGROUP         the most invocations of a workgroup
//   VKC_FAULT_HEAP_BYTES        the size of every memory heap; and its budget
//   (VK_EXT_memory_budget), of
//                               which is used what this process has allocated, whatever the driver
//                               says
//   VKC_FAULT_ALLOCATION_BYTES  the size of the largest allocation that devices report
// Read, and counted from, at each vkCreateDevice; numbers count from 1:
//   VKC_FAULT_LOSE_AT_SUBMIT    the number of the submission at which the device is lost
//   VKC_FAULT_LOSE_AT_WAIT      the same for waiting; once lost, every submission and wait says so
//   VKC_FAULT_ALLOCATION        the number of the vkAllocateMemory that fails
//   VKC_FAULT_DISPATCH          the number of the first dispatch that does nothing; all later ones,
//   too VKC_FAULT_MISUSE            1: creates a buffer of no bytes, which the validation layer
//   reports
#include <vulkan/vk_layer.h>
#include <vulkan/vulkan.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace {

std::string from_environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

uint64_t number_from_environment(const char* name) {
  return std::strtoull(from_environment(name).c_str(), nullptr, 10);
}

// Counts calls; true once, at the call with the given number.
class Countdown {
 public:
  explicit Countdown(const char* name)
      : left_(static_cast<int64_t>(number_from_environment(name))) {}
  bool reached() { return --left_ == 0; }

 private:
  std::atomic<int64_t> left_;
};

struct InstanceState {
  InstanceState(VkInstance made, PFN_vkGetInstanceProcAddr get_next)
      : instance(made), get_next_proc_addr(get_next) {
    load(destroy_instance, "vkDestroyInstance");
    load(enumerate_physical_devices, "vkEnumeratePhysicalDevices");
    load(get_features, "vkGetPhysicalDeviceFeatures");
    load(get_features2, "vkGetPhysicalDeviceFeatures2");
    load(get_properties, "vkGetPhysicalDeviceProperties");
    load(get_properties2, "vkGetPhysicalDeviceProperties2");
    load(get_memory, "vkGetPhysicalDeviceMemoryProperties");
    load(get_memory2, "vkGetPhysicalDeviceMemoryProperties2");
    load(enumerate_device_extensions, "vkEnumerateDeviceExtensionProperties");
    load(create_device, "vkCreateDevice");
  }

  bool hides(const char* feature) const { return hidden == feature; }

  VkInstance instance;
  PFN_vkGetInstanceProcAddr get_next_proc_addr;
  std::string hidden = from_environment("VKC_FAULT_HIDE");
  std::string device_type = from_environment("VKC_FAULT_DEVICE_TYPE");
  uint64_t workgroup = number_from_environment("VKC_FAULT_WORKGROUP");
  uint64_t heap_bytes = number_from_environment("VKC_FAULT_HEAP_BYTES");
  uint64_t allocation_bytes = number_from_environment("VKC_FAULT_ALLOCATION_BYTES");

  // The next layer's functions; to be asked for while the instance is made, since afterwards the
  // loader gives the first layer's.
  PFN_vkDestroyInstance destroy_instance = nullptr;
  PFN_vkEnumeratePhysicalDevices enumerate_physical_devices = nullptr;
  PFN_vkGetPhysicalDeviceFeatures get_features = nullptr;
  PFN_vkGetPhysicalDeviceFeatures2 get_features2 = nullptr;
  PFN_vkGetPhysicalDeviceProperties get_properties = nullptr;
  PFN_vkGetPhysicalDeviceProperties2 get_properties2 = nullptr;
  PFN_vkGetPhysicalDeviceMemoryProperties get_memory = nullptr;
  PFN_vkGetPhysicalDeviceMemoryProperties2 get_memory2 = nullptr;
  PFN_vkEnumerateDeviceExtensionProperties enumerate_device_extensions = nullptr;
  PFN_vkCreateDevice create_device = nullptr;

 private:
  template <typename Function>
  void load(Function& function, const char* name) {
    function = reinterpret_cast<Function>(get_next_proc_addr(instance, name));
  }
};

// What the memory of all devices takes.
class Allocations {
 public:
  void add(VkDeviceMemory memory, VkDeviceSize bytes) {
    const std::lock_guard lock(mutex_);
    bytes_of_[memory] = bytes;
    total_ += bytes;
  }
  void remove(VkDeviceMemory memory) {
    const std::lock_guard lock(mutex_);
    const auto found = bytes_of_.find(memory);
    if (found == bytes_of_.end()) return;
    total_ -= found->second;
    bytes_of_.erase(found);
  }
  VkDeviceSize total() {
    const std::lock_guard lock(mutex_);
    return total_;
  }

 private:
  std::mutex mutex_;
  std::map<VkDeviceMemory, VkDeviceSize> bytes_of_;
  VkDeviceSize total_ = 0;
};

Allocations& allocations() {
  static Allocations all;
  return all;
}

struct DeviceState {
  VkDevice device;
  PFN_vkGetDeviceProcAddr next;
  Countdown until_lost_at_submit{"VKC_FAULT_LOSE_AT_SUBMIT"};
  Countdown until_lost_at_wait{"VKC_FAULT_LOSE_AT_WAIT"};
  Countdown until_allocation{"VKC_FAULT_ALLOCATION"};
  Countdown until_idle{"VKC_FAULT_DISPATCH"};
  std::atomic<bool> idle = false;
  std::atomic<bool> lost = false;

  template <typename Function>
  Function down(const char* name) const {
    return reinterpret_cast<Function>(next(device, name));
  }

  // The device below finishes what was submitted before, so that what it uses may be destroyed.
  void lose() {
    down<PFN_vkDeviceWaitIdle>("vkDeviceWaitIdle")(device);
    lost = true;
  }

  bool lost_at_submit() {
    if (until_lost_at_submit.reached()) lose();
    return lost;
  }

  bool lost_at_wait() {
    if (until_lost_at_wait.reached()) lose();
    return lost;
  }
};

// Physical devices and queues begin with the same pointer as the instance or device they belong to.
void* key_of(const void* handle) {
  void* key = nullptr;
  std::memcpy(&key, handle, sizeof key);
  return key;
}

template <typename State>
class Registry {
 public:
  State& add(const void* handle, std::unique_ptr<State> state) {
    const std::lock_guard lock(mutex_);
    auto& slot = states_[key_of(handle)];
    slot = std::move(state);
    return *slot;
  }
  State& of(const void* handle) {
    const std::lock_guard lock(mutex_);
    return *states_.at(key_of(handle));
  }
  std::unique_ptr<State> remove(void* key) {
    const std::lock_guard lock(mutex_);
    auto state = std::move(states_.at(key));
    states_.erase(key);
    return state;
  }

 private:
  std::mutex mutex_;
  std::map<void*, std::unique_ptr<State>> states_;
};

Registry<InstanceState>& instances() {
  static Registry<InstanceState> registry;
  return registry;
}

Registry<DeviceState>& devices() {
  static Registry<DeviceState> registry;
  return registry;
}

// The loader's link to the next layer, in the chain of a create info.
template <typename Link>
Link* find_link(const void* next, VkStructureType type) {
  for (auto* link = static_cast<const Link*>(next); link != nullptr;
       link = static_cast<const Link*>(link->pNext)) {
    if (link->sType == type && link->function == VK_LAYER_LINK_INFO) {
      return const_cast<Link*>(link);  // the loader's, made to be advanced by each layer
    }
  }
  return nullptr;
}

// Calls change on each structure of an output chain.
template <typename Change>
void for_each_structure(void* chain, Change change) {
  for (auto* structure = static_cast<VkBaseOutStructure*>(chain); structure != nullptr;
       structure = structure->pNext) {
    change(structure);
  }
}

// ---- Instances
// -----------------------------------------------------------------------------------

VKAPI_ATTR VkResult VKAPI_CALL create_instance(const VkInstanceCreateInfo* info,
                                               const VkAllocationCallbacks* allocator,
                                               VkInstance* instance) {
  auto* link = find_link<VkLayerInstanceCreateInfo>(info->pNext,
                                                    VK_STRUCTURE_TYPE_LOADER_INSTANCE_CREATE_INFO);
  if (link == nullptr) return VK_ERROR_INITIALIZATION_FAILED;
  const PFN_vkGetInstanceProcAddr next = link->u.pLayerInfo->pfnNextGetInstanceProcAddr;
  link->u.pLayerInfo = link->u.pLayerInfo->pNext;
  const auto create =
      reinterpret_cast<PFN_vkCreateInstance>(next(VK_NULL_HANDLE, "vkCreateInstance"));
  const VkResult result = create(info, allocator, instance);
  if (result != VK_SUCCESS) return result;
  instances().add(*instance, std::make_unique<InstanceState>(*instance, next));
  return VK_SUCCESS;
}

VKAPI_ATTR void VKAPI_CALL destroy_instance(VkInstance instance,
                                            const VkAllocationCallbacks* allocator) {
  if (instance == VK_NULL_HANDLE) return;
  const auto state = instances().remove(key_of(instance));
  state->destroy_instance(instance, allocator);
}

VKAPI_ATTR VkResult VKAPI_CALL enumerate_physical_devices(VkInstance instance, uint32_t* count,
                                                          VkPhysicalDevice* physical_devices) {
  const InstanceState& state = instances().of(instance);
  if (state.hides("devices")) {
    *count = 0;
    return VK_ERROR_INITIALIZATION_FAILED;  // what the loader gives where no driver has a device
  }
  return state.enumerate_physical_devices(instance, count, physical_devices);
}

VKAPI_ATTR void VKAPI_CALL get_features(VkPhysicalDevice physical_device,
                                        VkPhysicalDeviceFeatures* features) {
  const InstanceState& state = instances().of(physical_device);
  state.get_features(physical_device, features);
  if (state.hides("shaderInt64")) features->shaderInt64 = VK_FALSE;
}

VKAPI_ATTR void VKAPI_CALL get_features2(VkPhysicalDevice physical_device,
                                         VkPhysicalDeviceFeatures2* features) {
  const InstanceState& state = instances().of(physical_device);
  state.get_features2(physical_device, features);
  if (state.hides("shaderInt64")) features->features.shaderInt64 = VK_FALSE;
  if (!state.hides("bufferDeviceAddress")) return;
  for_each_structure(features->pNext, [](VkBaseOutStructure* structure) {
    if (structure->sType == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES) {
      reinterpret_cast<VkPhysicalDeviceVulkan12Features*>(structure)->bufferDeviceAddress =
          VK_FALSE;
    } else if (structure->sType ==
               VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_BUFFER_DEVICE_ADDRESS_FEATURES) {
      reinterpret_cast<VkPhysicalDeviceBufferDeviceAddressFeatures*>(structure)
          ->bufferDeviceAddress = VK_FALSE;
    }
  });
}

void change_properties(const InstanceState& state, VkPhysicalDeviceProperties* properties) {
  if (state.hides("vulkan12")) properties->apiVersion = VK_API_VERSION_1_1;
  if (state.device_type == "integrated") {
    properties->deviceType = VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU;
  } else if (state.device_type == "discrete") {
    properties->deviceType = VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU;
  }
  if (state.workgroup != 0) {
    const auto most = static_cast<uint32_t>(state.workgroup);
    properties->limits.maxComputeWorkGroupInvocations = most;
    for (uint32_t& size : properties->limits.maxComputeWorkGroupSize) size = std::min(size, most);
  }
}

void change_subgroup(const InstanceState& state, uint32_t* size,
                     VkSubgroupFeatureFlags* operations) {
  if (state.hides("subgroupSize")) *size = 1;
  if (state.hides("subgroupArithmetic"))
    *operations &= ~uint32_t{VK_SUBGROUP_FEATURE_ARITHMETIC_BIT};
  if (state.hides("subgroupBallot")) *operations &= ~uint32_t{VK_SUBGROUP_FEATURE_BALLOT_BIT};
}

void change_allocation(const InstanceState& state, VkDeviceSize* largest) {
  if (state.allocation_bytes != 0) *largest = std::min(*largest, state.allocation_bytes);
}

VKAPI_ATTR void VKAPI_CALL get_properties(VkPhysicalDevice physical_device,
                                          VkPhysicalDeviceProperties* properties) {
  const InstanceState& state = instances().of(physical_device);
  state.get_properties(physical_device, properties);
  change_properties(state, properties);
}

VKAPI_ATTR void VKAPI_CALL get_properties2(VkPhysicalDevice physical_device,
                                           VkPhysicalDeviceProperties2* properties) {
  const InstanceState& state = instances().of(physical_device);
  state.get_properties2(physical_device, properties);
  change_properties(state, &properties->properties);
  for_each_structure(properties->pNext, [&](VkBaseOutStructure* structure) {
    switch (structure->sType) {
      case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_PROPERTIES: {
        auto* vulkan11 = reinterpret_cast<VkPhysicalDeviceVulkan11Properties*>(structure);
        change_subgroup(state, &vulkan11->subgroupSize, &vulkan11->subgroupSupportedOperations);
        change_allocation(state, &vulkan11->maxMemoryAllocationSize);
        break;
      }
      case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_PROPERTIES: {
        auto* subgroup = reinterpret_cast<VkPhysicalDeviceSubgroupProperties*>(structure);
        change_subgroup(state, &subgroup->subgroupSize, &subgroup->supportedOperations);
        break;
      }
      case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MAINTENANCE_3_PROPERTIES:
        change_allocation(state,
                          &reinterpret_cast<VkPhysicalDeviceMaintenance3Properties*>(structure)
                               ->maxMemoryAllocationSize);
        break;
      default:
        break;
    }
  });
}

void change_memory(const InstanceState& state, VkPhysicalDeviceMemoryProperties* memory) {
  for (uint32_t i = 0; state.hides("hostCached") && i < memory->memoryTypeCount; ++i) {
    VkMemoryPropertyFlags& flags = memory->memoryTypes[i].propertyFlags;
    if ((flags & VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT) != 0) {
      flags &= ~uint32_t{VK_MEMORY_PROPERTY_HOST_CACHED_BIT};
    }
  }
  if (state.heap_bytes == 0) return;
  for (uint32_t i = 0; i < memory->memoryHeapCount; ++i) {
    memory->memoryHeaps[i].size = std::min(memory->memoryHeaps[i].size, state.heap_bytes);
  }
}

VKAPI_ATTR void VKAPI_CALL get_memory(VkPhysicalDevice physical_device,
                                      VkPhysicalDeviceMemoryProperties* memory) {
  const InstanceState& state = instances().of(physical_device);
  state.get_memory(physical_device, memory);
  change_memory(state, memory);
}

VKAPI_ATTR void VKAPI_CALL get_memory2(VkPhysicalDevice physical_device,
                                       VkPhysicalDeviceMemoryProperties2* memory) {
  const InstanceState& state = instances().of(physical_device);
  if (state.heap_bytes == 0) {
    state.get_memory2(physical_device, memory);
    return;
  }
  // A driver without the extension may not be asked for it.
  get_memory(physical_device, &memory->memoryProperties);
  for_each_structure(memory->pNext, [&](VkBaseOutStructure* structure) {
    if (structure->sType != VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_BUDGET_PROPERTIES_EXT) return;
    auto* budget = reinterpret_cast<VkPhysicalDeviceMemoryBudgetPropertiesEXT*>(structure);
    for (uint32_t i = 0; i < memory->memoryProperties.memoryHeapCount; ++i) {
      budget->heapBudget[i] = memory->memoryProperties.memoryHeaps[i].size;
      budget->heapUsage[i] = allocations().total();
    }
  });
}

VKAPI_ATTR VkResult VKAPI_CALL enumerate_device_extensions(VkPhysicalDevice physical_device,
                                                           const char* layer, uint32_t* count,
                                                           VkExtensionProperties* properties) {
  const InstanceState& state = instances().of(physical_device);
  const auto next = state.enumerate_device_extensions;
  const bool hidden = state.hides("memoryBudget");
  if (layer != nullptr || (state.heap_bytes == 0 && !hidden)) {
    return next(physical_device, layer, count, properties);
  }
  uint32_t number = 0;
  VkResult result = next(physical_device, nullptr, &number, nullptr);
  std::vector<VkExtensionProperties> all(number);
  if (result == VK_SUCCESS) result = next(physical_device, nullptr, &number, all.data());
  if (result != VK_SUCCESS) return result;
  std::erase_if(all, [](const VkExtensionProperties& extension) {
    return std::strcmp(extension.extensionName, VK_EXT_MEMORY_BUDGET_EXTENSION_NAME) == 0;
  });
  if (!hidden) {
    all.push_back({VK_EXT_MEMORY_BUDGET_EXTENSION_NAME, VK_EXT_MEMORY_BUDGET_SPEC_VERSION});
  }
  const auto most = static_cast<uint32_t>(all.size());
  *count = properties == nullptr ? most : std::min(*count, most);
  if (properties != nullptr) std::copy_n(all.begin(), *count, properties);
  return *count < most ? VK_INCOMPLETE : VK_SUCCESS;
}

// ---- Devices
// -------------------------------------------------------------------------------------

VKAPI_ATTR VkResult VKAPI_CALL create_device(VkPhysicalDevice physical_device,
                                             const VkDeviceCreateInfo* info,
                                             const VkAllocationCallbacks* allocator,
                                             VkDevice* device) {
  auto* link =
      find_link<VkLayerDeviceCreateInfo>(info->pNext, VK_STRUCTURE_TYPE_LOADER_DEVICE_CREATE_INFO);
  if (link == nullptr) return VK_ERROR_INITIALIZATION_FAILED;
  const PFN_vkGetDeviceProcAddr next = link->u.pLayerInfo->pfnNextGetDeviceProcAddr;
  link->u.pLayerInfo = link->u.pLayerInfo->pNext;
  const VkResult result =
      instances().of(physical_device).create_device(physical_device, info, allocator, device);
  if (result != VK_SUCCESS) return result;
  auto made = std::make_unique<DeviceState>();
  made->device = *device;
  made->next = next;
  const DeviceState& state = devices().add(*device, std::move(made));

  if (number_from_environment("VKC_FAULT_MISUSE") != 0) {
    VkBufferCreateInfo no_bytes{};
    no_bytes.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO;
    no_bytes.usage = VK_BUFFER_USAGE_STORAGE_BUFFER_BIT;
    VkBuffer buffer = VK_NULL_HANDLE;
    if (state.down<PFN_vkCreateBuffer>("vkCreateBuffer")(*device, &no_bytes, nullptr, &buffer) ==
        VK_SUCCESS) {
      state.down<PFN_vkDestroyBuffer>("vkDestroyBuffer")(*device, buffer, nullptr);
    }
  }
  return VK_SUCCESS;
}

VKAPI_ATTR void VKAPI_CALL destroy_device(VkDevice device, const VkAllocationCallbacks* allocator) {
  if (device == VK_NULL_HANDLE) return;
  const auto state = devices().remove(key_of(device));
  state->down<PFN_vkDestroyDevice>("vkDestroyDevice")(device, allocator);
}

VKAPI_ATTR VkResult VKAPI_CALL allocate_memory(VkDevice device, const VkMemoryAllocateInfo* info,
                                               const VkAllocationCallbacks* allocator,
                                               VkDeviceMemory* memory) {
  DeviceState& state = devices().of(device);
  if (state.until_allocation.reached()) return VK_ERROR_OUT_OF_DEVICE_MEMORY;
  const VkResult result =
      state.down<PFN_vkAllocateMemory>("vkAllocateMemory")(device, info, allocator, memory);
  if (result == VK_SUCCESS) allocations().add(*memory, info->allocationSize);
  return result;
}

VKAPI_ATTR void VKAPI_CALL free_memory(VkDevice device, VkDeviceMemory memory,
                                       const VkAllocationCallbacks* allocator) {
  allocations().remove(memory);
  devices().of(device).down<PFN_vkFreeMemory>("vkFreeMemory")(device, memory, allocator);
}

VKAPI_ATTR void VKAPI_CALL dispatch(VkCommandBuffer commands, uint32_t x, uint32_t y, uint32_t z) {
  DeviceState& state = devices().of(commands);
  if (state.until_idle.reached()) state.idle = true;
  if (!state.idle) state.down<PFN_vkCmdDispatch>("vkCmdDispatch")(commands, x, y, z);
}

VKAPI_ATTR VkResult VKAPI_CALL queue_submit(VkQueue queue, uint32_t count,
                                            const VkSubmitInfo* submits, VkFence fence) {
  DeviceState& state = devices().of(queue);
  if (state.lost_at_submit()) return VK_ERROR_DEVICE_LOST;
  return state.down<PFN_vkQueueSubmit>("vkQueueSubmit")(queue, count, submits, fence);
}

VKAPI_ATTR VkResult VKAPI_CALL queue_submit2(VkQueue queue, uint32_t count,
                                             const VkSubmitInfo2* submits, VkFence fence) {
  DeviceState& state = devices().of(queue);
  if (state.lost_at_submit()) return VK_ERROR_DEVICE_LOST;
  return state.down<PFN_vkQueueSubmit2>("vkQueueSubmit2")(queue, count, submits, fence);
}

VKAPI_ATTR VkResult VKAPI_CALL wait_for_fences(VkDevice device, uint32_t count,
                                               const VkFence* fences, VkBool32 all,
                                               uint64_t timeout) {
  DeviceState& state = devices().of(device);
  if (state.lost_at_wait()) return VK_ERROR_DEVICE_LOST;
  return state.down<PFN_vkWaitForFences>("vkWaitForFences")(device, count, fences, all, timeout);
}

VKAPI_ATTR VkResult VKAPI_CALL wait_semaphores(VkDevice device, const VkSemaphoreWaitInfo* info,
                                               uint64_t timeout) {
  DeviceState& state = devices().of(device);
  if (state.lost_at_wait()) return VK_ERROR_DEVICE_LOST;
  return state.down<PFN_vkWaitSemaphores>("vkWaitSemaphores")(device, info, timeout);
}

VKAPI_ATTR VkResult VKAPI_CALL queue_wait_idle(VkQueue queue) {
  DeviceState& state = devices().of(queue);
  if (state.lost_at_wait()) return VK_ERROR_DEVICE_LOST;
  return state.down<PFN_vkQueueWaitIdle>("vkQueueWaitIdle")(queue);
}

VKAPI_ATTR VkResult VKAPI_CALL device_wait_idle(VkDevice device) {
  DeviceState& state = devices().of(device);
  if (state.lost_at_wait()) return VK_ERROR_DEVICE_LOST;
  return state.down<PFN_vkDeviceWaitIdle>("vkDeviceWaitIdle")(device);
}

VKAPI_ATTR VkResult VKAPI_CALL get_fence_status(VkDevice device, VkFence fence) {
  DeviceState& state = devices().of(device);
  if (state.lost) return VK_ERROR_DEVICE_LOST;
  return state.down<PFN_vkGetFenceStatus>("vkGetFenceStatus")(device, fence);
}

VKAPI_ATTR VkResult VKAPI_CALL get_semaphore_value(VkDevice device, VkSemaphore semaphore,
                                                   uint64_t* value) {
  DeviceState& state = devices().of(device);
  if (state.lost) return VK_ERROR_DEVICE_LOST;
  return state.down<PFN_vkGetSemaphoreCounterValue>("vkGetSemaphoreCounterValue")(device, semaphore,
                                                                                  value);
}

// ---- What the loader asks for
// --------------------------------------------------------------------

VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL get_device_proc_addr(VkDevice device, const char* name);
VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL get_instance_proc_addr(VkInstance instance,
                                                                const char* name);

using Functions = std::map<std::string, PFN_vkVoidFunction>;

template <typename Function>
PFN_vkVoidFunction erased(Function function) {
  return reinterpret_cast<PFN_vkVoidFunction>(function);
}

PFN_vkVoidFunction find(const Functions& functions, const std::string& name) {
  const auto found = functions.find(name);
  return found != functions.end() ? found->second : nullptr;
}

PFN_vkVoidFunction instance_function(const std::string& name) {
  static const Functions functions{
      {"vkGetInstanceProcAddr", erased(get_instance_proc_addr)},
      {"vkCreateInstance", erased(create_instance)},
      {"vkDestroyInstance", erased(destroy_instance)},
      {"vkEnumeratePhysicalDevices", erased(enumerate_physical_devices)},
      {"vkGetPhysicalDeviceFeatures", erased(get_features)},
      {"vkGetPhysicalDeviceFeatures2", erased(get_features2)},
      {"vkGetPhysicalDeviceProperties", erased(get_properties)},
      {"vkGetPhysicalDeviceProperties2", erased(get_properties2)},
      {"vkGetPhysicalDeviceMemoryProperties", erased(get_memory)},
      {"vkGetPhysicalDeviceMemoryProperties2", erased(get_memory2)},
      {"vkEnumerateDeviceExtensionProperties", erased(enumerate_device_extensions)},
      {"vkCreateDevice", erased(create_device)},
  };
  return find(functions, name);
}

PFN_vkVoidFunction device_function(const std::string& name) {
  static const Functions functions{
      {"vkGetDeviceProcAddr", erased(get_device_proc_addr)},
      {"vkDestroyDevice", erased(destroy_device)},
      {"vkAllocateMemory", erased(allocate_memory)},
      {"vkFreeMemory", erased(free_memory)},
      {"vkCmdDispatch", erased(dispatch)},
      {"vkQueueSubmit", erased(queue_submit)},
      {"vkQueueSubmit2", erased(queue_submit2)},
      {"vkWaitForFences", erased(wait_for_fences)},
      {"vkWaitSemaphores", erased(wait_semaphores)},
      {"vkQueueWaitIdle", erased(queue_wait_idle)},
      {"vkDeviceWaitIdle", erased(device_wait_idle)},
      {"vkGetFenceStatus", erased(get_fence_status)},
      {"vkGetSemaphoreCounterValue", erased(get_semaphore_value)},
  };
  return find(functions, name);
}

VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL get_device_proc_addr(VkDevice device, const char* name) {
  const PFN_vkVoidFunction next = devices().of(device).next(device, name);
  const PFN_vkVoidFunction own = device_function(name);
  // Only what the device below has: a function of a version or extension not enabled is NULL.
  return own != nullptr && next != nullptr ? own : next;
}

VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL get_instance_proc_addr(VkInstance instance,
                                                                const char* name) {
  if (const PFN_vkVoidFunction own = instance_function(name)) return own;
  if (const PFN_vkVoidFunction own = device_function(name)) return own;
  if (instance == VK_NULL_HANDLE) return nullptr;
  return instances().of(instance).get_next_proc_addr(instance, name);
}

}  // namespace

extern "C" __attribute__((visibility("default"))) VKAPI_ATTR VkResult VKAPI_CALL
vkNegotiateLoaderLayerInterfaceVersion(VkNegotiateLayerInterface* version) {
  version->loaderLayerInterfaceVersion = CURRENT_LOADER_LAYER_INTERFACE_VERSION;
  version->pfnGetInstanceProcAddr = get_instance_proc_addr;
  version->pfnGetDeviceProcAddr = get_device_proc_addr;
  version->pfnGetPhysicalDeviceProcAddr = nullptr;
  return VK_SUCCESS;
}
