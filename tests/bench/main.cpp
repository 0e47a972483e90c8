// The benchmark: measures the library on one device beside its yardsticks. See docs/benchmarks.md.
#include <cstdio>
#include <exception>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "options.hpp"
#include "report.hpp"
#include "suite.hpp"

int main(int argc, char** argv) {
  try {
    const bench::Options options = bench::parse_options(argc, argv);
    bench::Report report = bench::run_suite(options);
    report.command = "vulkan_compute_bench" + options.command;
    std::fputs(bench::markdown(report).c_str(), stdout);
    if (!options.json.empty()) {
      std::ofstream file(options.json);
      file << bench::json(report).dump(2) << '\n';
      file.close();
      if (!file) throw std::runtime_error(options.json + ": cannot be written");
    }
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 1;
  }
}
