#include "vulkan/loader_hints.hpp"

#include <sys/resource.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string_view>
#include <system_error>
#include <vector>

namespace vkc {

namespace {

namespace fs = std::filesystem;

std::string from_environment(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value != nullptr ? value : "";
}

void append(std::string& list, const std::string& item) {
  if (!list.empty()) list += ", ";
  list += item;
}

// The parts of a list of paths, separated by colons.
std::vector<fs::path> paths_in(const std::string& list) {
  std::vector<fs::path> paths;
  std::istringstream parts(list);
  for (std::string part; std::getline(parts, part, ':');) {
    if (!part.empty()) paths.emplace_back(part);
  }
  return paths;
}

// A variable of the XDG base directories, or what stands for it.
std::string base_directories(const char* variable, const std::string& otherwise) {
  const std::string value = from_environment(variable);
  return value.empty() ? otherwise : value;
}

// Files, and folders of files, that the loader reads.
std::vector<fs::path> manifest_places() {
  const std::string home = from_environment("HOME");
  std::string list = "/etc";
  for (const std::string& directories :
       {base_directories("XDG_CONFIG_HOME", home + "/.config"),
        base_directories("XDG_CONFIG_DIRS", "/etc/xdg"),
        base_directories("XDG_DATA_HOME", home + "/.local/share"),
        base_directories("XDG_DATA_DIRS", "/usr/local/share:/usr/share")}) {
    list += ":" + directories;
  }
  std::vector<fs::path> places;
  for (const fs::path& base : paths_in(list)) {
    for (const char* kind : {"icd.d", "implicit_layer.d", "explicit_layer.d"}) {
      places.push_back(base / "vulkan" / kind);
    }
  }
  for (const char* variable : {"VK_DRIVER_FILES", "VK_ICD_FILENAMES", "VK_ADD_DRIVER_FILES",
                               "VK_LAYER_PATH", "VK_ADD_LAYER_PATH"}) {
    for (const fs::path& path : paths_in(from_environment(variable))) places.push_back(path);
  }
  return places;
}

// Whether what a file opens is closed again. The loader reads files of no bytes without a word.
bool is_cut_off(const fs::path& file) {
  std::ifstream stream(file);
  int64_t depth = 0;
  bool in_string = false;
  bool escaped = false;  // a backslash stands before
  for (std::istreambuf_iterator<char> at(stream), end; at != end; ++at) {
    if (escaped) {
      escaped = false;
    } else if (in_string) {
      escaped = *at == '\\';
      in_string = *at != '"';
    } else if (*at == '"') {
      in_string = true;
    } else {
      depth += static_cast<int>(*at == '{' || *at == '[');
      depth -= static_cast<int>(*at == '}' || *at == ']');
    }
  }
  return in_string || depth != 0;
}

}  // namespace

std::string driver_variables() {
  std::string list;
  for (const char* name : {"VK_DRIVER_FILES", "VK_ICD_FILENAMES", "VK_LOADER_DRIVERS_SELECT",
                           "VK_LOADER_DRIVERS_DISABLE"}) {
    if (const char* value = std::getenv(name))
      append(list, name + ("='" + std::string(value) + "'"));
  }
  return list;
}

std::string address_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return "";
  constexpr uint64_t kMega = 1'000'000;
  return std::to_string(limit.rlim_cur / kMega) + " MB (ulimit -v)";
}

std::string broken_manifests() {
  std::string list;
  std::error_code ignored;
  const auto look_at = [&](const fs::path& file) {
    if (fs::is_regular_file(file, ignored) && is_cut_off(file)) append(list, file.string());
  };
  for (const fs::path& place : manifest_places()) {
    look_at(place);
    for (fs::directory_iterator at(place, ignored), end; at != end; at.increment(ignored)) {
      if (at->path().extension() == ".json") look_at(at->path());
    }
  }
  return list;
}

}  // namespace vkc
