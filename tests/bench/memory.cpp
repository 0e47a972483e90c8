#include "memory.hpp"

#include <malloc.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <string>

namespace bench {

namespace {

// A field of /proc/self/status that is in kB, in bytes.
std::optional<uint64_t> status_bytes(const std::string& field) {
  std::ifstream file("/proc/self/status");
  for (std::string name; file >> name;
       file.ignore(std::numeric_limits<std::streamsize>::max(), '\n')) {
    constexpr uint64_t kKibi = 1024;
    uint64_t kibibytes = 0;
    if (name == field && file >> kibibytes) return kibibytes * kKibi;
  }
  return {};
}

// Makes the system forget the peak so far.
bool reset_peak() {
  std::ofstream file("/proc/self/clear_refs");
  file << '5';
  file.close();
  return bool(file);
}

}  // namespace

void give_back_free_memory() { malloc_trim(0); }

PeakMemory::PeakMemory() {
  give_back_free_memory();  // it would hide what is taken
  if (reset_peak()) host_before_ = status_bytes("VmRSS:");
}

std::optional<uint64_t> PeakMemory::host_bytes() const {
  const std::optional<uint64_t> peak = status_bytes("VmHWM:");
  if (!host_before_ || !peak) return {};
  return *peak - std::min(*peak, *host_before_);
}

}  // namespace bench
