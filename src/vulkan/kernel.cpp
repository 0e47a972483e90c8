#include "vulkan/kernel.hpp"

#include <cstddef>

#include "vulkan/submission.hpp"

namespace vkc {

namespace {

vk::raii::Pipeline make_pipeline(const Device& device, const KernelSource& source,
                                 vk::PipelineLayout layout) {
  const vk::raii::ShaderModule module(
      device.handle(),
      vk::ShaderModuleCreateInfo({}, source.spirv.size_bytes(), source.spirv.data()));
  std::vector<vk::SpecializationMapEntry> entries;
  for (uint32_t i = 0; i < source.constants.size(); ++i) {
    entries.emplace_back(i, static_cast<uint32_t>(i * sizeof(uint32_t)), sizeof(uint32_t));
  }
  const vk::SpecializationInfo constants(static_cast<uint32_t>(entries.size()), entries.data(),
                                         source.constants.size() * sizeof(uint32_t),
                                         source.constants.data());
  const vk::PipelineShaderStageCreateInfo stage({}, vk::ShaderStageFlagBits::eCompute, *module,
                                                "main", &constants);
  return {device.handle(), device.pipeline_cache(),
          vk::ComputePipelineCreateInfo({}, stage, layout)};
}

}  // namespace

Kernel::Kernel(const Device& device, const KernelSource& source) {
  const vk::PushConstantRange push(vk::ShaderStageFlagBits::eCompute, 0, source.push_bytes);
  vk::PipelineLayoutCreateInfo layout_info({}, {}, push);

  const auto count = static_cast<uint32_t>(source.texel_buffers.size());
  if (count > 0) {
    constexpr auto kType = vk::DescriptorType::eUniformTexelBuffer;
    const vk::DescriptorSetLayoutBinding binding(0, kType, count,
                                                 vk::ShaderStageFlagBits::eCompute);
    set_layout_ = {device.handle(), vk::DescriptorSetLayoutCreateInfo({}, binding)};
    const vk::DescriptorPoolSize size(kType, count);
    descriptor_pool_ = {device.handle(), vk::DescriptorPoolCreateInfo({}, 1, size)};
    const vk::DescriptorSetLayout set_layout = *set_layout_;
    set_ = (*device.handle())
               .allocateDescriptorSets({*descriptor_pool_, set_layout},
                                       *device.handle().getDispatcher())
               .front();
    std::vector<vk::BufferView> handles;
    for (const TexelRange& range : source.texel_buffers) {
      views_.emplace_back(device.handle(),
                          vk::BufferViewCreateInfo({}, range.buffer, vk::Format::eR32G32B32A32Sint,
                                                   0, range.bytes));
      handles.push_back(*views_.back());
    }
    device.handle().updateDescriptorSets(vk::WriteDescriptorSet(set_, 0, 0, kType, {}, {}, handles),
                                         {});
    layout_info.setSetLayouts(set_layout);
    layout_ = {device.handle(), layout_info};
  } else {
    layout_ = {device.handle(), layout_info};
  }
  pipeline_ = make_pipeline(device, source, *layout_);
  if (!device.limits().is_cpu) return;
  // lavapipe compiles at the first dispatch: be it this one of nothing, rather than one by whose
  // time the next is sized.
  Submission compiling(device);
  const std::vector<std::byte> push_constants(source.push_bytes);
  record_bytes(compiling.begin_untimed(), push_constants.data(), source.push_bytes, 0);
  compiling.submit();
  compiling.wait();
}

void Kernel::record_bytes(const vk::raii::CommandBuffer& commands, const void* push,
                          uint32_t push_bytes, uint32_t workgroups) const {
  commands.bindPipeline(vk::PipelineBindPoint::eCompute, *pipeline_);
  if (set_) {
    commands.bindDescriptorSets(vk::PipelineBindPoint::eCompute, *layout_, 0, set_, {});
  }
  commands.pushConstants<std::byte>(*layout_, vk::ShaderStageFlagBits::eCompute, 0,
                                    {push_bytes, static_cast<const std::byte*>(push)});
  commands.dispatch(workgroups, 1, 1);
}

}  // namespace vkc
