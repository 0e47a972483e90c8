#include "copy_bandwidth.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <vector>

#include "buffer.hpp"
#include "parallel.hpp"
#include "submission.hpp"

namespace bench {

namespace {

constexpr int kTries = 10;
constexpr uint64_t kHostBytes = 256ULL << 20;
constexpr uint64_t kGpuBytes = 1ULL << 30;

}  // namespace

Bandwidth copy_bandwidth(const vkc::Device& device) {
  const uint64_t wanted = device.limits().unified_memory ? kHostBytes : kGpuBytes;
  // Whole words of the largest vectors; and no more than a part of what is free.
  const uint64_t bytes =
      std::min({wanted, device.available_bytes() / 8, device.limits().max_buffer_bytes}) / 4096 *
      4096;
  const vkc::Buffer from(device, bytes, vkc::MemoryUse::kDevice);
  const vkc::Buffer to(device, bytes, vkc::MemoryUse::kDevice);
  vkc::Submission submission(device);
  Bandwidth best{bytes, 0};
  for (int i = 0; i < kTries; ++i) {
    submission.begin().copyBuffer(from.handle(), to.handle(), vk::BufferCopy(0, 0, bytes));
    submission.submit();
    const double seconds = submission.wait();
    // The first touches the memory for the first time.
    if (i > 0) {
      best.bytes_per_second =
          std::max(best.bytes_per_second, 2 * static_cast<double>(bytes) / seconds);
    }
  }
  return best;
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
