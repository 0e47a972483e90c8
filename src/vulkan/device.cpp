#include "vulkan/device.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <limits>

#include "base/error.hpp"

namespace vkc {

namespace {

constexpr double kNanosecond = 1e-9;

// Everything that is asked of a physical device, read once.
struct DeviceFacts {
  vk::PhysicalDeviceProperties2 properties2;
  vk::PhysicalDeviceSubgroupProperties subgroup;
  vk::PhysicalDeviceMaintenance3Properties maintenance3;
  vk::PhysicalDeviceDriverProperties driver;
  vk::PhysicalDeviceFeatures features;
  bool buffer_device_address = false;
  vk::PhysicalDeviceMemoryProperties memory;

  [[nodiscard]] const vk::PhysicalDeviceProperties& properties() const {
    return properties2.properties;
  }
};

DeviceFacts read_facts(const vk::raii::PhysicalDevice& device) {
  DeviceFacts facts;
  facts.properties2.properties = device.getProperties();
  facts.memory = device.getMemoryProperties();
  facts.features = device.getFeatures();
  if (facts.properties().apiVersion < kRequiredVulkan) return facts;

  const auto properties =
      device.getProperties2<vk::PhysicalDeviceProperties2, vk::PhysicalDeviceSubgroupProperties,
                            vk::PhysicalDeviceMaintenance3Properties,
                            vk::PhysicalDeviceDriverProperties>();
  facts.subgroup = properties.get<vk::PhysicalDeviceSubgroupProperties>();
  facts.maintenance3 = properties.get<vk::PhysicalDeviceMaintenance3Properties>();
  facts.driver = properties.get<vk::PhysicalDeviceDriverProperties>();
  const auto features =
      device.getFeatures2<vk::PhysicalDeviceFeatures2, vk::PhysicalDeviceVulkan12Features>();
  facts.buffer_device_address =
      features.get<vk::PhysicalDeviceVulkan12Features>().bufferDeviceAddress == VK_TRUE;
  return facts;
}

// The first queue family that computes; -1 where none does.
int compute_family(const vk::raii::PhysicalDevice& device) {
  const auto families = device.getQueueFamilyProperties();
  for (std::size_t i = 0; i < families.size(); ++i) {
    if (families[i].queueFlags & vk::QueueFlagBits::eCompute) return static_cast<int>(i);
  }
  return -1;
}

std::string missing_features(const vk::raii::PhysicalDevice& device, const DeviceFacts& facts) {
  std::string missing;
  const auto require = [&missing](bool present, const char* name) {
    if (present) return;
    if (!missing.empty()) missing += ", ";
    missing += name;
  };
  require(compute_family(device) >= 0, "a compute queue");
  require(facts.properties().apiVersion >= kRequiredVulkan, "Vulkan 1.2");
  if (facts.properties().apiVersion < kRequiredVulkan) return missing;
  require(facts.features.shaderInt64 == VK_TRUE, "shaderInt64");
  require(facts.buffer_device_address, "bufferDeviceAddress");
  using Feature = vk::SubgroupFeatureFlagBits;
  const bool in_compute = bool(facts.subgroup.supportedStages & vk::ShaderStageFlagBits::eCompute);
  require(in_compute && (facts.subgroup.supportedOperations & Feature::eArithmetic),
          "subgroup arithmetic in compute shaders");
  require(in_compute && (facts.subgroup.supportedOperations & Feature::eBallot),
          "subgroup ballot in compute shaders");
  // What the kernels' reductions in two stages have room for.
  require(facts.subgroup.subgroupSize >= 4 && facts.subgroup.subgroupSize <= 128,
          "subgroups of 4 to 128 invocations");
  return missing;
}

VkcDeviceType device_type(vk::PhysicalDeviceType type) {
  switch (type) {
    case vk::PhysicalDeviceType::eIntegratedGpu:
      return VKC_DEVICE_TYPE_INTEGRATED_GPU;
    case vk::PhysicalDeviceType::eDiscreteGpu:
      return VKC_DEVICE_TYPE_DISCRETE_GPU;
    case vk::PhysicalDeviceType::eVirtualGpu:
      return VKC_DEVICE_TYPE_VIRTUAL_GPU;
    case vk::PhysicalDeviceType::eCpu:
      return VKC_DEVICE_TYPE_CPU;
    default:
      return VKC_DEVICE_TYPE_OTHER;
  }
}

uint32_t plain_version(uint32_t vulkan_version) {
  constexpr uint32_t kMajor = 1000000;
  constexpr uint32_t kMinor = 1000;
  return VK_API_VERSION_MAJOR(vulkan_version) * kMajor +
         VK_API_VERSION_MINOR(vulkan_version) * kMinor + VK_API_VERSION_PATCH(vulkan_version);
}

template <std::size_t N>
void copy_text(char (&to)[N], const char* from) {  // NOLINT(*-avoid-c-arrays): fields of a C struct
  std::snprintf(static_cast<char*>(to), N, "%s", from);
}

uint64_t largest_local_heap(const vk::PhysicalDeviceMemoryProperties& memory) {
  uint64_t largest = 0;
  for (uint32_t i = 0; i < memory.memoryHeapCount; ++i) {
    const vk::MemoryHeap& heap = memory.memoryHeaps[i];
    if (heap.flags & vk::MemoryHeapFlagBits::eDeviceLocal) largest = std::max(largest, heap.size);
  }
  return largest;
}

VkcDeviceInfo describe(const vk::raii::PhysicalDevice& device, uint32_t index) {
  const DeviceFacts facts = read_facts(device);
  VkcDeviceInfo info{};
  info.struct_size = sizeof(info);
  info.index = index;
  info.type = device_type(facts.properties().deviceType);
  info.vulkan_version = plain_version(facts.properties().apiVersion);
  info.subgroup_size = facts.subgroup.subgroupSize;
  info.memory_bytes = largest_local_heap(facts.memory);
  copy_text(info.name, facts.properties().deviceName.data());
  const std::string driver =
      std::string(facts.driver.driverName.data()) + " " + facts.driver.driverInfo.data();
  copy_text(info.driver, driver.c_str());
  const std::string missing = missing_features(device, facts);
  copy_text(info.missing, missing.c_str());
  info.usable = missing.empty() ? 1 : 0;
  return info;
}

// Whether the host reads what is the device's own as fast as any memory: some integrated GPUs have
// device-local memory that it reads without a cache, and so very slowly.
bool has_cached_local_memory(const vk::PhysicalDeviceMemoryProperties& memory) {
  using Property = vk::MemoryPropertyFlagBits;
  const vk::MemoryPropertyFlags wanted = Property::eDeviceLocal | Property::eHostVisible |
                                         Property::eHostCoherent | Property::eHostCached;
  return std::any_of(
      memory.memoryTypes.begin(), memory.memoryTypes.begin() + memory.memoryTypeCount,
      [&](const vk::MemoryType& type) { return (type.propertyFlags & wanted) == wanted; });
}

DeviceLimits read_limits(const DeviceFacts& facts, double timestamp_period) {
  const vk::PhysicalDeviceLimits& limits = facts.properties().limits;
  DeviceLimits out;
  out.is_cpu = facts.properties().deviceType == vk::PhysicalDeviceType::eCpu;
  out.unified_memory =
      out.is_cpu || facts.properties().deviceType == vk::PhysicalDeviceType::eIntegratedGpu;
  out.maps_local_memory = out.unified_memory && has_cached_local_memory(facts.memory);
  out.subgroup_size = facts.subgroup.subgroupSize;
  out.max_workgroup_size =
      std::min(limits.maxComputeWorkGroupInvocations, limits.maxComputeWorkGroupSize[0]);
  out.max_buffer_bytes = facts.maintenance3.maxMemoryAllocationSize;
  constexpr uint64_t kTexelBytes = 16;
  out.max_texel_buffer_bytes = limits.maxTexelBufferElements * kTexelBytes;
  out.max_workgroup_count = limits.maxComputeWorkGroupCount[0];
  out.timestamp_period = timestamp_period;
  return out;
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

std::string listing(const std::vector<VkcDeviceInfo>& devices) {
  std::string text;
  for (const VkcDeviceInfo& info : devices) {
    if (!text.empty()) text += "; ";
    text += std::to_string(info.index) + ": " + info.name;
  }
  return text;
}

std::size_t choose_wanted(const std::vector<VkcDeviceInfo>& devices, std::string_view wanted,
                          const char* origin) {
  std::size_t index = 0;
  const auto [end, error] = std::from_chars(wanted.data(), wanted.data() + wanted.size(), index);
  const bool is_number = error == std::errc() && end == wanted.data() + wanted.size();
  if (is_number && index < devices.size()) return index;
  // A number is never part of a name: an index that is off would match some version number.
  if (!is_number) {
    for (std::size_t i = 0; i < devices.size(); ++i) {
      if (lower(devices[i].name).find(lower(wanted)) != std::string::npos) return i;
    }
  }
  fail(VKC_ERROR_NO_SUCH_DEVICE, "no device matches '", wanted, "' (", origin,
       "): give an index or part of a name of ", listing(devices));
}

std::size_t choose_best(const std::vector<VkcDeviceInfo>& devices) {
  constexpr std::array kPreference = {VKC_DEVICE_TYPE_DISCRETE_GPU, VKC_DEVICE_TYPE_INTEGRATED_GPU,
                                      VKC_DEVICE_TYPE_VIRTUAL_GPU, VKC_DEVICE_TYPE_CPU,
                                      VKC_DEVICE_TYPE_OTHER};
  for (const VkcDeviceType type : kPreference) {
    for (std::size_t i = 0; i < devices.size(); ++i) {
      if (devices[i].usable == 1 && devices[i].type == static_cast<uint32_t>(type)) return i;
    }
  }
  return 0;  // none is usable: the caller's check says what the first one lacks
}

std::size_t choose(const std::vector<VkcDeviceInfo>& devices, std::string_view wanted) {
  const char* environment = std::getenv("VKC_DEVICE");
  if (!wanted.empty()) return choose_wanted(devices, wanted, "the device option");
  if (environment != nullptr && *environment != '\0') {
    return choose_wanted(devices, environment, "the environment variable VKC_DEVICE");
  }
  return choose_best(devices);
}

std::vector<VkcDeviceInfo> describe_all(const std::vector<vk::raii::PhysicalDevice>& devices) {
  std::vector<VkcDeviceInfo> infos;
  infos.reserve(devices.size());
  for (const auto& device : devices) {
    infos.push_back(describe(device, static_cast<uint32_t>(infos.size())));
  }
  return infos;
}

vk::raii::Device make_device(const vk::raii::PhysicalDevice& physical, uint32_t queue_family) {
  const float priority = 1.0F;
  const vk::DeviceQueueCreateInfo queue({}, queue_family, 1, &priority);
  vk::PhysicalDeviceFeatures2 features;
  features.features.shaderInt64 = VK_TRUE;
  vk::PhysicalDeviceVulkan12Features features12;
  features12.bufferDeviceAddress = VK_TRUE;
  features.pNext = &features12;
  // The specification wants this extension enabled wherever it is offered.
  std::vector<const char*> extensions;
  if (has_extension(physical.enumerateDeviceExtensionProperties(), "VK_KHR_portability_subset")) {
    extensions.push_back("VK_KHR_portability_subset");
  }
  const vk::DeviceCreateInfo info({}, queue, {}, extensions, nullptr, &features);
  const vk::Device device = (*physical).createDevice(info, nullptr, *physical.getDispatcher());
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

uint64_t available_host_bytes() {
  std::ifstream file("/proc/meminfo");
  for (std::string name; file >> name;
       file.ignore(std::numeric_limits<std::streamsize>::max(), '\n')) {
    constexpr uint64_t kKibi = 1024;
    uint64_t kibibytes = 0;
    if (name == "MemAvailable:" && file >> kibibytes) return kibibytes * kKibi;
  }
  return std::numeric_limits<uint64_t>::max();
}

std::vector<VkcDeviceInfo> list_devices() {
  return describe_all(shared_instance(false)->physical_devices());
}

namespace {

vk::raii::PhysicalDevice choose_physical(const Instance& instance, std::string_view wanted,
                                         VkcDeviceInfo& info) {
  std::vector<vk::raii::PhysicalDevice> devices = instance.physical_devices();
  const std::vector<VkcDeviceInfo> infos = describe_all(devices);
  const std::size_t chosen = choose(infos, wanted);
  info = infos[chosen];
  if (info.usable == 0) {
    fail(VKC_ERROR_DEVICE_UNSUITABLE, "device ", info.index, " (", info.name,
         ") lacks: ", info.missing, "; choose another of ", listing(infos),
         ", or update its driver");
  }
  return std::move(devices[chosen]);
}

}  // namespace

Device::Device(std::string_view wanted, bool validation)
    : instance_(shared_instance(validation)),
      physical_(choose_physical(*instance_, wanted, info_)),
      memory_(physical_.getMemoryProperties()),
      has_memory_budget_(has_extension(physical_.enumerateDeviceExtensionProperties(),
                                       VK_EXT_MEMORY_BUDGET_EXTENSION_NAME)),
      queue_family_(static_cast<uint32_t>(compute_family(physical_))),
      device_(make_device(physical_, queue_family_)),
      queue_(device_, queue_family_, 0),
      command_pool_(device_, {vk::CommandPoolCreateFlagBits::eResetCommandBuffer, queue_family_}),
      pipeline_cache_(device_, vk::PipelineCacheCreateInfo{}) {
  const DeviceFacts facts = read_facts(physical_);
  const bool has_timestamps =
      physical_.getQueueFamilyProperties()[queue_family_].timestampValidBits > 0;
  limits_ = read_limits(
      facts, has_timestamps ? facts.properties().limits.timestampPeriod * kNanosecond : 0.0);
}

uint64_t Device::available_bytes() const {
  // Where the memory is the host's, its heap tells the size, not what other programs have left of
  // it: taking too much would end some program, perhaps this one.
  const uint64_t bound =
      limits_.unified_memory ? available_host_bytes() : std::numeric_limits<uint64_t>::max();
  if (!has_memory_budget_) {
    const uint64_t heap = largest_local_heap(memory_);
    return std::min(bound, heap - std::min(heap, buffer_memory_.now.device));
  }
  const auto chain = physical_.getMemoryProperties2<vk::PhysicalDeviceMemoryProperties2,
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
