#include "base/host_threads.hpp"

#include <pthread.h>

#include <algorithm>
#include <csignal>
#include <system_error>

namespace vkc {

namespace {

// Beyond this, memory is the limit.
constexpr uint64_t kMostThreads = 16;

// Blocks all signals for this thread and those that it starts: they are the program's.
class WithoutSignals {
 public:
  WithoutSignals() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  WithoutSignals(const WithoutSignals&) = delete;
  WithoutSignals& operator=(const WithoutSignals&) = delete;
  WithoutSignals(WithoutSignals&&) = delete;
  WithoutSignals& operator=(WithoutSignals&&) = delete;
  ~WithoutSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
};

}  // namespace

bool can_start_thread() {
  const WithoutSignals without_signals;
  try {
    std::thread([] {}).join();
    return true;
  } catch (const std::system_error&) {
    return false;
  }
}

uint64_t HostThreads::of_processors() {
  return std::clamp<uint64_t>(std::thread::hardware_concurrency(), 1, kMostThreads);
}

HostThreads::~HostThreads() {
  ending_ = true;
  ++round_;
  round_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void HostThreads::start(uint64_t wanted) {
  if (threads_.size() >= wanted) return;
  const WithoutSignals without_signals;
  threads_.reserve(wanted);
  try {
    while (threads_.size() < wanted) {
      threads_.emplace_back(&HostThreads::serve, this, threads_.size(), round_.load());
    }
  } catch (const std::system_error&) {  // NOLINT(bugprone-empty-catch)
    // The system gives no more threads: those that there are do it.
  }
}

void HostThreads::serve(std::size_t which, uint32_t round) {
  for (;; ++round) {
    round_.wait(round);
    if (ending_) return;
    run(which + 1);
    if (--busy_ == 0) busy_.notify_one();
  }
}

void HostThreads::run(uint64_t range) {
  const uint64_t begin = std::min(range * share_, count_);
  const uint64_t end = std::min(begin + share_, count_);
  if (begin == end) return;
  try {
    (*body_)(begin, end);
  } catch (...) {
    thrown_[range] = std::current_exception();
  }
}

void HostThreads::for_ranges(uint64_t count, uint64_t least, const Body& body) {
  const uint64_t wanted = std::clamp<uint64_t>(count / least, 1, most_);
  if (wanted == 1) {
    body(0, count);
    return;
  }
  start(wanted - 1);
  const uint64_t ranges = std::min<uint64_t>(wanted, threads_.size() + 1);
  body_ = &body;
  count_ = count;
  share_ = (count + ranges - 1) / ranges;
  thrown_.assign(threads_.size() + 1, nullptr);
  busy_ = static_cast<uint32_t>(threads_.size());
  ++round_;
  round_.notify_all();
  run(0);
  for (uint32_t busy = busy_; busy > 0; busy = busy_) busy_.wait(busy);
  for (const std::exception_ptr& thrown : thrown_) {
    if (thrown) std::rethrow_exception(thrown);
  }
}

}  // namespace vkc
