// How devices are listed and chosen, and what happens where there is none.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cctype>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "checks.hpp"
#include "generators.hpp"

namespace {

using checks::failed;
using checks::run_command;
using checks::ScopedEnvironment;
using checks::succeeded;

VkcResult create(const char* device, checks::Context* made = nullptr) {
  const VkcOptions options{.struct_size = sizeof(VkcOptions), .validation = 1, .device = device};
  VkComputeContext* ctx = nullptr;
  const VkcResult result = vkc_create(&options, &ctx);
  EXPECT_EQ(ctx == nullptr, result != VKC_SUCCESS);
  checks::Context owner(ctx);
  if (made != nullptr) *made = std::move(owner);
  return result;
}

uint32_t device_index(const checks::Context& ctx) {
  VkcDeviceInfo info{};
  info.struct_size = sizeof info;
  EXPECT_TRUE(succeeded(vkc_get_device_info(ctx.get(), &info)));
  return info.index;
}

std::string upper(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return text;
}

// The first device whose name holds the text: what a name means where several devices match.
uint32_t first_named(const std::string& text) {
  for (const VkcDeviceInfo& info : checks::devices()) {
    if (upper(info.name).find(upper(text)) != std::string::npos) return info.index;
  }
  return UINT32_MAX;
}

TEST(Devices, AreDescribed) {
  const auto devices = checks::devices();
  ASSERT_FALSE(devices.empty());
  for (size_t i = 0; i < devices.size(); ++i) {
    const VkcDeviceInfo& device = devices[i];
    EXPECT_EQ(device.struct_size, sizeof(VkcDeviceInfo));
    EXPECT_EQ(device.index, i);
    EXPECT_LE(device.type, static_cast<uint32_t>(VKC_DEVICE_TYPE_CPU));
    EXPECT_GE(device.vulkan_version, 1000000U);
    EXPECT_TRUE(std::has_single_bit(device.subgroup_size)) << device.subgroup_size;
    EXPECT_GT(device.memory_bytes, 0U);
    EXPECT_STRNE(device.name, "");
    EXPECT_STRNE(device.driver, "");
    EXPECT_EQ(device.usable == 1, std::strlen(device.missing) == 0) << device.missing;
    EXPECT_TRUE(std::strlen(device.uuid) == 0 || std::strlen(device.uuid) == 36) << device.uuid;
  }
}

TEST(Devices, ListIsCutToItsCapacity) {
  const auto devices = checks::devices();
  // One entry and, after it, one that must stay as it is.
  std::vector<VkcDeviceInfo> infos(2);
  std::memset(infos.data(), 0x5A, 2 * sizeof(VkcDeviceInfo));
  const VkcDeviceInfo untouched = infos[1];
  infos[0].struct_size = sizeof(VkcDeviceInfo);
  uint32_t count = 1;
  ASSERT_TRUE(succeeded(vkc_list_devices(infos.data(), &count)));
  EXPECT_EQ(count, 1U);
  EXPECT_STREQ(infos[0].name, devices[0].name);
  EXPECT_EQ(std::memcmp(&infos[1], &untouched, sizeof untouched), 0);
  // Room for more than there are.
  infos.resize(devices.size() + 3);
  infos[0].struct_size = sizeof(VkcDeviceInfo);
  count = static_cast<uint32_t>(infos.size());
  ASSERT_TRUE(succeeded(vkc_list_devices(infos.data(), &count)));
  EXPECT_EQ(count, devices.size());
}

TEST(Devices, ContextsAreOnAListedDevice) {
  VkcDeviceInfo info{};
  info.struct_size = sizeof info;
  ASSERT_TRUE(succeeded(vkc_get_device_info(checks::shared_context(), &info)));
  const auto devices = checks::devices();
  ASSERT_LT(info.index, devices.size());
  const VkcDeviceInfo& listed = devices[info.index];
  EXPECT_STREQ(info.name, listed.name);
  EXPECT_STREQ(info.driver, listed.driver);
  EXPECT_STREQ(info.uuid, listed.uuid);
  EXPECT_STREQ(info.pci_address, listed.pci_address);
  EXPECT_EQ(info.type, listed.type);
  EXPECT_EQ(info.vulkan_version, listed.vulkan_version);
  EXPECT_EQ(info.subgroup_size, listed.subgroup_size);
  EXPECT_EQ(info.memory_bytes, listed.memory_bytes);
  EXPECT_EQ(info.usable, 1U);
  EXPECT_STREQ(info.missing, "");
  EXPECT_GE(info.vulkan_version, 1002000U);
}

TEST(Choice, DefaultIsTheFirstOfTheBestType) {
  const ScopedEnvironment none("VKC_DEVICE", nullptr);
  checks::Context ctx;
  ASSERT_TRUE(succeeded(create(nullptr, &ctx)));
  const auto rank = [](uint32_t type) {
    switch (type) {
      case VKC_DEVICE_TYPE_DISCRETE_GPU:
        return 0;
      case VKC_DEVICE_TYPE_INTEGRATED_GPU:
        return 1;
      case VKC_DEVICE_TYPE_VIRTUAL_GPU:
        return 2;
      case VKC_DEVICE_TYPE_CPU:
        return 3;
      default:
        return 4;
    }
  };
  auto devices = checks::devices();
  std::erase_if(devices, [](const VkcDeviceInfo& info) { return info.usable == 0; });
  const auto best = std::min_element(
      devices.begin(), devices.end(),
      [&](const VkcDeviceInfo& a, const VkcDeviceInfo& b) { return rank(a.type) < rank(b.type); });
  ASSERT_NE(best, devices.end());
  EXPECT_EQ(device_index(ctx), best->index);
  // An empty option and an empty variable mean the same.
  const ScopedEnvironment empty("VKC_DEVICE", "");
  ASSERT_TRUE(succeeded(create("", &ctx)));
  EXPECT_EQ(device_index(ctx), best->index);
}

TEST(Choice, ByIndexAndByPartOfTheName) {
  const auto devices = checks::devices();
  for (const VkcDeviceInfo& device : devices) {
    if (device.usable == 0) continue;
    const std::string index = std::to_string(device.index);
    const std::string part = upper(std::string(device.name).substr(1));
    for (const bool by_environment : {false, true}) {
      const auto choose = [&](const std::string& value, checks::Context* ctx) {
        const ScopedEnvironment variable("VKC_DEVICE", by_environment ? value.c_str() : nullptr);
        return create(by_environment ? nullptr : value.c_str(), ctx);
      };
      checks::Context ctx;
      ASSERT_TRUE(succeeded(choose(index, &ctx)));
      EXPECT_EQ(device_index(ctx), device.index);
      ASSERT_TRUE(succeeded(choose(part, &ctx)));
      EXPECT_EQ(device_index(ctx), first_named(part));
      checks::expect_as_reference(ctx.get(), generators::unequal_norms(33, 5, 1));
    }
  }
}

TEST(Choice, ByUuidAndByPciAddress) {
  uint32_t chosen = 0;
  for (const VkcDeviceInfo& device : checks::devices()) {
    if (device.usable == 0) continue;
    const std::string uuid = device.uuid;
    const std::string pci = device.pci_address;
    std::vector<std::string> identifiers;
    if (!uuid.empty()) identifiers = {uuid, upper(uuid), "GPU-" + uuid};
    if (!pci.empty()) identifiers.insert(identifiers.end(), {pci, upper(pci), "0000" + pci});
    for (const std::string& identifier : identifiers) {
      checks::Context ctx;
      ASSERT_TRUE(succeeded(create(identifier.c_str(), &ctx))) << identifier;
      EXPECT_EQ(device_index(ctx), device.index) << identifier;
      ++chosen;
    }
  }
  std::printf("%u choices by UUID or PCI address\n", chosen);
  for (const char* other : {"ffffffff-ffff-ffff-ffff-fffffffffff0", "fffe:fe:1e.7"}) {
    EXPECT_TRUE(failed(create(other), VKC_ERROR_NO_SUCH_DEVICE, {other, "UUID"}));
  }
}

TEST(Choice, InitTakesTheVariableToo) {
  const ScopedEnvironment variable("VKC_DEVICE", "no such device");
  EXPECT_EQ(vkc_init(), nullptr);
  EXPECT_TRUE(checks::is_message(vkc_last_error(), {"no such device", "VKC_DEVICE"}));
}

TEST(Choice, NoSuchDevice) {
  const std::string a_name = checks::devices().front().name;
  const std::string remedy = a_name.substr(0, a_name.find_first_of("([")) + "|vkc_list_devices";
  const std::string first_too_high = std::to_string(checks::devices().size());
  VkcDeviceInfo usable{};
  usable.struct_size = sizeof usable;
  ASSERT_TRUE(succeeded(vkc_get_device_info(checks::shared_context(), &usable)));
  for (const std::string& value : {first_too_high, std::string("4294967296"), std::string("-7"),
                                   std::string("a device of that name")}) {
    EXPECT_TRUE(
        failed(create(value.c_str()), VKC_ERROR_NO_SUCH_DEVICE, {value.c_str(), remedy.c_str()}));
    const ScopedEnvironment variable("VKC_DEVICE", value.c_str());
    EXPECT_TRUE(failed(create(nullptr), VKC_ERROR_NO_SUCH_DEVICE,
                       {value.c_str(), "VKC_DEVICE", remedy.c_str()}));
    // The option wins, and then the variable's value does not matter.
    checks::Context ctx;
    ASSERT_TRUE(succeeded(create(std::to_string(usable.index).c_str(), &ctx)));
    EXPECT_EQ(device_index(ctx), usable.index);
  }
}

// What the probe says, in the given environment, to making a context.
checks::CommandResult probe(const std::string& environment, int validation = 0) {
  return run_command(environment + " '" VKC_PROBE "' create " + std::to_string(validation));
}

// The two lines of a probe that failed with this result and nothing else.
testing::AssertionResult probe_failed(const checks::CommandResult& result, VkcResult expected,
                                      std::initializer_list<const char*> patterns) {
  const std::string name = vkc_result_name(expected) + std::string("\n");
  if (result.exit_status != 0 || !result.output.starts_with(name) ||
      !result.output.ends_with('\n')) {
    return testing::AssertionFailure()
           << "exit status " << result.exit_status << ", output: " << result.output;
  }
  return checks::is_message(
      result.output.substr(name.size(), result.output.size() - name.size() - 1), patterns);
}

TEST(Environment, ProbeWorks) {
  const auto result = probe("");
  EXPECT_EQ(result.exit_status, 0);
  EXPECT_EQ(result.output, "VKC_SUCCESS\n");
}

// The program starts, and says what is missing: the library is not linked with libvulkan.
TEST(Environment, NoVulkanLoader) {
  const auto directory = std::filesystem::path(testing::TempDir()) / "vulkan_compute_no_loader";
  std::filesystem::create_directories(directory);
  for (const char* name : {"libvulkan.so", "libvulkan.so.1"}) {
    std::ofstream(directory / name) << "not a library\n";
  }
  const auto result = probe("LD_LIBRARY_PATH='" + directory.string() + "'");
  std::filesystem::remove_all(directory);
  EXPECT_TRUE(probe_failed(result, VKC_ERROR_NO_VULKAN_LOADER,
                           {"libvulkan.so.1: file too short", "install"}));
}

// Whatever hides the drivers is named.
TEST(Environment, NoVulkanDriver) {
  for (const std::string variable :
       {"VK_DRIVER_FILES=/nonexistent", "VK_ICD_FILENAMES=/nonexistent",
        "VK_DRIVER_FILES=", "VK_LOADER_DRIVERS_DISABLE=*"}) {
    const auto result = probe("env -u VK_DRIVER_FILES -u VK_ICD_FILENAMES " + variable);
    if (result.output == "VKC_SUCCESS\n") {
      EXPECT_TRUE(variable.starts_with("VK_LOADER")) << "unknown to older loaders";
      continue;
    }
    const std::string name = variable.substr(0, variable.find('='));
    EXPECT_TRUE(probe_failed(result, VKC_ERROR_NO_VULKAN_DRIVER,
                             {"driver", "unset", (name + "='").c_str()}));
  }
}

// So is a limit under which drivers may not be loaded. Here they are not found, whatever it is.
TEST(Environment, NoVulkanDriverUnderALimit) {
  std::error_code none_there;
  if (std::filesystem::directory_iterator("/etc/vulkan/icd.d", none_there) !=
      std::filesystem::directory_iterator()) {
    return;  // found in any case
  }
  const std::string hidden =
      "env -u VK_DRIVER_FILES -u VK_ICD_FILENAMES HOME=/nonexistent "
      "XDG_DATA_HOME=/nonexistent XDG_DATA_DIRS=/nonexistent";
  const auto result = probe("ulimit -v 1000000000000; " + hidden);
  EXPECT_TRUE(probe_failed(result, VKC_ERROR_NO_VULKAN_DRIVER,
                           {"driver", "1024000000 MB", "ulimit -v", "raise", "install"}));
  EXPECT_EQ(probe(hidden).output.find("ulimit"), std::string::npos);
}

// A file of some other program, written half. Where the loader reads on, so does the library.
TEST(Environment, BrokenManifest) {
  const auto folder = std::filesystem::path(testing::TempDir()) / "vulkan_compute_manifests";
  for (const char* kind : {"icd.d", "implicit_layer.d", "explicit_layer.d"}) {
    for (const char* text : {"{", "{\"file_format_version\": \"1.0.0\", \"ICD\": {\"libr"}) {
      std::filesystem::remove_all(folder);
      std::filesystem::create_directories(folder / "vulkan" / kind);
      const std::string file = folder / "vulkan" / kind / "half.json";
      std::ofstream(file) << text;
      const auto result = probe("XDG_DATA_HOME='" + folder.string() + "'", 1);
      if (result.output == "VKC_SUCCESS\n") continue;
      EXPECT_TRUE(probe_failed(result, VKC_ERROR_VULKAN, {"manifest", file.c_str(), "remove"}));
    }
  }
  std::filesystem::remove_all(folder);
}

// Limits of processes, and of containers: all is done, or the limit is named within seconds. What
// the library does itself needs no thread.
TEST(Environment, FewThreads) {
  // A device that never answers is given up with its memory. And what is preloaded comes before the
  // sanitizer's library.
  const std::string for_sanitizer =
      "ASAN_OPTIONS=\"$ASAN_OPTIONS:detect_leaks=0:verify_asan_link_order=0\" ";
  uint32_t failures = 0;
  for (int threads = 0;; ++threads) {
    ASSERT_LT(threads, 200) << "threads are never enough";
    const auto result =
        run_command(for_sanitizer + "VKC_FAULT_THREADS=" + std::to_string(threads) +
                    " LD_PRELOAD='" VKC_FEW_THREADS "' timeout 60 '" VKC_PROBE "' walk");
    if (result.output.ends_with("VKC_SUCCESS\n")) {
      EXPECT_EQ(result.output, "0 1 2\nVKC_SUCCESS\n");
      if (threads > 2) break;  // more do no harm
      continue;
    }
    ++failures;
    const bool lost = result.output.starts_with("VKC_ERROR_DEVICE_LOST\n");
    EXPECT_TRUE(probe_failed(result, lost ? VKC_ERROR_DEVICE_LOST : VKC_ERROR_VULKAN,
                             {"no more threads", "ulimit -u", "container"}))
        << threads << " threads";
  }
  std::printf("%u limits were too low\n", failures);
}

TEST(Environment, NoValidationLayer) {
  const auto result = probe("VK_LAYER_PATH=/nonexistent", 1);
  EXPECT_TRUE(probe_failed(result, VKC_ERROR_NO_VALIDATION_LAYER,
                           {"VK_LAYER_KHRONOS_validation", "install"}));
}

}  // namespace
