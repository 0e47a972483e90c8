#include "host_threads.hpp"

#include <pthread.h>

#include <algorithm>
#include <csignal>
#include <exception>
#include <future>
#include <system_error>
#include <thread>
#include <vector>

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

void for_ranges(uint64_t count, uint64_t least,
                const std::function<void(uint64_t, uint64_t)>& body) {
  const uint64_t processors =
      std::clamp<uint64_t>(std::thread::hardware_concurrency(), 1, kMostThreads);
  const uint64_t ranges = std::clamp<uint64_t>(count / least, 1, processors);
  const uint64_t share = (count + ranges - 1) / ranges;
  std::vector<std::future<void>> others;
  uint64_t own = 0;  // where the range of this thread, the last, begins
  try {
    const WithoutSignals without_signals;
    for (; own + share < count; own += share) {
      others.push_back(std::async(std::launch::async, body, own, own + share));
    }
  } catch (const std::system_error&) {
    // The system gives no more threads: this one does the rest.
  }
  std::exception_ptr thrown;
  try {
    body(own, count);
  } catch (...) {
    thrown = std::current_exception();
  }
  for (std::future<void>& other : others) other.get();
  if (thrown) std::rethrow_exception(thrown);
}

}  // namespace vkc
