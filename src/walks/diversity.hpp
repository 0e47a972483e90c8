// Diversity sequences: many walks at a time over a similarity matrix that stays on the device.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "similarity/device_embeddings.hpp"
#include "similarity/device_matrix.hpp"
#include "vulkan/kernel.hpp"

namespace vkc {

class WalkGroup;
struct WalkJob;

// The kernels that walk; all give the same sequences.
enum class WalkForm {
  kWide,   // sums of 64 bits: any embeddings
  kWindow  // of 32: rows in the order of ids, and sums that stay close together
};

// The form for some embeddings on a device.
WalkForm fastest_form(const Device& device, const DeviceEmbeddings& embeddings);

// Walks that are under way together: in groups that take turns.
struct WalkGroups {
  std::size_t count;
  uint32_t capacity;  // walks of each
};

class Diversity {
 public:
  // Where rows are not in the order of ids, or the window turns out too small, walks go on in the
  // wide form. Without reuse, walks that have chosen the same items go on side by side.
  Diversity(const Device& device, const DeviceEmbeddings& embeddings, const DeviceMatrix& matrix,
            WalkForm form, bool reuse = true);
  Diversity(const Diversity&) = delete;
  Diversity& operator=(const Diversity&) = delete;
  Diversity(Diversity&&) = delete;
  Diversity& operator=(Diversity&&) = delete;
  ~Diversity();

  // The first `length` items of the sequence from each start, into output: starts x length.
  void walk(std::span<const uint32_t> starts, uint32_t length, uint32_t* output);

  // How walks from `count` starts are gone about on a device that has `available` bytes left beside
  // the matrix.
  static WalkGroups groups_for(const Device& device, uint32_t n, std::size_t count,
                               uint64_t available);

  // What walk() takes for that, with reuse.
  static Footprint footprint(const Device& device, uint32_t n, std::size_t count, uint32_t length,
                             uint64_t available);

  // Steps a second of all walks together to expect of a device not yet measured.
  static double expected_rate(const Device& device, uint32_t n);

  // The form that the next walks begin with.
  [[nodiscard]] WalkForm form() const { return form_; }

 private:
  const Kernel& kernel_for(std::size_t count);
  void make_groups(std::size_t count);
  // Both return false where the window turned out too small: what they computed does not hold.
  bool run(const Kernel& kernel, WalkJob& job);
  bool walk_all(std::span<const uint32_t> starts, uint32_t length, uint32_t* output);

  const Device& device_;
  const DeviceEmbeddings& embeddings_;
  const DeviceMatrix& matrix_;
  WalkForm form_;
  bool reuse_;
  std::optional<Kernel> kernel_for_few_;
  std::optional<Kernel> kernel_for_many_;
  std::vector<std::unique_ptr<WalkGroup>> groups_;
};

}  // namespace vkc
