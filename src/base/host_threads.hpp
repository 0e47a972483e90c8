// Work on the host that is split over its processors.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <thread>
#include <vector>

namespace vkc {

// Whether the system gives this process another thread: limits (ulimit -u, those of containers)
// count the threads of all its programs or of all its user's.
bool can_start_thread();

// Threads for the length of a call. They are started when there is work for them, and then wait for
// more: starting them for every piece of a transfer takes longer than the piece. They take no
// signals.
class HostThreads {
 public:
  using Body = std::function<void(uint64_t begin, uint64_t end)>;

  // most: threads, the caller's included; by default as many as there are processors.
  explicit HostThreads(uint64_t most = of_processors()) : most_(most) {}
  HostThreads(const HostThreads&) = delete;
  HostThreads& operator=(const HostThreads&) = delete;
  HostThreads(HostThreads&&) = delete;
  HostThreads& operator=(HostThreads&&) = delete;
  ~HostThreads();

  // Calls body(begin, end) of ranges that together are [0, count), each on a thread of its own, and
  // returns when all are done. A range has about `least` elements or more: so many that waking a
  // thread is worth it. Of exceptions, the one of the first range that threw one is passed on.
  // Not to be called by two threads at once, nor from a body.
  void for_ranges(uint64_t count, uint64_t least, const Body& body);

  // The same with body(i) of each element.
  template <typename Count, typename OfElement>
  void for_each(Count count, uint64_t least, const OfElement& body) {
    for_ranges(count, least, [&](uint64_t begin, uint64_t end) {
      for (uint64_t i = begin; i < end; ++i) body(static_cast<Count>(i));
    });
  }

 private:
  static uint64_t of_processors();
  void start(uint64_t wanted);
  void serve(std::size_t which, uint32_t round);
  void run(uint64_t range);

  uint64_t most_;
  std::vector<std::thread> threads_;  // without the caller's

  // What is shared out in this round, in ranges of `share_`: the first is the caller's.
  const Body* body_ = nullptr;
  uint64_t count_ = 0;
  uint64_t share_ = 0;
  std::vector<std::exception_ptr> thrown_;  // of each range

  std::atomic<uint32_t> round_ = 0;
  std::atomic<uint32_t> busy_ = 0;  // threads that are not through with this round
  bool ending_ = false;
};

}  // namespace vkc
