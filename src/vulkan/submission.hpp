// A command buffer that is submitted and waited for, and then recorded anew. How long one may take
// is kSubmissionSeconds in pacer.hpp.
#pragma once

#include <chrono>
#include <vulkan/vulkan_raii.hpp>

#include "vulkan/device.hpp"

namespace vkc {

class Submission {
 public:
  explicit Submission(const Device& device);
  Submission(const Submission&) = delete;
  ~Submission() { abandon(); }

  // Starts recording. The submission must not be in flight.
  const vk::raii::CommandBuffer& begin();

  // The same without measuring: for what is not work proper. wait() returns 0.
  const vk::raii::CommandBuffer& begin_untimed();

  // Ends recording and sends the commands to the queue. The host sees what they wrote after wait().
  void submit();

  // Waits for the device and returns the seconds that it worked; tells the caller now and then.
  // Throws Stopped, and Error (DEVICE_LOST), also where the device does not answer for minutes.
  double wait();

  // Waits for what is in flight and ignores errors. For the way out of an exception: the device
  // may still use memory that is about to be freed, and the first error is the one to report.
  void abandon() noexcept;

  [[nodiscard]] bool in_flight() const { return in_flight_; }

 private:
  double await(bool telling);
  double device_seconds();

  const Device& device_;
  vk::raii::CommandBuffer commands_;
  vk::raii::Fence fence_;
  vk::raii::QueryPool timestamps_ = nullptr;
  std::chrono::steady_clock::time_point submitted_;
  bool timed_ = true;
  bool recording_ = false;
  bool in_flight_ = false;
};

// What commands before it wrote is visible to kernels and transfers behind it.
void full_barrier(const vk::raii::CommandBuffer& commands);

}  // namespace vkc
