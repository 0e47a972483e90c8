#include "copy_bandwidth.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <vector>

#include "parallel.hpp"
#include "shaders/copy.h"

namespace bench {

namespace {

constexpr int kTries = 10;
constexpr uint64_t kHostBytes = 256ULL << 20;
constexpr uint64_t kInvocations = 256;  // of a workgroup of copy.comp

struct CopyPush {
  uint64_t from;
  uint64_t to;
};

const vkc::KernelCode kCopy{copy, sizeof(CopyPush)};

uint64_t bytes_of_copy(const vkc::Device& device, uint64_t most_bytes) {
  const vkc::DeviceLimits& limits = device.limits();
  const uint64_t workgroup_bytes = kInvocations * 16;
  const uint64_t workgroups = std::min<uint64_t>(
      std::min({most_bytes, device.available_bytes() / 8, limits.max_buffer_bytes}) /
          workgroup_bytes,
      limits.max_workgroup_count);
  return workgroups * workgroup_bytes;
}

}  // namespace

DeviceCopy::DeviceCopy(const vkc::Device& device, uint64_t most_bytes)
    : bytes_(bytes_of_copy(device, most_bytes)),
      from_(device, bytes_, vkc::MemoryUse::kDevice),
      to_(device, bytes_, vkc::MemoryUse::kDevice),
      kernel_(device, {.code = kCopy}),
      submission_(device) {}

double DeviceCopy::seconds_by_command() {
  submission_.begin().copyBuffer(from_.handle(), to_.handle(), vk::BufferCopy(0, 0, bytes_));
  submission_.submit();
  return submission_.wait();
}

double DeviceCopy::seconds_by_kernel() {
  kernel_.record(submission_.begin(), CopyPush{from_.address(), to_.address()},
                 static_cast<uint32_t>(bytes_ / (kInvocations * 16)));
  submission_.submit();
  return submission_.wait();
}

Bandwidth DeviceCopy::best_bandwidth() {
  // The first touches the memory for the first time.
  seconds_by_command();
  double least = seconds_by_kernel();
  for (int i = 0; i < kTries; ++i) {
    least = std::min({least, seconds_by_command(), seconds_by_kernel()});
  }
  return {bytes_, 2 * static_cast<double>(bytes_) / least};
}

Bandwidth memcpy_bandwidth(unsigned threads) {
  const std::vector<char> from(kHostBytes, 1);
  std::vector<char> to(kHostBytes, 2);
  const uint64_t share = kHostBytes / threads;
  Bandwidth best{kHostBytes, 0};
  for (int i = 0; i < kTries; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    parallel(threads, threads, [&](uint32_t part) {
      std::memcpy(to.data() + part * share, from.data() + part * share, share);
    });
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begin;
    best.bytes_per_second =
        std::max(best.bytes_per_second, 2 * static_cast<double>(share * threads) / taken.count());
  }
  return best;
}

}  // namespace bench
