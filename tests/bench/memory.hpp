// The most host memory that a stretch of the run takes.
#pragma once

#include <cstdint>
#include <optional>

namespace bench {

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
