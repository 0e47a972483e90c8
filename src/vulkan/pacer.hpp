// How much work to do next, so that it takes about as long as it should.
#pragma once

#include <algorithm>
#include <cstdint>

namespace vkc {

// How long one submission may keep the device. A desktop notices 100 ms, and some systems reset a
// device that does not answer for two seconds.
inline constexpr double kSubmissionSeconds = 0.05;

// How long a call with a recommended batch is to take.
inline constexpr double kBatchSeconds = 0.5;

// Goes by the latest measurement, and before the first by an estimate.
class Pacer {
 public:
  // seconds: how long the next piece of work is to take. expected_rate: units a second, a low
  // estimate, since the first piece is to be short rather than long.
  Pacer(double seconds, double expected_rate)
      : seconds_(seconds), seconds_per_unit_(1 / expected_rate) {}

  // Takes note of how long the latest piece took. No units are no measurement.
  void measured(double seconds, uint64_t units) {
    if (units > 0) seconds_per_unit_ = seconds / static_cast<double>(units);
  }

  // Units of the next piece, from 1 to most. slowdown: how many times as long as those measured one
  // of these units takes.
  [[nodiscard]] uint64_t next(uint64_t most, double slowdown = 1) const {
    const double affordable = seconds_ / (seconds_per_unit_ * slowdown);
    return static_cast<uint64_t>(std::clamp(affordable, 1.0, static_cast<double>(most)));
  }

 private:
  double seconds_;
  double seconds_per_unit_;
};

}  // namespace vkc
