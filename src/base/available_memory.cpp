#include "base/available_memory.hpp"

#include <fstream>
#include <limits>
#include <string>

namespace vkc {

uint64_t available_host_bytes() {
  std::ifstream file("/proc/meminfo");
  for (std::string name; file >> name;
       file.ignore(std::numeric_limits<std::streamsize>::max(), '\n')) {
    constexpr uint64_t kKibi = 1024;
    uint64_t kibibytes = 0;
    if (name == "MemAvailable:" && file >> kibibytes) return kibibytes * kKibi;
  }
  return std::numeric_limits<uint64_t>::max();
}

}  // namespace vkc
