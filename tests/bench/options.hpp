// The command line.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace bench {

// Where this project's files are: where it was built, or the current directory if they have moved.
std::string source_directory();

// So many walks, of so many items each.
struct WalkSize {
  uint32_t count;
  uint32_t length;
};

struct Options {
  // The options that say what is measured and how, as they were given, each after a space; files by
  // their names alone.
  std::string command{};
  std::string device{};            // as VkcOptions.device
  std::string embeddings{};        // path
  std::string write_embeddings{};  // path; "": not
  std::string json{};              // likewise
  std::string torch{};             // path of its JSON; "run": make it; "": no PyTorch
  uint32_t n = 0;                  // 0: as many as the file has
  uint32_t d = 0;                  // likewise
  uint32_t starts = 0;             // of "all walks"; 0: every item
  uint32_t length = 0;             // of walks; 0: n
  std::vector<bool> center = {false, true};
  std::vector<uint32_t> sizes{};  // for cost against n
  bool large = false;             // what goes without the matrix, and nothing else; of it:
  std::vector<WalkSize> walks = {{1, 100}, {8, 20}};  // not empty
  uint32_t rows = 1000;                               // items whose neighbours are sought
  uint32_t queries = 1000;                            // outside the items
  uint32_t k = 100;                                   // neighbours
  int repeat = 5;
  double seconds = 30;  // for the measured repetitions of one contender
  unsigned threads = 0;
  bool peers = true;
};

// Prints the usage and exits, where that is asked for. Throws std::runtime_error.
Options parse_options(int argc, char** argv);

}  // namespace bench
