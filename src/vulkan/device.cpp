#include "vulkan/device.hpp"

#include <algorithm>
#include <limits>

#include "base/available_memory.hpp"
#include "base/error.hpp"
#include "base/host_threads.hpp"

namespace vkc {

namespace {

vk::Device create_device(const vk::raii::PhysicalDevice& physical,
                         const vk::DeviceCreateInfo& info) {
  try {
    return (*physical).createDevice(info, nullptr, *physical.getDispatcher());
  } catch (const vk::SystemError& error) {
    if (can_start_thread()) throw;
    fail(VKC_ERROR_VULKAN, "the driver cannot make the device (", error.what(),
         "): ", kThreadsRefused, "try again");
  }
}

vk::raii::Device make_device(const ChosenDevice& chosen) {
  const vk::raii::PhysicalDevice& physical = chosen.physical;
  const float priority = 1.0F;
  const vk::DeviceQueueCreateInfo queue({}, chosen.queue_family, 1, &priority);
  vk::PhysicalDeviceFeatures2 features;
  features.features.shaderInt64 = VK_TRUE;
  vk::PhysicalDeviceVulkan12Features features12;
  features12.bufferDeviceAddress = VK_TRUE;
  features.pNext = &features12;
  vk::PhysicalDeviceCooperativeMatrixFeaturesNV matrix_features(VK_TRUE);
  // The specification wants this extension enabled wherever it is offered.
  std::vector<const char*> extensions;
  if (has_extension(physical.enumerateDeviceExtensionProperties(), "VK_KHR_portability_subset")) {
    extensions.push_back("VK_KHR_portability_subset");
  }
  if (chosen.limits.cooperative_matrices) {
    extensions.push_back(VK_NV_COOPERATIVE_MATRIX_EXTENSION_NAME);
    features12.shaderFloat16 = VK_TRUE;
    features12.vulkanMemoryModel = VK_TRUE;
    features12.vulkanMemoryModelDeviceScope = VK_TRUE;
    features12.pNext = &matrix_features;
  }
  const vk::DeviceCreateInfo info({}, queue, {}, extensions, nullptr, &features);
  const vk::Device device = create_device(physical, info);
  try {
    return {physical, device};
  } catch (const std::bad_alloc&) {  // in Vulkan-Hpp, which then forgets the device
    const auto destroy = reinterpret_cast<PFN_vkDestroyDevice>(
        physical.getDispatcher()->vkGetDeviceProcAddr(device, "vkDestroyDevice"));
    destroy(device, nullptr);
    throw;
  }
}

}  // namespace

Device::Device(std::string_view wanted, bool validation)
    : instance_(shared_instance(validation)),
      chosen_(choose_device(*instance_, wanted)),
      memory_(chosen_.physical.getMemoryProperties()),
      has_memory_budget_(has_extension(chosen_.physical.enumerateDeviceExtensionProperties(),
                                       VK_EXT_MEMORY_BUDGET_EXTENSION_NAME)),
      device_(make_device(chosen_)),
      queue_(device_, chosen_.queue_family, 0),
      command_pool_(device_,
                    {vk::CommandPoolCreateFlagBits::eResetCommandBuffer, chosen_.queue_family}),
      pipeline_cache_(device_, vk::PipelineCacheCreateInfo{}),
      may_lack_threads_(limits().is_cpu && !can_start_thread()) {}

uint64_t Device::available_bytes() const {
  // Where the memory is the host's, its heap tells the size, not what other programs have left of
  // it: taking too much would end some program, perhaps this one.
  const uint64_t bound =
      limits().unified_memory ? available_host_bytes() : std::numeric_limits<uint64_t>::max();
  if (!has_memory_budget_) {
    const uint64_t heap = largest_local_heap(memory_);
    return std::min(bound, heap - std::min(heap, buffer_memory_.now.device));
  }
  const auto chain =
      chosen_.physical.getMemoryProperties2<vk::PhysicalDeviceMemoryProperties2,
                                            vk::PhysicalDeviceMemoryBudgetPropertiesEXT>();
  const auto& budget = chain.get<vk::PhysicalDeviceMemoryBudgetPropertiesEXT>();
  uint64_t most = 0;
  for (uint32_t i = 0; i < memory_.memoryHeapCount; ++i) {
    if (!(memory_.memoryHeaps[i].flags & vk::MemoryHeapFlagBits::eDeviceLocal)) continue;
    const uint64_t total = budget.heapBudget[i];
    const uint64_t used = budget.heapUsage[i];
    most = std::max(most, total > used ? total - used : 0);
  }
  return std::min(bound, most);
}

void Device::count_buffer(const Footprint& footprint) const {
  BufferMemory& memory = buffer_memory_;
  memory.now += footprint;
  memory.most = {std::max(memory.most.device, memory.now.device),
                 std::max(memory.most.host, memory.now.host)};
}

void Device::forget_buffer(const Footprint& footprint) const {
  buffer_memory_.now.device -= footprint.device;
  buffer_memory_.now.host -= footprint.host;
}

void Device::record_work(uint64_t begin, uint64_t end, double seconds_a_tick) const {
  const uint64_t alone_since = std::max(begin, std::min(idle_since_, end));
  const double seconds = static_cast<double>(end - begin) * seconds_a_tick;
  ++work_.submissions;
  work_.seconds += static_cast<double>(end - alone_since) * seconds_a_tick;
  work_.longest_seconds = std::max(work_.longest_seconds, seconds);
  idle_since_ = end;
}

}  // namespace vkc
