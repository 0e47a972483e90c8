#include "vulkan/kernel.hpp"

#include <cstddef>
#include <set>
#include <utility>

#include "base/error.hpp"
#include "shaders/interface.h"
#include "vulkan/submission.hpp"

namespace vkc {

namespace {

// The ids of the specialisation constants that a module declares.
std::set<uint32_t> declared_constants(std::span<const uint32_t> spirv) {
  constexpr std::size_t kHeaderWords = 5;
  constexpr uint32_t kOpDecorate = 71;
  constexpr uint32_t kSpecId = 1;
  std::set<uint32_t> ids;
  for (std::size_t at = kHeaderWords; at < spirv.size(); at += spirv[at] >> 16U) {
    const bool decorates = (spirv[at] & 0xffffU) == kOpDecorate;
    if (decorates && spirv[at + 2] == kSpecId) ids.insert(spirv[at + 3]);
  }
  return ids;
}

constexpr vk::DescriptorType kTexelBuffers = vk::DescriptorType::eUniformTexelBuffer;

vk::raii::Pipeline compile(const Device& device, const KernelVariant& variant,
                           vk::PipelineLayout layout) {
  const std::span<const uint32_t> spirv = variant.code.spirv;
  const vk::raii::ShaderModule module(
      device.handle(), vk::ShaderModuleCreateInfo({}, spirv.size_bytes(), spirv.data()));
  std::vector<vk::SpecializationMapEntry> entries;
  entries.reserve(variant.constants.size());
  std::set<uint32_t> given;
  for (const SpecialisationConstant& constant : variant.constants) {
    const std::size_t place = entries.size() * sizeof(constant);
    entries.emplace_back(constant.id,
                         static_cast<uint32_t>(place + offsetof(SpecialisationConstant, value)),
                         sizeof(constant.value));
    given.insert(constant.id);
  }
  if (given != declared_constants(spirv)) {
    fail(VKC_ERROR_INTERNAL, "a kernel was given other constants than it declares");
  }
  const vk::SpecializationInfo constants(static_cast<uint32_t>(entries.size()), entries.data(),
                                         variant.constants.size() * sizeof(SpecialisationConstant),
                                         variant.constants.data());
  const vk::PipelineShaderStageCreateInfo stage({}, vk::ShaderStageFlagBits::eCompute, *module,
                                                "main", &constants);
  return {device.handle(), device.pipeline_cache(),
          vk::ComputePipelineCreateInfo({}, stage, layout)};
}

std::shared_ptr<const Pipeline> make_pipeline(const Device& device, const KernelVariant& variant) {
  const auto pipeline = std::make_shared<Pipeline>();
  const vk::PushConstantRange push(vk::ShaderStageFlagBits::eCompute, 0, variant.code.push_bytes);
  vk::PipelineLayoutCreateInfo layout_info({}, {}, push);
  const auto count = static_cast<uint32_t>(variant.texel_buffers.size());
  vk::DescriptorSetLayout set_layout;
  if (count > 0) {
    const vk::DescriptorSetLayoutBinding binding(0, kTexelBuffers, count,
                                                 vk::ShaderStageFlagBits::eCompute);
    pipeline->set_layout = {device.handle(), vk::DescriptorSetLayoutCreateInfo({}, binding)};
    set_layout = *pipeline->set_layout;
    layout_info.setSetLayouts(set_layout);
  }
  pipeline->layout = {device.handle(), layout_info};
  pipeline->handle = compile(device, variant, *pipeline->layout);
  return pipeline;
}

}  // namespace

PipelineKey pipeline_key(const KernelVariant& variant) {
  std::vector<std::pair<uint32_t, uint32_t>> constants;
  constants.reserve(variant.constants.size());
  for (const auto& [id, value] : variant.constants) constants.emplace_back(id, value);
  return {variant.code.spirv.data(), std::move(constants), variant.texel_buffers.size()};
}

DeviceAddress::DeviceAddress(uint64_t address) : address_(address) {
  if (address == 0) fail(VKC_ERROR_INTERNAL, "a kernel was given the address of no buffer");
}

Kernel::Kernel(const Device& device, const KernelVariant& variant)
    : pipeline_(device.pipelines().find(pipeline_key(variant))) {
  const bool is_new = pipeline_ == nullptr;
  if (is_new) {
    pipeline_ = make_pipeline(device, variant);
    device.pipelines().add(pipeline_key(variant), pipeline_);
  }
  const auto count = static_cast<uint32_t>(variant.texel_buffers.size());
  if (count > 0) {
    const vk::DescriptorPoolSize size(kTexelBuffers, count);
    descriptor_pool_ = {device.handle(), vk::DescriptorPoolCreateInfo({}, 1, size)};
    const vk::DescriptorSetLayout set_layout = *pipeline_->set_layout;
    set_ = (*device.handle())
               .allocateDescriptorSets({*descriptor_pool_, set_layout},
                                       *device.handle().getDispatcher())
               .front();
    read(device, variant.texel_buffers);
  }
  if (!is_new || !device.limits().is_cpu) return;
  // lavapipe compiles at the first dispatch. This one is empty and not timed; otherwise compiling
  // would count in a time by which later dispatches are sized.
  Submission compiling(device);
  const std::vector<std::byte> push(variant.code.push_bytes);
  record_bytes(compiling.begin_untimed(), push.data(), variant.code.push_bytes, 0);
  compiling.submit();
  compiling.wait();
}

void Kernel::read(const Device& device, std::span<const TexelRange> texel_buffers) {
  views_.clear();
  views_.reserve(texel_buffers.size());
  std::vector<vk::BufferView> handles;
  handles.reserve(texel_buffers.size());
  for (const TexelRange& range : texel_buffers) {
    views_.emplace_back(
        device.handle(),
        vk::BufferViewCreateInfo({}, range.buffer, vk::Format::eR32G32B32A32Sint, 0, range.bytes));
    handles.push_back(*views_.back());
  }
  device.handle().updateDescriptorSets(
      vk::WriteDescriptorSet(set_, 0, 0, kTexelBuffers, {}, {}, handles), {});
}

void Kernel::record_bytes(const vk::raii::CommandBuffer& commands, const void* push,
                          uint32_t push_bytes, uint32_t workgroups) const {
  commands.bindPipeline(vk::PipelineBindPoint::eCompute, *pipeline_->handle);
  if (set_) {
    commands.bindDescriptorSets(vk::PipelineBindPoint::eCompute, *pipeline_->layout, 0, set_, {});
  }
  commands.pushConstants<std::byte>(*pipeline_->layout, vk::ShaderStageFlagBits::eCompute, 0,
                                    {push_bytes, static_cast<const std::byte*>(push)});
  commands.dispatch(workgroups, 1, 1);
}

}  // namespace vkc
