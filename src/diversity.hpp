// Diversity sequences: many walks at a time over a similarity matrix that stays on the device.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "kernel.hpp"
#include "resident.hpp"

namespace vkc {

class EqualSets;
class WalkGroup;

class Diversity {
 public:
  Diversity(const Device& device, const ResidentEmbeddings& embeddings, const MatrixRows& matrix);
  Diversity(const Diversity&) = delete;
  Diversity& operator=(const Diversity&) = delete;
  Diversity(Diversity&&) = delete;
  Diversity& operator=(Diversity&&) = delete;
  ~Diversity();

  // The first `length` items of the sequence from each start, into output: starts x length.
  void walk(std::span<const uint32_t> starts, uint32_t length, uint32_t* output);

  // Steps a second of all walks together to expect of a device not yet measured.
  static double expected_rate(const Device& device, uint32_t n);

  // Steps a second of all walks together, as measured in the latest call of walk(), or as may be
  // expected.
  [[nodiscard]] double walk_steps_per_second() const { return walk_steps_per_second_; }

 private:
  void make_groups(std::size_t count);

  const Device& device_;
  const ResidentEmbeddings& embeddings_;
  const MatrixRows& matrix_;
  Kernel kernel_;
  std::vector<std::unique_ptr<WalkGroup>> groups_;
  double walk_steps_per_second_;
};

}  // namespace vkc
