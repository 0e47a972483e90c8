// That work which is split over threads is done once, all of it, and errors come back.
#include "base/host_threads.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

// More than small machines have processors.
constexpr uint64_t kThreads = 7;

TEST(ForRanges, CoverEachElementOnce) {
  vkc::HostThreads threads(kThreads);  // the same through jobs that want more of them, and fewer
  for (const uint64_t count : {0U, 1U, 2U, 3U, 15U, 16U, 17U, 63U, 64U, 65U, 1000U}) {
    for (const uint64_t least : {1U, 2U, 7U, 64U, 2000U}) {
      std::vector<std::atomic<int>> times(count);
      std::atomic<int> short_ranges = 0;
      threads.for_ranges(count, least, [&](uint64_t begin, uint64_t end) {
        for (uint64_t i = begin; i < end; ++i) ++times[i];
        if (end - begin < least) ++short_ranges;
      });
      for (uint64_t i = 0; i < count; ++i) ASSERT_EQ(times[i], 1) << i << " of " << count;
      EXPECT_LE(short_ranges, 1) << count << " in ranges of " << least;
    }
  }
}

TEST(ForRanges, FirstErrorIsPassedOn) {
  vkc::HostThreads threads(kThreads);
  for (const uint64_t first_bad : {0U, 3U, 999U}) {
    std::atomic<uint64_t> done = 0;
    try {
      threads.for_ranges(1000, 1, [&](uint64_t begin, uint64_t end) {
        for (uint64_t i = begin; i < end; ++i) {
          if (i >= first_bad) throw std::runtime_error(std::to_string(i));
          ++done;
        }
      });
      FAIL() << "no error";
    } catch (const std::runtime_error& error) {
      EXPECT_EQ(error.what(), std::to_string(first_bad));
    }
    EXPECT_LE(done, first_bad);
  }
}

}  // namespace
