// Structs that grow: what older and newer headers than the library's pass in and out.
#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "api/sized_struct.hpp"
#include "base/error.hpp"
#include "checks.hpp"
#include "generators.hpp"
#include "vulkan_compute.h"

using checks::failed;
using checks::succeeded;

// A struct that has grown since the release that first had it.
struct Grown {
  uint32_t struct_size;
  uint32_t first;
  uint64_t added;
};

namespace vkc {
template <>
inline constexpr StructSizes kSizesOf<Grown>{"Grown", 8, sizeof(Grown)};
}  // namespace vkc

namespace {

constexpr uint32_t kN = 4;
constexpr uint32_t kD = 3;
constexpr uint32_t kLonger = 64;
constexpr auto kGuard = std::byte{0xA5};

// Calls a function with a struct, filled in but for struct_size, that lies in more memory.
struct Case {
  const char* name;
  uint32_t size;                  // of release 0.1, or the release that first had it
  std::vector<std::byte> values;  // of the whole struct
  std::function<VkcResult(void*)> call;
};

template <typename Struct>
std::vector<std::byte> bytes_of(const Struct& values) {
  std::vector<std::byte> bytes(sizeof values);
  std::memcpy(bytes.data(), &values, sizeof values);
  return bytes;
}

std::vector<Case> cases() {
  VkComputeContext* const ctx = checks::shared_context();
  static const reference::Embeddings embeddings = generators::unequal_norms(kN, kD, 1);
  const auto upload = [ctx](void* options) {
    return vkc_upload_embeddings_with(ctx, embeddings.values.data(), kN, kD,
                                      static_cast<VkcUploadOptions*>(options));
  };
  static const VkcPlanRequest request{sizeof(VkcPlanRequest), VKC_WORK_UPLOAD, kN, kD, 0, 0};
  return {
      {"VkcOptions", 16, bytes_of(VkcOptions VKC_OPTIONS_INIT),
       [](void* options) {
         VkComputeContext* made = nullptr;
         const VkcResult result = vkc_create(static_cast<VkcOptions*>(options), &made);
         vkc_destroy(made);
         return result;
       }},
      {"VkcDeviceInfo", 800, bytes_of(VkcDeviceInfo VKC_DEVICE_INFO_INIT),
       [ctx](void* info) { return vkc_get_device_info(ctx, static_cast<VkcDeviceInfo*>(info)); }},
      {"VkcDeviceInfo", 800, bytes_of(VkcDeviceInfo VKC_DEVICE_INFO_INIT),
       [](void* infos) {
         uint32_t count = 1;
         return vkc_list_devices(static_cast<VkcDeviceInfo*>(infos), &count);
       }},
      {"VkcUploadOptions", 8, bytes_of(VkcUploadOptions VKC_UPLOAD_OPTIONS_INIT), upload},
      {"VkcEmbeddingsInfo", 20, bytes_of(VkcEmbeddingsInfo VKC_EMBEDDINGS_INFO_INIT),
       [ctx](void* info) {
         return vkc_get_embeddings_info(ctx, static_cast<VkcEmbeddingsInfo*>(info));
       }},
      {"VkcSequenceOptions", 12, bytes_of(VkcSequenceOptions VKC_SEQUENCE_OPTIONS_INIT),
       [ctx, upload](void* options) {
         EXPECT_TRUE(succeeded(upload(nullptr)));
         const uint32_t start = 0;
         std::array<uint32_t, kN> sequence{};
         return vkc_compute_diversity_sequences_with(
             ctx, &start, 1, kN, static_cast<VkcSequenceOptions*>(options), sequence.data());
       }},
      {"VkcPlanRequest", 24, bytes_of(request),
       [ctx](void* asked) {
         VkcMemoryPlan plan = VKC_MEMORY_PLAN_INIT;
         return vkc_plan_memory(ctx, static_cast<VkcPlanRequest*>(asked), &plan);
       }},
      {"VkcMemoryPlan", 72, bytes_of(VkcMemoryPlan VKC_MEMORY_PLAN_INIT),
       [ctx](void* plan) {
         return vkc_plan_memory(ctx, &request, static_cast<VkcMemoryPlan*>(plan));
       }},
  };
}

// The struct with another struct_size, zeros to that size, and guard bytes behind.
class Memory {
 public:
  Memory(const Case& from, uint32_t size)
      : size_(size), bytes_(std::max<std::size_t>(size, from.values.size()) + kLonger, kGuard) {
    std::fill_n(bytes_.begin(), size, std::byte{0});
    std::copy_n(from.values.begin(), std::min<std::size_t>(size, from.values.size()),
                bytes_.begin());
    std::memcpy(bytes_.data(), &size, sizeof size);
  }

  std::byte* data() { return bytes_.data(); }
  [[nodiscard]] uint32_t struct_size() const { return vkc::struct_size_of(bytes_.data()); }
  [[nodiscard]] bool guards_intact() const {
    return std::all_of(bytes_.begin() + size_, bytes_.end(),
                       [](std::byte byte) { return byte == kGuard; });
  }

 private:
  uint32_t size_;
  std::vector<std::byte> bytes_;
};

TEST(Structs, OfTheirFirstReleaseAreTaken) {
  for (const Case& of : cases()) {
    Memory memory(of, of.size);
    EXPECT_TRUE(succeeded(of.call(memory.data()))) << of.name;
    EXPECT_EQ(memory.struct_size(), of.size) << of.name;
    EXPECT_TRUE(memory.guards_intact()) << of.name;
  }
}

TEST(Structs, LongerOnesWithZerosAreTaken) {
  for (const Case& of : cases()) {
    const uint32_t known = static_cast<uint32_t>(of.values.size());
    Memory memory(of, known + kLonger);
    EXPECT_TRUE(succeeded(of.call(memory.data()))) << of.name;
    EXPECT_EQ(memory.struct_size(), known + kLonger) << of.name;
    EXPECT_TRUE(memory.guards_intact()) << of.name;
    for (uint32_t i = known; i < known + kLonger; ++i) {
      EXPECT_EQ(memory.data()[i], std::byte{0}) << of.name << ", byte " << i;
    }
  }
}

TEST(Structs, LongerOnesThatHoldSomethingUnknownAreRefused) {
  for (const Case& of : cases()) {
    const uint32_t known = static_cast<uint32_t>(of.values.size());
    for (const uint32_t byte : {known, known + kLonger - 1}) {
      Memory memory(of, known + kLonger);
      memory.data()[byte] = std::byte{1};
      EXPECT_TRUE(failed(of.call(memory.data()), VKC_ERROR_INVALID_ARGUMENT,
                         {of.name, ("byte " + std::to_string(byte) + " is not 0").c_str()}));
    }
  }
}

TEST(Structs, OfNoReleasesSizeAreRefusedAndNotTouched) {
  for (const Case& of : cases()) {
    for (const uint32_t size : {0U, 4U, of.size - 1, 4097U, UINT32_MAX}) {
      const uint32_t room = static_cast<uint32_t>(of.values.size());
      Memory memory(of, room);
      std::memcpy(memory.data(), &size, sizeof size);
      const std::vector<std::byte> before(memory.data(), memory.data() + room);
      EXPECT_TRUE(failed(of.call(memory.data()), VKC_ERROR_INVALID_ARGUMENT,
                         {of.name, "struct_size", "sizeof", std::to_string(size).c_str()}));
      EXPECT_EQ(std::vector<std::byte>(memory.data(), memory.data() + room), before) << of.name;
    }
  }
}

// ---- A struct that has grown since: none of the API's has yet
// ------------------------------------

TEST(Grown, IsReadWithZerosForWhatAnOlderHeaderLacks) {
  Grown given{8, 7, 0xFFFFFFFFFFFFFFFF};
  EXPECT_EQ(vkc::read_struct(&given).first, 7U);
  EXPECT_EQ(vkc::read_struct(&given).added, 0U);
  given.struct_size = 12;  // no release's, but within the limits: half of the field
  EXPECT_EQ(vkc::read_struct(&given).added, 0xFFFFFFFFU);
  given.struct_size = sizeof given;
  EXPECT_EQ(vkc::read_struct(&given).added, 0xFFFFFFFFFFFFFFFFU);
  EXPECT_EQ(vkc::read_options<Grown>(nullptr).added, 0U);
}

TEST(Grown, IsWrittenNoFurtherThanAnOlderHeaderHasIt) {
  Grown to{8, 0, 0xA5A5A5A5A5A5A5A5};
  vkc::write_struct(Grown{0, 7, 9}, &to);
  EXPECT_EQ(to.struct_size, 8U);
  EXPECT_EQ(to.first, 7U);
  EXPECT_EQ(to.added, 0xA5A5A5A5A5A5A5A5);
  to.struct_size = sizeof to;
  vkc::write_struct(Grown{0, 7, 9}, &to);
  EXPECT_EQ(to.added, 9U);
}

// Three elements in an array whose elements take `size` bytes each.
TEST(Grown, InArraysLieAsFarApartAsTheCallersHeaderSays) {
  const std::array<Grown, 3> values = {Grown{0, 1, 10}, Grown{0, 2, 20}, Grown{0, 3, 30}};
  for (const uint32_t size : {8U, 16U, 16U + kLonger}) {
    std::vector<std::byte> memory(values.size() * size + kLonger);
    std::fill(memory.end() - kLonger, memory.end(), kGuard);
    std::memcpy(memory.data(), &size, sizeof size);
    vkc::write_structs(std::span<const Grown>(values), reinterpret_cast<Grown*>(memory.data()));
    for (std::size_t i = 0; i < values.size(); ++i) {
      Grown element{};
      std::memcpy(&element, memory.data() + i * size, std::min<std::size_t>(size, sizeof element));
      EXPECT_EQ(element.struct_size, size);
      EXPECT_EQ(element.first, values.at(i).first);
      EXPECT_EQ(element.added, size == 8 ? 0 : values.at(i).added);
    }
    EXPECT_TRUE(std::all_of(memory.end() - kLonger, memory.end(),
                            [](std::byte byte) { return byte == kGuard; }));
  }
}

TEST(Grown, InArraysAreAllLookedAtBeforeAnyIsWritten) {
  const std::array<Grown, 2> values = {Grown{0, 1, 10}, Grown{0, 2, 20}};
  constexpr uint32_t kSize = 24;
  std::array<std::byte, 2 * kSize> memory{};
  std::memcpy(memory.data(), &kSize, sizeof kSize);
  memory.back() = std::byte{1};
  const auto before = memory;
  EXPECT_THROW(
      vkc::write_structs(std::span<const Grown>(values), reinterpret_cast<Grown*>(memory.data())),
      vkc::Error);
  EXPECT_EQ(memory, before);
}

// The list itself, of elements longer than the library's.
TEST(Structs, InTheListOfDevicesLieAsFarApartAsTheCallersHeaderSays) {
  struct Longer {
    VkcDeviceInfo info;
    std::array<std::byte, kLonger> added;
  };
  const std::vector<VkcDeviceInfo> expected = checks::devices();
  std::vector<Longer> infos(expected.size() + 1);
  infos[0].info.struct_size = sizeof(Longer);
  uint32_t count = static_cast<uint32_t>(infos.size());
  ASSERT_TRUE(succeeded(vkc_list_devices(&infos[0].info, &count)));
  ASSERT_EQ(count, expected.size());
  for (std::size_t i = 0; i < count; ++i) {
    EXPECT_EQ(infos[i].info.struct_size, sizeof(Longer));
    EXPECT_EQ(infos[i].info.index, i);
    EXPECT_STREQ(infos[i].info.name, expected[i].name);
    EXPECT_EQ(infos[i].added, (std::array<std::byte, kLonger>{}));
  }
  EXPECT_EQ(infos[count].info.struct_size, 0U);
}

// ---- Options of sequences
// -------------------------------------------------------------------------

TEST(SequenceOptions, OfTheDefaultOrderGiveTheSameSequences) {
  VkComputeContext* const ctx = checks::shared_context();
  const reference::Embeddings embeddings = generators::unequal_norms(kN, kD, 2);
  checks::upload(ctx, embeddings);
  const std::vector<uint32_t> starts = {0, 1, 2, 3};
  std::vector<uint32_t> given(starts.size() * kN);
  const VkcSequenceOptions options = VKC_SEQUENCE_OPTIONS_INIT;
  for (const VkcSequenceOptions* which :
       {static_cast<const VkcSequenceOptions*>(nullptr), &options}) {
    ASSERT_TRUE(succeeded(
        vkc_compute_diversity_sequences_with(ctx, starts.data(), kN, kN, which, given.data())));
    EXPECT_EQ(given, checks::sequences(ctx, starts, kN));
  }
}

TEST(SequenceOptions, ThatDoNotExistAreRefused) {
  VkComputeContext* const ctx = checks::shared_context();
  checks::upload(ctx, generators::unequal_norms(kN, kD, 2));
  const uint32_t start = 0;
  std::array<uint32_t, kN> output{};
  const auto call = [&](uint32_t order, float lambda) {
    const VkcSequenceOptions options{sizeof options, order, lambda, 0};
    return vkc_compute_diversity_sequences_with(ctx, &start, 1, kN, &options, output.data());
  };
  for (const uint32_t order : {77U, UINT32_MAX}) {
    EXPECT_TRUE(failed(call(order, 0), VKC_ERROR_INVALID_ARGUMENT,
                       {"order", std::to_string(order).c_str(), "VKC_ORDER_CENTROID"}));
  }
  for (const float lambda : {0.5F, -1.0F, NAN}) {
    EXPECT_TRUE(failed(call(VKC_ORDER_CENTROID, lambda), VKC_ERROR_INVALID_ARGUMENT,
                       {"lambda", "must be 0", "VKC_ORDER_CENTROID"}));
  }
}

}  // namespace
