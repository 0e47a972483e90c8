// A compute pipeline made from embedded SPIR-V, and the buffers that it reads as texels.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <type_traits>
#include <vector>
#include <vulkan/vulkan_raii.hpp>

#include "vulkan/device.hpp"
#include "vulkan/pipelines.hpp"

namespace vkc {

// A range of a buffer that a kernel reads as four-component 32-bit integer texels.
struct TexelRange {
  vk::Buffer buffer;
  uint64_t bytes = 0;
};

// A kernel as it is embedded: see kernel_table.hpp.
struct KernelCode {
  std::span<const uint32_t> spirv;
  uint32_t push_bytes;  // of its push struct
};

struct SpecialisationConstant {
  uint32_t id;
  uint32_t value;
};

// A kernel as it is used. GCC warns where what has no initialiser is left out.
// NOLINTBEGIN(readability-redundant-member-init)
struct KernelVariant {
  const KernelCode& code;
  std::vector<SpecialisationConstant> constants = {};  // all that the code declares
  std::vector<TexelRange> texel_buffers = {};  // elements of set 0, binding 0; none: no descriptors
};
// NOLINTEND(readability-redundant-member-init)

// Of variants that have it in common, kernels share a pipeline.
PipelineKey pipeline_key(const KernelVariant& variant);

class Kernel {
 public:
  // Throws Error (INTERNAL) where the constants are not those that the code declares.
  Kernel(const Device& device, const KernelVariant& variant);

  // Reads these texel buffers from now on, as many as before. No submission that it is recorded in
  // may be under way.
  void read(const Device& device, std::span<const TexelRange> texel_buffers);

  // Records a dispatch of `workgroups` workgroups.
  template <typename Push>
  void record(const vk::raii::CommandBuffer& commands, const Push& push,
              uint32_t workgroups) const {
    static_assert(std::is_trivially_copyable_v<Push>);
    record_bytes(commands, &push, sizeof(push), workgroups);
  }

 private:
  void record_bytes(const vk::raii::CommandBuffer& commands, const void* push, uint32_t push_bytes,
                    uint32_t workgroups) const;

  std::shared_ptr<const Pipeline> pipeline_;
  vk::raii::DescriptorPool descriptor_pool_ = nullptr;
  std::vector<vk::raii::BufferView> views_;
  vk::DescriptorSet set_;  // lives and dies with its pool
};

}  // namespace vkc
