// What all measurements share: a context of the library, and how it is timed beside others.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "api/context.hpp"
#include "options.hpp"
#include "reference.hpp"
#include "report.hpp"
#include "timing.hpp"
#include "warm_up.hpp"

namespace bench {

// Throws std::runtime_error where a call of the library has failed.
void require(VkcResult result);

using Context = std::unique_ptr<VkComputeContext, decltype(&vkc_destroy)>;

Context make_context(const Options& options);
void upload(VkComputeContext* ctx, const reference::Embeddings& embeddings, bool center);

// count items, as far from each other as may be.
std::vector<uint32_t> spread_starts(uint32_t n, uint32_t count);

class Measuring {
 public:
  // warm_up: nullptr on a CPU.
  Measuring(const Options& options, bool center, WarmUp* warm_up);

 protected:
  // Seconds by the host's clock of calls of the library.
  template <typename Body>
  double timed_call(Body body) {
    ctx_->device().take_work();
    const double seconds = wall_seconds(body);
    longest_ = std::max(longest_, ctx_->device().take_work().longest_seconds);
    return seconds;
  }

  // Measures the first contender, ours, in turns with the others.
  Figure measure(const std::string& name, const Subject& subject,
                 std::vector<Contender> contenders);

  void warm_up();

  // PyTorch runs in a process of its own, so that its ratios are of medians, not of turns.
  static void add_torch(Figure& figure, const nlohmann::json& torch);

  Context owner_;
  VkComputeContext* ctx_;
  const Options& options_;
  bool center_;
  WarmUp* warm_up_;
  double longest_ = 0;  // submission of the figure being measured
};

}  // namespace bench
