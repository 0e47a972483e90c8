#include "vulkan/physical_devices.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>

#include "base/error.hpp"
#include "vulkan/device_identifiers.hpp"

namespace vkc {

namespace {

// Everything that is asked of a physical device, read once.
struct DeviceFacts {
  vk::PhysicalDeviceProperties2 properties2;
  vk::PhysicalDeviceSubgroupProperties subgroup;
  vk::PhysicalDeviceMaintenance3Properties maintenance3;
  vk::PhysicalDeviceDriverProperties driver;
  std::string uuid;
  std::string pci_address;  // "" where the driver tells none
  vk::PhysicalDeviceFeatures features;
  bool buffer_device_address = false;
  vk::PhysicalDeviceMemoryProperties memory;

  [[nodiscard]] const vk::PhysicalDeviceProperties& properties() const {
    return properties2.properties;
  }
};

std::string read_pci_address(const vk::raii::PhysicalDevice& device) {
  const auto extensions = device.enumerateDeviceExtensionProperties();
  const bool tells =
      std::any_of(extensions.begin(), extensions.end(), [](const vk::ExtensionProperties& one) {
        return std::string_view(one.extensionName) == VK_EXT_PCI_BUS_INFO_EXTENSION_NAME;
      });
  if (!tells) return "";
  const auto pci = device
                       .getProperties2<vk::PhysicalDeviceProperties2,
                                       vk::PhysicalDevicePCIBusInfoPropertiesEXT>()
                       .get<vk::PhysicalDevicePCIBusInfoPropertiesEXT>();
  return pci_text(pci.pciDomain, pci.pciBus, pci.pciDevice, pci.pciFunction);
}

DeviceFacts read_facts(const vk::raii::PhysicalDevice& device) {
  DeviceFacts facts;
  facts.properties2.properties = device.getProperties();
  facts.memory = device.getMemoryProperties();
  facts.features = device.getFeatures();
  if (facts.properties().apiVersion < kRequiredVulkan) return facts;

  const auto properties =
      device.getProperties2<vk::PhysicalDeviceProperties2, vk::PhysicalDeviceSubgroupProperties,
                            vk::PhysicalDeviceMaintenance3Properties,
                            vk::PhysicalDeviceDriverProperties, vk::PhysicalDeviceIDProperties>();
  facts.subgroup = properties.get<vk::PhysicalDeviceSubgroupProperties>();
  facts.maintenance3 = properties.get<vk::PhysicalDeviceMaintenance3Properties>();
  facts.driver = properties.get<vk::PhysicalDeviceDriverProperties>();
  facts.uuid = uuid_text(properties.get<vk::PhysicalDeviceIDProperties>().deviceUUID);
  facts.pci_address = read_pci_address(device);
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
  copy_text(info.uuid, facts.uuid.c_str());
  copy_text(info.pci_address, facts.pci_address.c_str());
  return info;
}

// Whether the host reads what is the device's own as fast as any memory: some integrated GPUs have
// device-local memory that it reads without a cache, and so very slowly.
bool has_cached_local_memory(const vk::PhysicalDeviceMemoryProperties& memory) {
  using MemoryProperty = vk::MemoryPropertyFlagBits;
  const vk::MemoryPropertyFlags wanted =
      MemoryProperty::eDeviceLocal | MemoryProperty::eHostVisible | MemoryProperty::eHostCoherent |
      MemoryProperty::eHostCached;
  return std::any_of(
      memory.memoryTypes.begin(), memory.memoryTypes.begin() + memory.memoryTypeCount,
      [&](const vk::MemoryType& type) { return (type.propertyFlags & wanted) == wanted; });
}

DeviceLimits read_limits(const DeviceFacts& facts, bool has_timestamps) {
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
  out.max_shared_bytes = limits.maxComputeSharedMemorySize;
  constexpr double kNanosecond = 1e-9;
  out.timestamp_period = has_timestamps ? limits.timestampPeriod * kNanosecond : 0;
  return out;
}

// The multiprocessors of a device; 0 where its driver does not tell.
uint32_t count_processors(const vk::raii::PhysicalDevice& device) {
  if (!has_extension(device.enumerateDeviceExtensionProperties(),
                     VK_NV_SHADER_SM_BUILTINS_EXTENSION_NAME)) {
    return 0;
  }
  return device
      .getProperties2<vk::PhysicalDeviceProperties2,
                      vk::PhysicalDeviceShaderSMBuiltinsPropertiesNV>()
      .get<vk::PhysicalDeviceShaderSMBuiltinsPropertiesNV>()
      .shaderSMCount;
}

// Whether a device has what filter_product_matrix.comp needs: matrices of 16 x 16 in float16,
// summed up in float32, by subgroups of 32.
bool has_cooperative_matrices(const vk::raii::PhysicalDevice& device, const DeviceFacts& facts) {
  if (facts.subgroup.subgroupSize != 32 ||
      !has_extension(device.enumerateDeviceExtensionProperties(),
                     VK_NV_COOPERATIVE_MATRIX_EXTENSION_NAME)) {
    return false;
  }
  const auto features =
      device.getFeatures2<vk::PhysicalDeviceFeatures2, vk::PhysicalDeviceVulkan12Features,
                          vk::PhysicalDeviceCooperativeMatrixFeaturesNV>();
  const auto& features12 = features.get<vk::PhysicalDeviceVulkan12Features>();
  if (features12.shaderFloat16 != VK_TRUE || features12.vulkanMemoryModel != VK_TRUE ||
      features12.vulkanMemoryModelDeviceScope != VK_TRUE ||
      features.get<vk::PhysicalDeviceCooperativeMatrixFeaturesNV>().cooperativeMatrix != VK_TRUE) {
    return false;
  }
  using Type = vk::ComponentTypeNV;
  const auto kinds = device.getCooperativeMatrixPropertiesNV();
  return std::any_of(kinds.begin(), kinds.end(), [](const auto& kind) {
    constexpr uint32_t kSide = 16;
    return kind.MSize == kSide && kind.NSize == kSide && kind.KSize == kSide &&
           kind.AType == Type::eFloat16 && kind.BType == Type::eFloat16 &&
           kind.CType == Type::eFloat32 && kind.DType == Type::eFloat32 &&
           kind.scope == vk::ScopeNV::eSubgroup;
  });
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
  const std::string identifier = canonical_identifier(wanted);
  for (std::size_t i = 0; i < devices.size() && !identifier.empty(); ++i) {
    if (identifier == devices[i].uuid || identifier == devices[i].pci_address) return i;
  }
  // A number is never part of a name: an index that is off would match some version number.
  if (!is_number && identifier.empty()) {
    for (std::size_t i = 0; i < devices.size(); ++i) {
      if (lower(devices[i].name).find(lower(wanted)) != std::string::npos) return i;
    }
  }
  fail(VKC_ERROR_NO_SUCH_DEVICE, "no device matches '", wanted, "' (", origin,
       "): give an index, a UUID, a PCI address or part of a name of ", listing(devices));
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

}  // namespace

uint64_t largest_local_heap(const vk::PhysicalDeviceMemoryProperties& memory) {
  uint64_t largest = 0;
  for (uint32_t i = 0; i < memory.memoryHeapCount; ++i) {
    const vk::MemoryHeap& heap = memory.memoryHeaps[i];
    if (heap.flags & vk::MemoryHeapFlagBits::eDeviceLocal) largest = std::max(largest, heap.size);
  }
  return largest;
}

std::vector<VkcDeviceInfo> list_devices() {
  return describe_all(shared_instance(false)->physical_devices());
}

ChosenDevice choose_device(const Instance& instance, std::string_view wanted) {
  std::vector<vk::raii::PhysicalDevice> devices = instance.physical_devices();
  const std::vector<VkcDeviceInfo> infos = describe_all(devices);
  const std::size_t chosen = choose(infos, wanted);
  const VkcDeviceInfo& info = infos[chosen];
  if (info.usable == 0) {
    fail(VKC_ERROR_DEVICE_UNSUITABLE, "device ", info.index, " (", info.name,
         ") lacks: ", info.missing, "; choose another of ", listing(infos),
         ", or update its driver");
  }
  vk::raii::PhysicalDevice& device = devices[chosen];
  const auto family = static_cast<uint32_t>(compute_family(device));
  const bool has_timestamps = device.getQueueFamilyProperties()[family].timestampValidBits > 0;
  const DeviceFacts facts = read_facts(device);
  DeviceLimits limits = read_limits(facts, has_timestamps);
  limits.cooperative_matrices = has_cooperative_matrices(device, facts);
  limits.processors = count_processors(device);
  return {std::move(device), info, limits, family};
}

}  // namespace vkc
