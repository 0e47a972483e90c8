#include "options.hpp"

#include <getopt.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <limits>
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
  --d D                   dimensions: another number than the file's by projection
  --starts N              walks of the figure "all walks" (default: one from every item)
  --length L              items of each walk (default: n)
  --center 0|1|both       centring (default: both)
  --sizes N,N,...         also tables the cost against n
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

std::vector<bool> centerings(const std::string& text) {
  if (text == "both") return {false, true};
  if (text == "0") return {false};
  if (text == "1") return {true};
  throw std::runtime_error("--center is " + text + " and must be 0, 1 or both");
}

}  // namespace

std::string source_directory() {
  return std::filesystem::exists(VKC_SOURCE_DIR) ? VKC_SOURCE_DIR : ".";
}

Options parse_options(int argc, char** argv) {
  Options out;
  out.embeddings = source_directory() + "/data/psalms.npy";
  constexpr std::array<option, 17> kLong = {{
      {"device", required_argument, nullptr, 0},
      {"embeddings", required_argument, nullptr, 0},
      {"n", required_argument, nullptr, 0},
      {"d", required_argument, nullptr, 0},
      {"starts", required_argument, nullptr, 0},
      {"length", required_argument, nullptr, 0},
      {"center", required_argument, nullptr, 0},
      {"sizes", required_argument, nullptr, 0},
      {"repeat", required_argument, nullptr, 0},
      {"seconds", required_argument, nullptr, 0},
      {"threads", required_argument, nullptr, 0},
      {"no-peers", no_argument, nullptr, 0},
      {"torch", required_argument, nullptr, 0},
      {"json", required_argument, nullptr, 0},
      {"write-embeddings", required_argument, nullptr, 0},
      {"help", no_argument, nullptr, 0},
      {},
  }};
  int index = 0;
  for (int got = 0; (got = getopt_long(argc, argv, "", kLong.data(), &index)) != -1;) {
    if (got == '?') throw std::runtime_error("see --help");
    const std::string name = kLong.at(static_cast<std::size_t>(index)).name;
    if (name == "help") {
      std::fputs(kUsage, stdout);
      std::exit(0);
    }
    if (name == "device") out.device = optarg;
    if (name == "embeddings") out.embeddings = optarg;
    if (name == "n") out.n = number<uint32_t>(optarg, name);
    if (name == "d") out.d = number<uint32_t>(optarg, name);
    if (name == "starts") out.starts = number<uint32_t>(optarg, name);
    if (name == "length") out.length = number<uint32_t>(optarg, name);
    if (name == "center") out.center = centerings(optarg);
    if (name == "sizes") out.sizes = numbers(optarg, name);
    if (name == "repeat") out.repeat = number<int>(optarg, name);
    if (name == "seconds") out.seconds = number<double>(optarg, name);
    if (name == "threads") out.threads = number<unsigned>(optarg, name);
    if (name == "no-peers") out.peers = false;
    if (name == "torch") out.torch = optarg;
    if (name == "json") out.json = optarg;
    if (name == "write-embeddings") out.write_embeddings = optarg;
  }
  if (optind < argc) throw std::runtime_error(std::string("what is ") + argv[optind] + "?");
  if (out.threads == 0) out.threads = std::max(std::thread::hardware_concurrency(), 1U);
  return out;
}

}  // namespace bench
