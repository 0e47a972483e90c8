#include "base/available_memory.hpp"

#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <optional>
#include <sstream>
#include <string_view>
#include <vector>

namespace vkc {

namespace {

constexpr uint64_t kUnlimited = std::numeric_limits<uint64_t>::max();
constexpr uint64_t kNoLimit = uint64_t{1} << 62;  // a control group's limit from here on

uint64_t left_of(uint64_t limit, uint64_t used) { return limit - std::min(limit, used); }

// The number in a file that holds nothing else; none where it holds a word, such as "max".
std::optional<uint64_t> number_in(const std::string& path) {
  uint64_t number = 0;
  if (std::ifstream(path) >> number) return number;
  return std::nullopt;
}

// The number behind a name, in a file of lines "NAME NUMBER ...".
std::optional<uint64_t> number_named(const std::string& path, std::string_view wanted) {
  std::ifstream file(path);
  for (std::string name; file >> name;
       file.ignore(std::numeric_limits<std::streamsize>::max(), '\n')) {
    uint64_t number = 0;
    if (name == wanted && file >> number) return number;
  }
  return std::nullopt;
}

// What the two versions of control groups call the same.
struct Version {
  std::string_view file_system;
  std::string_view controller;  // in a mount's options, and in the list of a process's groups
  const char* limit;            // where there is none, a word or a number beyond any memory
  const char* used;
  const char* reclaimable;  // in memory.stat: of what is used, files that are given up first
};

constexpr Version kVersion1{"cgroup", "memory", "memory.limit_in_bytes", "memory.usage_in_bytes",
                            "total_inactive_file"};
constexpr Version kVersion2{"cgroup2", "", "memory.max", "memory.current", "inactive_file"};

// Whether a list of words separated by commas holds one; every list holds "".
bool holds(const std::string& list, std::string_view wanted) {
  if (wanted.empty()) return true;
  std::istringstream words(list);
  for (std::string word; std::getline(words, word, ',');) {
    if (word == wanted) return true;
  }
  return false;
}

// Where the groups are to be seen, or "".
std::string mount_point(const std::string& root, const Version& version) {
  std::ifstream mounts(root + "/proc/self/mounts");
  std::string device;
  std::string place;
  std::string type;
  std::string options;
  while (mounts >> device >> place >> type >> options) {
    if (type == version.file_system && holds(options, version.controller)) return place;
    mounts.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
  }
  return {};
}

// The group of this process, as a path from the mount point; "" where it is the topmost.
std::string group(const std::string& root, const Version& version) {
  std::ifstream groups(root + "/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {  // NUMBER:CONTROLLERS:PATH
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const bool is_it =
        version.controller.empty() ? controllers.empty() : holds(controllers, version.controller);
    if (is_it) return line.substr(second + 1);
  }
  return {};
}

// A group that this process is in.
struct Group {
  std::string folder;
  const Version& version;
};

// A process's group and all those that it is in. A container may see its own group at the mount
// point, and yet be told the path that it has outside.
void find_groups(const std::string& root, const Version& version, std::vector<Group>& groups) {
  const std::string mount = mount_point(root, version);
  if (mount.empty()) return;
  const std::string top = root + mount;
  groups.push_back({top, version});
  std::string folder = top + group(root, version);
  while (folder.size() > top.size()) {
    groups.push_back({folder, version});
    folder.resize(std::max(folder.rfind('/'), top.size()));
  }
}

std::vector<Group> find_groups(const std::string& root) {
  std::vector<Group> groups;
  for (const Version* version : {&kVersion1, &kVersion2}) find_groups(root, *version, groups);
  return groups;
}

uint64_t left_in(const Group& group) {
  const auto limit = number_in(group.folder + "/" + group.version.limit);
  if (!limit || *limit >= kNoLimit) return kUnlimited;
  const auto used = number_in(group.folder + "/" + group.version.used);
  if (!used) return kUnlimited;
  const uint64_t files =
      number_named(group.folder + "/memory.stat", group.version.reclaimable).value_or(0);
  return left_of(*limit, left_of(*used, files));
}

uint64_t left_in(const std::vector<Group>& groups) {
  uint64_t least = kUnlimited;
  for (const Group& group : groups) least = std::min(least, left_in(group));
  return least;
}

// Sizes of this process in pages: of its address space, and of its data and stacks.
struct ProcessPages {
  uint64_t total = 0;
  uint64_t data = 0;
};

ProcessPages process_pages() {
  std::ifstream statm("/proc/self/statm");
  ProcessPages pages;
  uint64_t skipped = 0;
  statm >> pages.total >> skipped >> skipped >> skipped >> skipped >> pages.data;
  return pages;
}

}  // namespace

uint64_t available_to_system(const std::string& root) {
  constexpr uint64_t kKibi = 1024;
  if (const auto kibibytes = number_named(root + "/proc/meminfo", "MemAvailable:")) {
    return *kibibytes * kKibi;
  }
  // Without /proc only the machine's memory is known.
  struct sysinfo info = {};
  if (sysinfo(&info) == 0) return uint64_t{info.totalram} * info.mem_unit;
  return kUnlimited;
}

uint64_t available_in_control_groups(const std::string& root) { return left_in(find_groups(root)); }

uint64_t available_in_resource_limits() {
  const auto page_bytes = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  const auto left = [&](auto resource, auto used) {
    rlimit limit{};
    if (getrlimit(resource, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return kUnlimited;
    return left_of(limit.rlim_cur, process_pages().*used * page_bytes);
  };
  return std::min(left(RLIMIT_AS, &ProcessPages::total), left(RLIMIT_DATA, &ProcessPages::data));
}

uint64_t available_host_bytes() {
  // Looked for once: processes are put into their groups when they begin, and a call for which this
  // is asked may be over in less time than it takes.
  static const std::vector<Group> groups = find_groups({});
  return std::min({available_to_system(), left_in(groups), available_in_resource_limits()});
}

}  // namespace vkc
