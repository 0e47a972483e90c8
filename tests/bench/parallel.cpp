#include "parallel.hpp"

#include <atomic>
#include <thread>
#include <vector>

namespace bench {

void parallel(unsigned threads, uint32_t parts, const std::function<void(uint32_t)>& body) {
  std::atomic<uint32_t> next = 0;
  const auto work = [&] {
    for (uint32_t part = next++; part < parts; part = next++) body(part);
  };
  std::vector<std::thread> others;
  for (unsigned t = 1; t < threads; ++t) others.emplace_back(work);
  work();
  for (std::thread& thread : others) thread.join();
}

}  // namespace bench
