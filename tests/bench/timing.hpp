// Repeated measurements, and peers measured in turn with what they are compared to.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

namespace bench {

// Seconds that body() takes by the host's clock.
template <typename Body>
double wall_seconds(Body body) {
  const auto begin = std::chrono::steady_clock::now();
  body();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

double median(std::vector<double> values);

// Something that is timed: run() does it once and returns the seconds that it took.
struct Contender {
  std::string name;
  std::function<double()> run;
  // How much work run() does, in a unit common to all that are compared: ratios are of seconds a
  // unit. It differs where a slow peer does only a part.
  double work = 1;
  std::string note{};               // such as what part
  std::function<void()> prepare{};  // comes before each run, and is in nobody's time
  std::vector<double> seconds{};    // measured by take_turns
};

// Runs each contender once unmeasured and then up to `repeat` times measured, in turns, so that
// whatever else the machine does disturbs all alike. Those whose runs would take more than
// `seconds` in all are run less often; one whose first run takes longer than that has only it.
// What they prepare does not count.
void take_turns(std::vector<Contender>& contenders, int repeat, double seconds);

// The median of the ratios of the contenders' seconds a unit, turn by turn.
double ratio(const Contender& ours, const Contender& other);

}  // namespace bench
