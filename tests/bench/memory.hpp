// The most memory that a stretch of the run takes.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <thread>

#include "device.hpp"

namespace bench {

class PeakMemory {
 public:
  // Starts to watch. What is in use already does not count.
  explicit PeakMemory(const vkc::Device& device);
  PeakMemory(const PeakMemory&) = delete;
  PeakMemory& operator=(const PeakMemory&) = delete;
  ~PeakMemory();

  // Bytes of resident host memory, as the system counts them; nothing where it does not tell.
  [[nodiscard]] std::optional<uint64_t> host_bytes() const;

  // Bytes of device memory, sampled every millisecond or so; nothing where device memory is host
  // memory, and counted there. Other programs on the device spoil the figure.
  [[nodiscard]] std::optional<uint64_t> device_bytes() const;

 private:
  std::optional<uint64_t> host_before_;
  uint64_t device_before_ = 0;
  std::atomic<uint64_t> device_least_available_ = 0;
  std::atomic<bool> stop_ = false;
  std::thread sampler_;
};

}  // namespace bench
