// Waiting for a device, by a clock of the test's own.
#include "vulkan/patience.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <functional>

namespace {

using std::chrono::hours;
using std::chrono::nanoseconds;
using std::chrono::seconds;

struct Clock {
  using time_point = std::chrono::time_point<std::chrono::steady_clock>;
  static time_point now() { return time; }
  static time_point time;
};
Clock::time_point Clock::time;

// Waits for what ask says, which makes the time pass; returns whether an answer came, and when.
struct Outcome {
  bool answered;
  nanoseconds when;
  int asked;
};

Outcome wait(const std::function<bool(int asked, nanoseconds most)>& ask) {
  const auto begin = Clock::time;
  int asked = 0;
  const bool answered = vkc::wait_patiently<Clock>(
      vkc::kPatience, [&](nanoseconds most) { return ask(++asked, most); });
  return {answered, Clock::time - begin, asked};
}

TEST(Patience, AnAnswerIsTakenAtOnce) {
  const Outcome outcome = wait([](int /*asked*/, nanoseconds /*most*/) { return true; });
  EXPECT_TRUE(outcome.answered);
  EXPECT_EQ(outcome.asked, 1);
}

TEST(Patience, ASlowDeviceIsWaitedFor) {
  const Outcome outcome = wait([](int asked, nanoseconds most) {
    Clock::time += most;
    return asked == 299;
  });
  EXPECT_TRUE(outcome.answered);
  EXPECT_EQ(outcome.when, seconds(299));
}

TEST(Patience, ADeviceThatNeverAnswersIsGivenUp) {
  const Outcome outcome = wait([](int /*asked*/, nanoseconds most) {
    Clock::time += most;
    return false;
  });
  EXPECT_FALSE(outcome.answered);
  EXPECT_GE(outcome.when, vkc::kPatience);
  EXPECT_LE(outcome.when, vkc::kPatience + seconds(2));
}

TEST(Patience, TimeInWhichTheProcessWasStoppedDoesNotCount) {
  const Outcome outcome = wait([](int asked, nanoseconds most) {
    Clock::time += asked == 1 ? hours(5) : most;
    return asked == 200;
  });
  EXPECT_TRUE(outcome.answered);
  EXPECT_GE(outcome.when, hours(5));
}

TEST(Patience, AStopAtTheVeryEndIsFollowedByAnotherQuestion) {
  const Outcome outcome = wait([](int asked, nanoseconds most) {
    Clock::time += asked == 300 ? hours(5) : most;
    return asked == 301;
  });
  EXPECT_TRUE(outcome.answered);
}

// A driver that does not wait as long as it is told is not given up any sooner.
TEST(Patience, AnswersThatComeEarlyCountForTheTimeTheyTook) {
  const Outcome outcome = wait([](int asked, nanoseconds most) {
    Clock::time += most / 10;
    return asked == 2900;
  });
  EXPECT_TRUE(outcome.answered);
}

}  // namespace
