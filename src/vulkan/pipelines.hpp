// The compute pipelines that a device's kernels use now. Some drivers take long to make one,
// lavapipe most of the time of an upload: kernels that differ only in the buffers that they read
// share one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <tuple>
#include <utility>
#include <vector>
#include <vulkan/vulkan_raii.hpp>

namespace vkc {

struct Pipeline {
  vk::raii::DescriptorSetLayout set_layout = nullptr;  // none where no texel buffers are read
  vk::raii::PipelineLayout layout = nullptr;
  vk::raii::Pipeline handle = nullptr;
};

// What tells them apart: the SPIR-V, by its place; ids and values of specialisation constants; how
// many texel buffers are read.
using PipelineKey =
    std::tuple<const uint32_t*, std::vector<std::pair<uint32_t, uint32_t>>, std::size_t>;

// For one thread at a time, as the device's context is.
class Pipelines {
 public:
  // nullptr where no kernel has such a one.
  [[nodiscard]] std::shared_ptr<const Pipeline> find(const PipelineKey& key) const;
  void add(PipelineKey key, const std::shared_ptr<const Pipeline>& pipeline);

 private:
  std::map<PipelineKey, std::weak_ptr<const Pipeline>> in_use_;
};

}  // namespace vkc
