// The most host memory that a stretch of the run takes.
#pragma once

#include <cstdint>
#include <optional>

namespace bench {

// Gives what is free in the process back to the system. One that has freed nothing large yet does
// so by itself; one that has, as this program, keeps it.
void give_back_free_memory();

class PeakMemory {
 public:
  // Starts to watch. What is in use already does not count.
  PeakMemory();

  // Bytes of resident host memory, as the system counts them; nothing where it does not tell.
  [[nodiscard]] std::optional<uint64_t> host_bytes() const;

 private:
  std::optional<uint64_t> host_before_;
};

}  // namespace bench
