#include "report.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <nlohmann/json.hpp>

namespace bench {

namespace {

constexpr double kGiga = 1e9;
constexpr double kMega = 1e6;

__attribute__((format(printf, 1, 2))) std::string format(const char* pattern, ...) {
  std::array<char, 1024> text{};
  va_list values;
  va_start(values, pattern);
  std::vsnprintf(text.data(), text.size(), pattern, values);
  va_end(values);
  return text.data();
}

std::string seconds_text(double seconds) {
  if (seconds >= 1) return format("%.2f s", seconds);
  if (seconds >= 1e-3) return format("%.2f ms", seconds * 1e3);
  return format("%.2f µs", seconds * 1e6);
}

std::string range_text(const std::vector<double>& seconds) {
  if (seconds.size() < 2) return "";
  const auto [least, most] = std::minmax_element(seconds.begin(), seconds.end());
  return seconds_text(*least) + " to " + seconds_text(*most);
}

// What a figure's name means to people.
std::string label(const Figure& figure) {
  constexpr std::array<std::array<const char*, 2>, 17> kLabels = {{
      {"all_walks_without_reuse", "all walks, without reuse of equal sets"},
      {"nearest_neighbors_of_matrix", "nearest neighbours"},
      {"nearest_neighbors", "nearest neighbours"},
      {"context_creation", "context creation"},
      {"first_upload", "first upload, with pipeline compilation"},
      {"first_walk", "first walk, with pipeline compilation and the matrix"},
      {"upload", "upload"},
      {"similarity_kernel", "similarity kernel alone"},
      {"similarity_to_memory", "similarity matrix into the caller's memory"},
      {"one_walk", "one walk"},
      {"all_walks", "all walks"},
      {"away_walks_short", "walks in the order `away`"},
      {"away_walks", "walks in the order `away`"},
      {"large_walks", "walks without a matrix"},
      {"large_away_walks", "walks in the order `away` without a matrix"},
      {"large_neighbors", "nearest neighbours"},
      {"large_queries", "items nearest to queries"},
  }};
  std::string text = figure.name;
  for (const auto& [name, words] : kLabels) {
    if (figure.name == name) text = words;
  }
  if (!figure.note.empty()) text += ", " + figure.note;
  return text;
}

std::string table(const std::vector<Figure>& figures) {
  std::string text =
      "| figure | median | min to max | runs | yardstick | its median | min to max | runs | ratio "
      "| "
      "longest submission |\n|---|---|---|---|---|---|---|---|---|---|\n";
  for (const Figure& figure : figures) {
    std::string begin = "| " + label(figure) + " | " + seconds_text(median(figure.seconds)) +
                        " | " + range_text(figure.seconds) + " | " +
                        std::to_string(figure.seconds.size()) + " |";
    std::string end = figure.longest_submission > 0 ? seconds_text(figure.longest_submission) : "";
    if (figure.yardsticks.empty()) {
      text.append(begin).append(" | | | | | ").append(end).append(" |\n");
    }
    for (const Yardstick& yardstick : figure.yardsticks) {
      const std::size_t runs = yardstick.seconds.size();
      text.append(begin).append(" ").append(yardstick.name);
      if (!yardstick.note.empty()) text.append(", ").append(yardstick.note);
      text.append(" | ").append(seconds_text(median(yardstick.seconds)));
      text.append(" | ").append(range_text(yardstick.seconds));
      text.append(" | ").append(runs > 1 ? std::to_string(runs) : "");
      text.append(format(" | %.3g | ", yardstick.ratio)).append(end).append(" |\n");
      begin = "| | | | |";
      end = "";
    }
  }
  return text;
}

const char* centring(bool center) { return center ? "centred" : "not centred"; }

std::string figures_text(const std::vector<Figure>& figures) {
  std::string text;
  std::vector<Figure> group;
  for (std::size_t i = 0; i < figures.size(); ++i) {
    group.push_back(figures[i]);
    const bool last = i + 1 == figures.size();
    if (!last && figures[i + 1].subject.center == figures[i].subject.center) continue;
    const Subject& subject = figures[i].subject;
    text += format("\n## n = %u, d = %u, %s\n\n", subject.n, subject.d, centring(subject.center)) +
            table(group);
    group.clear();
  }
  return text;
}

// The exponent e of a cost that goes with n^e from one figure to the next.
double exponent(const Figure& smaller, const Figure& larger) {
  return std::log(median(larger.seconds) / median(smaller.seconds)) /
         std::log(static_cast<double>(larger.subject.n) / smaller.subject.n);
}

bool is_complete(const Figure& figure) {
  return figure.subject.starts == 0 || figure.subject.starts == figure.subject.n ||
         figure.name == "one_walk";
}

std::string sizes_text(const std::vector<Figure>& by_size) {
  std::string text;
  for (const bool center : {false, true}) {
    std::vector<Figure> rows;
    std::copy_if(by_size.begin(), by_size.end(), std::back_inserter(rows),
                 [center](const Figure& f) { return f.subject.center == center; });
    if (rows.empty()) continue;
    text += format("\n## Cost against n, d = %u, %s\n\n", rows.front().subject.d, centring(center));
    text +=
        "The exponent is that of n between a row and the one above: of the matrix and one walk 2 "
        "is "
        "expected, of all walks 3, once the device is full.\n\n"
        "| figure | n | median | min to max | runs | exponent | longest submission |\n"
        "|---|---|---|---|---|---|---|\n";
    for (const char* name : {"similarity_kernel", "one_walk", "all_walks"}) {
      const Figure* before = nullptr;
      for (const Figure& figure : rows) {
        if (figure.name != name) continue;
        // Samples of different shares of the walks do not show what all would cost.
        const bool comparable = before != nullptr && is_complete(*before) && is_complete(figure);
        text += "| " + label(figure) + " | " + std::to_string(figure.subject.n) + " | " +
                seconds_text(median(figure.seconds)) + " | " + range_text(figure.seconds) + " | " +
                std::to_string(figure.seconds.size()) + " | " +
                (comparable ? format("%.2f", exponent(*before, figure)) : "") + " | " +
                seconds_text(figure.longest_submission) + " |\n";
        before = &figure;
      }
    }
  }
  return text;
}

std::string megabytes(uint64_t bytes) {
  return format("%.1f MB", static_cast<double>(bytes) / kMega);
}

std::string memory_text(const std::vector<MemoryUse>& memory) {
  std::string text =
      "\n## Memory of upload, walks and what they go over in a new context, results not counted\n\n"
      "| | device: plan | measured | host: plan | measured |\n|---|---|---|---|---|\n";
  for (const MemoryUse& use : memory) {
    text += format("| n = %u, d = %u, %u walks of %u items, %s | ", use.subject.n, use.subject.d,
                   use.subject.starts, use.subject.length, centring(use.subject.center)) +
            megabytes(use.plan.device_bytes) + " | " + megabytes(use.device_bytes) + " | " +
            megabytes(use.plan.host_bytes) +
            (use.plan.shared_memory == 1 ? ", the device's included | " : " | ") +
            (use.host_bytes ? megabytes(*use.host_bytes) : "unknown") + " |\n";
  }
  return text;
}

std::string date() {
  const std::time_t now = std::time(nullptr);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%d", std::gmtime(&now));
  return text.data();
}

std::string bandwidth_text(const Bandwidth& bandwidth) {
  return format("%.1f GB/s read and written (%.0f MB)", bandwidth.bytes_per_second / kGiga,
                static_cast<double>(bandwidth.buffer_bytes) / kMega);
}

nlohmann::ordered_json timing_json(const std::vector<double>& seconds) {
  const auto [least, most] = std::minmax_element(seconds.begin(), seconds.end());
  return {{"median", median(seconds)}, {"min", *least}, {"max", *most}, {"runs", seconds}};
}

nlohmann::ordered_json subject_json(const Subject& subject) {
  nlohmann::ordered_json out = {{"n", subject.n}, {"d", subject.d}, {"center", subject.center}};
  if (subject.starts > 0) {
    out["starts"] = subject.starts;
    out["length"] = subject.length;
  }
  return out;
}

nlohmann::ordered_json figures_json(const std::vector<Figure>& figures) {
  nlohmann::ordered_json out = nlohmann::ordered_json::array();
  for (const Figure& figure : figures) {
    nlohmann::ordered_json entry = {{"name", figure.name}, {"note", figure.note}};
    entry.update(subject_json(figure.subject));
    entry["seconds"] = timing_json(figure.seconds);
    if (figure.longest_submission > 0) {
      entry["longest_submission_seconds"] = figure.longest_submission;
    }
    entry["yardsticks"] = nlohmann::ordered_json::array();
    for (const Yardstick& yardstick : figure.yardsticks) {
      entry["yardsticks"].push_back({{"name", yardstick.name},
                                     {"note", yardstick.note},
                                     {"seconds", timing_json(yardstick.seconds)},
                                     {"ratio", yardstick.ratio}});
    }
    out.push_back(std::move(entry));
  }
  return out;
}

nlohmann::ordered_json bytes_json(const std::optional<uint64_t>& bytes) {
  if (bytes) return *bytes;
  return nullptr;
}

// The value of the first line of a file that begins with `key`, as "key : value" or key="value".
std::string value_of(const char* path, const std::string& key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (line.rfind(key, 0) != 0) continue;
    const std::size_t from = line.find_first_not_of(" \t=:\"", key.size());
    const std::size_t to = line.find_last_not_of('"');
    if (from != std::string::npos) return line.substr(from, to - from + 1);
  }
  return "unknown";
}

}  // namespace

std::string describe_host(unsigned threads) {
  double load = 0;
  const bool known = getloadavg(&load, 1) == 1;
  return value_of("/proc/cpuinfo", "model name") + ", " + std::to_string(threads) + " threads, " +
         value_of("/etc/os-release", "PRETTY_NAME") +
         (known ? format(", load average before the run %.1f", load) : "");
}

std::string markdown(const Report& report) {
  std::string text = "# " + std::string(report.device.name) + "\n\n";
  text += "Made by `" + report.command + "` on " + date() +
          "; docs/benchmarks.md says what each "
          "figure is.\n\n";
  text += "- library " + std::string(vkc_version_string()) + ", driver " + report.device.driver +
          "\n- host: " + report.host + "\n- data: " + report.data +
          "\n- OpenBLAS: " + report.openblas + "\n- PyTorch: " + report.torch +
          "\n- copying on the device: " + bandwidth_text(report.device_copy) +
          "\n- memcpy on the host, " + std::to_string(report.threads) +
          " threads: " + bandwidth_text(report.host_copy) + "\n";
  if (!report.first_use.empty()) {
    text += format("\n## First use, n = %u, d = %u\n\n", report.first_use.front().subject.n,
                   report.first_use.front().subject.d) +
            table(report.first_use);
  }
  text += figures_text(report.figures);
  text += sizes_text(report.by_size);
  text += memory_text(report.memory);
  return text;
}

nlohmann::ordered_json json(const Report& report) {
  nlohmann::ordered_json memory = nlohmann::ordered_json::array();
  for (const MemoryUse& use : report.memory) {
    nlohmann::ordered_json entry = subject_json(use.subject);
    entry["device_peak_bytes"] = use.device_bytes;
    entry["host_peak_bytes"] = bytes_json(use.host_bytes);
    entry["planned_device_bytes"] = use.plan.device_bytes;
    entry["planned_host_bytes"] = use.plan.host_bytes;
    entry["shared_memory"] = use.plan.shared_memory == 1;
    memory.push_back(std::move(entry));
  }
  return {{"program", "vulkan_compute_bench"},
          {"library_version", vkc_version_string()},
          {"definition_version", vkc_definition_version()},
          {"date", date()},
          {"command", report.command},
          {"device", {{"name", report.device.name}, {"driver", report.device.driver}}},
          {"host", report.host},
          {"data", report.data},
          {"openblas", report.openblas},
          {"torch", report.torch},
          {"copy_bandwidth", report.device_copy.bytes_per_second},
          {"memcpy_bandwidth", report.host_copy.bytes_per_second},
          {"first_use", figures_json(report.first_use)},
          {"figures", figures_json(report.figures)},
          {"by_size", figures_json(report.by_size)},
          {"memory", std::move(memory)}};
}

}  // namespace bench
