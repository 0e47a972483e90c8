#include "vulkan/submission.hpp"

#include <array>
#include <utility>

#include "base/error.hpp"
#include "vulkan/patience.hpp"

namespace vkc {

namespace {

vk::raii::CommandBuffer make_commands(const Device& device) {
  vk::raii::CommandBuffers buffers(device.handle(),
                                   {*device.command_pool(), vk::CommandBufferLevel::ePrimary, 1});
  return std::move(buffers.front());
}

}  // namespace

Submission::Submission(const Device& device)
    : device_(device),
      commands_(make_commands(device)),
      fence_(device.handle(), vk::FenceCreateInfo{}) {
  if (device.limits().timestamp_period > 0) {
    timestamps_ = {device.handle(), {{}, vk::QueryType::eTimestamp, 2}};
  }
}

void Submission::abandon() noexcept {
  if (!in_flight_) return;
  if (device_.is_given_up()) {
    in_flight_ = false;
    return;
  }
  try {
    await(false);
  } catch (const std::exception&) {
    in_flight_ = false;
  }
}

const vk::raii::CommandBuffer& Submission::begin_untimed() {
  if (recording_) commands_.reset();  // an exception cut the latest recording off
  commands_.begin({vk::CommandBufferUsageFlagBits::eOneTimeSubmit});
  recording_ = true;
  timed_ = false;
  return commands_;
}

const vk::raii::CommandBuffer& Submission::begin() {
  begin_untimed();
  timed_ = true;
  if (*timestamps_) {
    commands_.resetQueryPool(*timestamps_, 0, 2);
    commands_.writeTimestamp(vk::PipelineStageFlagBits::eTopOfPipe, *timestamps_, 0);
  }
  return commands_;
}

void Submission::submit() {
  const vk::MemoryBarrier to_host(
      vk::AccessFlagBits::eShaderWrite | vk::AccessFlagBits::eTransferWrite,
      vk::AccessFlagBits::eHostRead);
  commands_.pipelineBarrier(
      vk::PipelineStageFlagBits::eComputeShader | vk::PipelineStageFlagBits::eTransfer,
      vk::PipelineStageFlagBits::eHost, {}, to_host, {}, {});
  if (timed_ && *timestamps_) {
    commands_.writeTimestamp(vk::PipelineStageFlagBits::eBottomOfPipe, *timestamps_, 1);
  }
  commands_.end();
  recording_ = false;
  device_.handle().resetFences(*fence_);
  const vk::CommandBuffer buffer = *commands_;
  submitted_ = std::chrono::steady_clock::now();
  device_.queue().submit(vk::SubmitInfo({}, {}, buffer), *fence_);
  in_flight_ = true;
}

double Submission::wait() {
  const double seconds = await(true);
  device_.progress().tell_if_due();
  return seconds;
}

double Submission::await(bool telling) {
  const auto patience = device_.may_lack_threads() ? kLittlePatience : kPatience;
  const bool answered = wait_patiently(patience, [&](std::chrono::nanoseconds most) {
    constexpr auto kSlice = std::chrono::nanoseconds(kTellInterval);
    for (std::chrono::nanoseconds waited{0}; waited < most; waited += kSlice) {
      const vk::Result result =
          device_.handle().waitForFences(*fence_, VK_TRUE, static_cast<uint64_t>(kSlice.count()));
      if (result == vk::Result::eSuccess) return true;
      if (telling) device_.progress().tell_if_due();
    }
    return false;
  });
  in_flight_ = false;
  if (!answered) {
    device_.give_up();
    fail(VKC_ERROR_DEVICE_LOST, "the device has not answered for ", patience.count(),
         " s: ", device_.may_lack_threads() ? kThreadsRefused : "",
         "destroy the context and make a new one");
  }
  return timed_ ? device_seconds() : 0;
}

double Submission::device_seconds() {
  if (*timestamps_) {
    const auto [result, ticks] = timestamps_.getResults<uint64_t>(
        0, 2, 2 * sizeof(uint64_t), sizeof(uint64_t),
        vk::QueryResultFlagBits::e64 | vk::QueryResultFlagBits::eWait);
    device_.record_work(ticks[0], ticks[1], device_.limits().timestamp_period);
    return static_cast<double>(ticks[1] - ticks[0]) * device_.limits().timestamp_period;
  }
  const auto taken = std::chrono::steady_clock::now() - submitted_;
  const auto begin = std::chrono::nanoseconds(submitted_.time_since_epoch()).count();
  const auto end = begin + std::chrono::nanoseconds(taken).count();
  device_.record_work(static_cast<uint64_t>(begin), static_cast<uint64_t>(end), 1e-9);
  return std::chrono::duration<double>(taken).count();
}

void full_barrier(const vk::raii::CommandBuffer& commands) {
  const vk::PipelineStageFlags stages =
      vk::PipelineStageFlagBits::eComputeShader | vk::PipelineStageFlagBits::eTransfer;
  const vk::MemoryBarrier barrier(
      vk::AccessFlagBits::eShaderWrite | vk::AccessFlagBits::eTransferWrite,
      vk::AccessFlagBits::eShaderRead | vk::AccessFlagBits::eShaderWrite |
          vk::AccessFlagBits::eTransferRead | vk::AccessFlagBits::eTransferWrite);
  commands.pipelineBarrier(stages, stages, {}, barrier, {}, {});
}

}  // namespace vkc
