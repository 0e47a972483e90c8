#include "vulkan/pipelines.hpp"

namespace vkc {

std::shared_ptr<const Pipeline> Pipelines::find(const PipelineKey& key) const {
  const auto found = in_use_.find(key);
  return found == in_use_.end() ? nullptr : found->second.lock();
}

void Pipelines::add(PipelineKey key, const std::shared_ptr<const Pipeline>& pipeline) {
  std::erase_if(in_use_, [](const auto& entry) { return entry.second.expired(); });
  in_use_.insert_or_assign(std::move(key), pipeline);
}

}  // namespace vkc
