#include "options.hpp"

#include <getopt.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <sstream>
#include <stdexcept>
#include <string_view>
#include <thread>

namespace bench {

namespace {

constexpr const char* kUsage = R"(usage: vulkan_compute_bench [options]

Measures the library on one device beside its yardsticks and prints Markdown tables.

  --device D              index or part of the name of a device (default: the library's choice)
  --embeddings FILE.npy   float32 rows (default: the bundled Psalms)
  --n N                   items: fewer rows of the file, or more of their like (default: its rows)
  --d D                   dimensions: more than the file's keep its cosines, fewer are a projection
  --starts N              walks of the figure "all walks" (default: one from every item)
  --length L              items of each walk (default: n)
  --center 0|1|both       centring (default: both)
  --sizes N,N,...         also tables the cost against n
  --large                 measures what goes without the similarity matrix, and nothing else; of that:
    --walks CxL,CxL,...   walks: C of L items each, in the order centroid, and the first in the order away, too
                          (default: 1x100,8x20)
    --rows N              items whose neighbours are sought (default: 1000)
    --queries N           vectors outside the items, likewise (default: 1000)
    --k K                 neighbours of each (default: 100)
  --repeat N              measured repetitions; the median is taken (default: 5)
  --seconds S             most time for them: slow devices repeat less and walk fewer starts
                          (default: 30)
  --threads N             threads of the native peers (default: all)
  --no-peers              leaves out native C++ and OpenBLAS
  --torch FILE.json|run   compares with PyTorch: what torch_walks.py wrote, or runs it
  --json FILE             also writes all figures as JSON
  --write-embeddings FILE.npy   writes the embeddings that were measured
)";

template <typename T>
T number(const char* text, const std::string& option) {
  T value{};
  const std::string_view all(text);
  const auto [end, error] = std::from_chars(all.data(), all.data() + all.size(), value);
  if (error != std::errc() || end != all.data() + all.size() || value <= 0) {
    throw std::runtime_error("--" + option + " " + text + " is not a positive number");
  }
  return value;
}

std::vector<uint32_t> numbers(std::string text, const std::string& option) {
  std::vector<uint32_t> out;
  for (std::size_t comma = 0; comma != std::string::npos;) {
    comma = text.find(',');
    out.push_back(number<uint32_t>(text.substr(0, comma).c_str(), option));
    text.erase(0, comma == std::string::npos ? comma : comma + 1);
  }
  std::sort(out.begin(), out.end());
  return out;
}

std::vector<WalkSize> walk_sizes(const std::string& text) {
  std::vector<WalkSize> out;
  std::istringstream all(text);
  for (std::string one; std::getline(all, one, ',');) {
    const std::size_t x = one.find('x');
    const std::string length = x == std::string::npos ? "" : one.substr(x + 1);
    out.push_back({number<uint32_t>(one.substr(0, x).c_str(), "walks"),
                   number<uint32_t>(length.c_str(), "walks")});
  }
  if (out.empty()) throw std::runtime_error("--walks names none");
  return out;
}

std::vector<bool> centerings(const std::string& text) {
  if (text == "both") return {false, true};
  if (text == "0") return {false};
  if (text == "1") return {true};
  throw std::runtime_error("--center is " + text + " and must be 0, 1 or both");
}

struct Choice {
  const char* name;
  bool has_value;
  bool is_shown;  // in Options::command
  void (*set)(Options& out, const char* value);
};

constexpr std::array<Choice, 21> kChoices = {{
    {"device", true, true, [](Options& out, const char* value) { out.device = value; }},
    {"embeddings", true, true, [](Options& out, const char* value) { out.embeddings = value; }},
    {"n", true, true,
     [](Options& out, const char* value) { out.n = number<uint32_t>(value, "n"); }},
    {"d", true, true,
     [](Options& out, const char* value) { out.d = number<uint32_t>(value, "d"); }},
    {"starts", true, true,
     [](Options& out, const char* value) { out.starts = number<uint32_t>(value, "starts"); }},
    {"length", true, true,
     [](Options& out, const char* value) { out.length = number<uint32_t>(value, "length"); }},
    {"center", true, true, [](Options& out, const char* value) { out.center = centerings(value); }},
    {"sizes", true, true,
     [](Options& out, const char* value) { out.sizes = numbers(value, "sizes"); }},
    {"large", false, true, [](Options& out, const char* /*none*/) { out.large = true; }},
    {"walks", true, true, [](Options& out, const char* value) { out.walks = walk_sizes(value); }},
    {"rows", true, true,
     [](Options& out, const char* value) { out.rows = number<uint32_t>(value, "rows"); }},
    {"queries", true, true,
     [](Options& out, const char* value) { out.queries = number<uint32_t>(value, "queries"); }},
    {"k", true, true,
     [](Options& out, const char* value) { out.k = number<uint32_t>(value, "k"); }},
    {"repeat", true, true,
     [](Options& out, const char* value) { out.repeat = number<int>(value, "repeat"); }},
    {"seconds", true, true,
     [](Options& out, const char* value) { out.seconds = number<double>(value, "seconds"); }},
    {"threads", true, true,
     [](Options& out, const char* value) { out.threads = number<unsigned>(value, "threads"); }},
    {"no-peers", false, true, [](Options& out, const char* /*none*/) { out.peers = false; }},
    {"torch", true, false, [](Options& out, const char* value) { out.torch = value; }},
    {"json", true, false, [](Options& out, const char* value) { out.json = value; }},
    {"write-embeddings", true, false,
     [](Options& out, const char* value) { out.write_embeddings = value; }},
    {"help", false, false,
     [](Options& /*out*/, const char* /*none*/) {
       std::fputs(kUsage, stdout);
       std::exit(0);
     }},
}};

// A file goes by its name, wherever it lies.
std::string shown(const Choice& choice, const char* value) {
  const bool is_file = choice.name == std::string_view("embeddings");
  return is_file ? std::filesystem::path(value).filename().string() : value;
}

}  // namespace

std::string source_directory() {
  return std::filesystem::exists(VKC_SOURCE_DIR) ? VKC_SOURCE_DIR : ".";
}

Options parse_options(int argc, char** argv) {
  Options out;
  out.embeddings = source_directory() + "/data/psalms.npy";
  std::array<option, kChoices.size() + 1> known{};  // the last stays zero: the end
  std::transform(kChoices.begin(), kChoices.end(), known.begin(), [](const Choice& choice) {
    return option{choice.name, choice.has_value ? required_argument : no_argument, nullptr, 0};
  });
  int index = 0;
  for (int got = 0; (got = getopt_long(argc, argv, "", known.data(), &index)) != -1;) {
    if (got == '?') throw std::runtime_error("see --help");
    const Choice& choice = kChoices.at(static_cast<std::size_t>(index));
    choice.set(out, optarg);
    if (!choice.is_shown) continue;
    out.command.append(" --").append(choice.name);
    if (choice.has_value) out.command.append(" ").append(shown(choice, optarg));
  }
  if (optind < argc) throw std::runtime_error(std::string("what is ") + argv[optind] + "?");
  if (out.threads == 0) out.threads = std::max(std::thread::hardware_concurrency(), 1U);
  return out;
}

}  // namespace bench
