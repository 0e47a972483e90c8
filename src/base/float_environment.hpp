// The floating-point environment that results are computed in.
#pragma once

#include <cfenv>

namespace vkc {

// For the length of a call: rounding to nearest, subnormal numbers as they are, no traps;
// afterwards the caller's own again, its exception flags included. Programs built with -ffast-math
// treat subnormal numbers as 0, others round another way: norms and unit vectors would differ.
// Threads that are started meanwhile inherit it.
class DefaultFloatEnvironment {
 public:
  DefaultFloatEnvironment() noexcept {
    std::fegetenv(&callers_);
    std::fesetenv(FE_DFL_ENV);
  }
  DefaultFloatEnvironment(const DefaultFloatEnvironment&) = delete;
  DefaultFloatEnvironment& operator=(const DefaultFloatEnvironment&) = delete;
  DefaultFloatEnvironment(DefaultFloatEnvironment&&) = delete;
  DefaultFloatEnvironment& operator=(DefaultFloatEnvironment&&) = delete;
  ~DefaultFloatEnvironment() { std::fesetenv(&callers_); }

 private:
  std::fenv_t callers_{};
};

}  // namespace vkc
