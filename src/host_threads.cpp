#include "host_threads.hpp"

#include <algorithm>
#include <exception>
#include <future>
#include <system_error>
#include <thread>
#include <vector>

namespace vkc {

namespace {

// Beyond this, memory is the limit.
constexpr uint64_t kMostThreads = 16;

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
