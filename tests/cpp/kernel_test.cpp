// What the host checks of what it gives to kernels.
#include "vulkan/kernel.hpp"

#include <gtest/gtest.h>

#include <memory>

#include "base/error.hpp"
#include "shaders/interface.h"
#include "vulkan/buffer.hpp"
#include "vulkan/device.hpp"
#include "vulkan/kernel_table.hpp"
#include "vulkan/submission.hpp"
#include "vulkan/validation.hpp"

namespace {

template <typename Work>
VkcResult result_of(const Work& work) {
  try {
    work();
  } catch (const vkc::Error& error) {
    return error.code();
  }
  return VKC_SUCCESS;
}

// Some compilers load from an address before they decide whether the value is wanted.
TEST(DeviceAddress, IsNeverNull) {
  EXPECT_EQ(result_of([] { vkc::DeviceAddress{1}; }), VKC_SUCCESS);
  EXPECT_EQ(result_of([] { vkc::DeviceAddress{0}; }), VKC_ERROR_INTERNAL);
  EXPECT_EQ(result_of([] { vkc::DeviceAddress{vkc::Buffer().address()}; }), VKC_ERROR_INTERNAL);
  // So a push struct has no address that was forgotten, either.
  static_assert(!std::is_default_constructible_v<vkc::DeviceAddress>);
  static_assert(sizeof(vkc::DeviceAddress) == sizeof(uint64_t));
}

TEST(Kernel, HasAllConstantsThatItsCodeDeclaresAndNoOther) {
  const vkc::Device device("", true);
  const auto make = [&](const vkc::KernelCode& code,
                        const std::vector<vkc::SpecialisationConstant>& constants) {
    return result_of([&] { const vkc::Kernel kernel(device, {code, constants}); });
  };
  EXPECT_EQ(make(vkc::kernels::similarity_shared, {}), VKC_SUCCESS);
  EXPECT_EQ(make(vkc::kernels::similarity_shared, {{vkc::WORKGROUP_SIZE_ID, 8}}),
            VKC_ERROR_INTERNAL);
  EXPECT_EQ(make(vkc::kernels::neighbors, {{vkc::WORKGROUP_SIZE_ID, 8}}), VKC_SUCCESS);
  EXPECT_EQ(make(vkc::kernels::neighbors, {}), VKC_ERROR_INTERNAL);
  EXPECT_EQ(make(vkc::kernels::neighbors, {{vkc::ROUNDS_ID, 8}}), VKC_ERROR_INTERNAL);
}

TEST(Kernel, SharesItsPipelineWithOthersOfItsVariantAsLongAsOneIsThere) {
  const vkc::Device device("", true);
  const auto variant = [](uint32_t invocations) {
    return vkc::KernelVariant{vkc::kernels::neighbors, {{vkc::WORKGROUP_SIZE_ID, invocations}}};
  };
  const auto pipeline = [&](uint32_t invocations) {
    return device.pipelines().find(vkc::pipeline_key(variant(invocations))).get();
  };
  auto first = std::make_unique<vkc::Kernel>(device, variant(8));
  const vkc::Pipeline* shared = pipeline(8);
  EXPECT_NE(shared, nullptr);
  auto second = std::make_unique<vkc::Kernel>(device, variant(8));
  first.reset();
  EXPECT_EQ(pipeline(8), shared);
  EXPECT_EQ(pipeline(16), nullptr);
  second.reset();
  EXPECT_EQ(pipeline(8), nullptr);
}

TEST(Submission, BeginsAnewWhereARecordingWasCutOff) {
  const vkc::Device device("", true);
  const uint32_t messages = vkc::validation_message_count();
  vkc::Submission submission(device);
  submission.begin();  // and then, say, memory for what was to be recorded was refused
  submission.begin();
  submission.submit();
  submission.wait();
  EXPECT_EQ(vkc::validation_message_count(), messages);
}

}  // namespace
