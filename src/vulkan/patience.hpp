// How long a device that does not answer is waited for.
#pragma once

#include <algorithm>
#include <chrono>

namespace vkc {

inline constexpr std::chrono::seconds kPatience{300};

// The same where there is reason to think that it cannot answer.
inline constexpr std::chrono::seconds kLittlePatience{5};

// Calls ask(nanoseconds), which waits for an answer for no longer than that, until it returns true.
// Returns false where no answer came in `patience`. Only time in which this process ran counts:
// while it is stopped, a device that is the same machine's processor does not work either.
template <typename Clock = std::chrono::steady_clock, typename Ask>
bool wait_patiently(std::chrono::seconds patience, const Ask& ask) {
  constexpr std::chrono::nanoseconds kSlice = std::chrono::seconds(1);
  for (std::chrono::nanoseconds waited{0}; waited < patience;) {
    const auto begin = Clock::now();
    if (ask(kSlice)) return true;
    // A slice that took longer was not waited but slept through.
    waited += std::min<std::chrono::nanoseconds>(Clock::now() - begin, kSlice);
  }
  return ask(kSlice);  // the answer may have come just now
}

}  // namespace vkc
