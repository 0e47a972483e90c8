#include "warm_up.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <vector>

#include "generators.hpp"
#include "timing.hpp"

namespace bench {

namespace {

constexpr uint32_t kItems = 4096;
constexpr uint32_t kDimensions = 512;
constexpr uint64_t kSeed = 345;

constexpr double kAlike = 1.03;          // ratio of times that count as the same
constexpr double kSettledSeconds = 0.5;  // without becoming faster
constexpr double kMostSeconds = 3;       // of a warm-up
constexpr std::ptrdiff_t kLatest = 5;    // times that are taken together

}  // namespace

WarmUp::WarmUp(const vkc::Device& device)
    : device_(device),
      staging_(device),
      embeddings_(staging_, generators::unit_norms(kItems, kDimensions, kSeed).values.data(),
                  kItems, kDimensions, false),
      similarity_(device, embeddings_),
      matrix_(staging_, kItems, kItems) {}

void WarmUp::run() {
  using Clock = std::chrono::steady_clock;
  const auto seconds_since = [](Clock::time_point then) {
    return std::chrono::duration<double>(Clock::now() - then).count();
  };
  const Clock::time_point begin = Clock::now();
  Clock::time_point faster = begin;
  double fastest = std::numeric_limits<double>::infinity();
  std::vector<double> times;
  for (;;) {
    device_.take_work();
    similarity_.fill(matrix_);
    times.push_back(device_.take_work().seconds);
    const auto latest = std::min(kLatest, static_cast<std::ptrdiff_t>(times.size()));
    const double now = median({times.end() - latest, times.end()});
    if (now * kAlike < fastest) {
      fastest = now;
      faster = Clock::now();
    }
    least_ = std::min(least_, now);
    if (now <= least_ * kAlike && seconds_since(faster) >= kSettledSeconds) return;
    if (seconds_since(begin) >= kMostSeconds) {
      std::fprintf(stderr, "the device does not settle: a kernel takes %.2f times what it took\n",
                   now / least_);
      least_ = now;  // it may be too hot: wait no longer for what it did when it was cool
      return;
    }
  }
}

}  // namespace bench
