// What a call tells its caller while it works, and how the caller stops it.
#pragma once

#include <chrono>
#include <cstdint>

#include "base/error.hpp"
#include "vulkan_compute.h"

namespace vkc {

// Thrown where the caller wants the call to stop.
class Stopped : public Error {
 public:
  Stopped();
};

// Of a context. To be used by the thread that is in the call.
class Progress {
 public:
  // Part of a call's work, told of from its beginning to its end. A part within another hides that
  // one for as long.
  class Phase {
   public:
    Phase(Progress& progress, VkcPhase phase, uint64_t total);
    Phase(const Phase&) = delete;
    ~Phase() { progress_.current_ = outer_; }

    // Tells that all of it is done.
    void finish();

   private:
    struct State {
      bool is_told = false;  // else no phase has begun
      VkcPhase phase = VKC_PHASE_UPLOAD;
      uint64_t done = 0;
      uint64_t told = 0;  // the most that was told: what is done anew is not taken back
      uint64_t total = 0;
    };
    friend class Progress;

    Progress& progress_;
    State outer_;
  };

  // Whom to tell; nullptr: nobody.
  void tell_to(VkcProgressFunction function, void* user) {
    function_ = function;
    user_ = user;
  }

  // So many units more of the phase are done: tells so. Throws Stopped.
  void advance(uint64_t units);

  // What was done of the phase does not hold, and is done anew.
  void begin_anew() { current_.done = 0; }
  // The same of so many units.
  void take_back(uint64_t units) { current_.done -= units; }

  // Tells where the caller has heard nothing for long. Throws Stopped.
  void tell_if_due();

 private:
  void tell();

  VkcProgressFunction function_ = nullptr;
  void* user_ = nullptr;
  Phase::State current_;
  std::chrono::steady_clock::time_point told_at_;
};

// How often the caller is told at least, as long as work is done in pieces that are shorter.
inline constexpr std::chrono::milliseconds kTellInterval{100};

}  // namespace vkc
