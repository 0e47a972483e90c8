#include "timing.hpp"

#include <algorithm>

namespace bench {

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

void take_turns(std::vector<Contender>& contenders, int repeat, double seconds) {
  constexpr int kMostPeerTurns = 3;
  std::vector<int> turns;
  const auto prepare = [](const Contender& contender) {
    if (contender.prepare) contender.prepare();
  };
  for (Contender& contender : contenders) {
    prepare(contender);
    const double first = wall_seconds([&] { contender.seconds = {contender.run()}; });
    const double affordable = seconds / std::max(first, 1e-9);
    if (affordable < 1) {
      turns.push_back(0);
    } else {
      contender.seconds.clear();
      const int most = turns.empty() ? repeat : std::min(repeat, kMostPeerTurns);
      turns.push_back(static_cast<int>(std::min<double>(most, affordable)));
    }
  }
  for (int turn = 0; turn < repeat; ++turn) {
    for (std::size_t c = 0; c < contenders.size(); ++c) {
      if (turn >= turns[c]) continue;
      prepare(contenders[c]);
      contenders[c].seconds.push_back(contenders[c].run());
    }
  }
}

double ratio(const Contender& ours, const Contender& other) {
  std::vector<double> ratios;
  const std::size_t turns = std::min(ours.seconds.size(), other.seconds.size());
  for (std::size_t turn = 0; turn < turns; ++turn) {
    ratios.push_back((ours.seconds[turn] / ours.work) / (other.seconds[turn] / other.work));
  }
  return median(ratios);
}

}  // namespace bench
