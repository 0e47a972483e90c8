// What was measured, as Markdown for people and JSON for programs.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "copy_bandwidth.hpp"
#include "timing.hpp"
#include "vulkan_compute.h"

namespace bench {

// What a figure is of.
struct Subject {
  uint32_t n = 0;
  uint32_t d = 0;
  bool center = false;
  uint32_t starts = 0;  // of walks; 0: no walks
  uint32_t length = 0;  // of each
};

// Something that a figure stands beside, and the figure's ratio to it.
struct Yardstick {
  std::string name{};
  std::vector<double> seconds{};  // one: computed, or measured once
  double ratio = 0;
  std::string note{};
};

struct Figure {
  std::string name{};  // the same in JSON, in torch_walks.py and from release to release
  Subject subject{};
  std::vector<double> seconds{};
  double longest_submission = 0;  // seconds; 0: not on the device
  std::vector<Yardstick> yardsticks{};
  std::string note{};
};

struct MemoryUse {
  Subject subject{};
  VkcMemoryPlan plan{};
  uint64_t device_bytes = 0;             // the most that buffers took
  std::optional<uint64_t> host_bytes{};  // nothing: the system does not tell
};

struct Report {
  VkcDeviceInfo device{};
  std::string command{};
  std::string host{};
  std::string data{};
  std::string openblas{};  // its version, or that it was not found
  std::string torch{};     // likewise
  Bandwidth device_copy{};
  Bandwidth host_copy{};
  unsigned threads = 0;
  std::vector<Figure> first_use{};
  std::vector<Figure> figures{};
  std::vector<Figure> by_size{};  // similarity_kernel, one_walk, all_walks for each size
  std::vector<MemoryUse> memory{};
};

// The processor, the system, and how busy it is.
std::string describe_host(unsigned threads);

std::string markdown(const Report& report);
nlohmann::ordered_json json(const Report& report);

}  // namespace bench
