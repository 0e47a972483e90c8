#include "base/progress.hpp"

#include <algorithm>

namespace vkc {

Stopped::Stopped()
    : Error(VKC_ERROR_STOPPED,
            "the function given to vkc_set_progress stopped the call: what it computed is not "
            "complete; to have it, call again") {}

Progress::Phase::Phase(Progress& progress, VkcPhase phase, uint64_t total)
    : progress_(progress), outer_(progress.current_) {
  progress_.current_ = {.is_told = true, .phase = phase, .total = total};
  try {
    progress_.tell();
  } catch (...) {
    progress_.current_ = outer_;
    throw;
  }
}

void Progress::Phase::finish() {
  progress_.current_.done = progress_.current_.total;
  progress_.tell();
}

void Progress::advance(uint64_t units) {
  current_.done += units;
  tell();
}

void Progress::tell_if_due() {
  if (function_ == nullptr) return;
  if (std::chrono::steady_clock::now() - told_at_ >= kTellInterval) tell();
}

void Progress::tell() {
  if (function_ == nullptr || !current_.is_told) return;
  current_.told = std::max(current_.told, std::min(current_.done, current_.total));
  const int32_t stop = function_(current_.phase, current_.told, current_.total, user_);
  told_at_ = std::chrono::steady_clock::now();
  if (stop != 0) throw Stopped();
}

}  // namespace vkc
