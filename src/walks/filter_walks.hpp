// Diversity sequences without a similarity matrix. A step filters all items by the products of
// their unit vectors with one vector, in floating point, and decides among the few candidates left
// by the definition: the sequences are those of Walks. It costs n d multiply-adds, and memory of
// about 0.7 n bytes a walk, in orders that compare pairs 8 n more.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "shaders/interface.h"
#include "similarity/device_embeddings.hpp"
#include "similarity/filter_units.hpp"
#include "vulkan/buffer.hpp"
#include "vulkan/kernel.hpp"
#include "walks/orders.hpp"

namespace vkc {

// What multiplies all items with the vectors of walks. With more than a few walks at a time:
enum class FilterProduct {
  kTexels,      // where shaders run on the CPU, in float32; for few and for many
  kStream,      // the kernel for a few, again and again
  kTiles,       // a matrix product in float32
  kCooperative  // one by cooperative matrices, of filter units in float16
};

// What walks that are under way together take.
struct FilterWalkSizes {
  // Of walks from `count` starts on a device that has `available` bytes left.
  FilterWalkSizes(const Device& device, FilterProduct product, uint32_t n, uint32_t d,
                  std::size_t count, uint32_t length, bool scores, uint64_t available);

  [[nodiscard]] Footprint footprint(const Device& device) const;
  // Of the states, with what walks have all together behind them.
  [[nodiscard]] uint64_t states_bytes() const;

  uint32_t walks = 0;
  uint64_t state_bytes;   // of one walk
  uint64_t chosen_bytes;  // of one walk
  uint64_t vector_bytes;  // likewise
};

// The filtered values by which walks choose what comes next.
struct FilteredValues {
  std::vector<float> values;  // [walks][items], or rows
  std::vector<float> bounds;  // of the errors of each walk's
};

class FilterWalks {
 public:
  // candidates: that a step has room for before it is taken in several pieces; tests give few.
  FilterWalks(const Device& device, const DeviceEmbeddings& embeddings, const FilterUnits& units,
              uint32_t candidates, FilterProduct product);
  ~FilterWalks();

  // The fastest that the device can do.
  static FilterProduct fastest_product(const Device& device, FilterPrecision precision);
  static uint32_t room_for_candidates(const Device& device, uint32_t d);

  // As Walks::walk.
  void walk(std::span<const uint32_t> starts, uint32_t length, const Order& order,
            uint32_t* output);

  // What walks filter by once each has chosen so many items. For tests, of as many walks as are
  // under way together.
  FilteredValues filtered(std::span<const uint32_t> starts, uint32_t chosen, const Order& order);

  // Steps that were taken in several pieces, since the start.
  [[nodiscard]] uint64_t crowded_steps() const { return crowded_steps_; }

 private:
  struct Kernels;
  struct Job;

  // What multiplies for so many walks at a time, and how many of them side by side.
  [[nodiscard]] std::pair<FilterProduct, uint32_t> multiplying(uint32_t walks) const;
  Kernels& kernels_for(bool scores, FilterProduct product, uint32_t side_by_side, uint32_t length);
  Job make_job(std::size_t count, uint32_t length, const Order& order);
  [[nodiscard]] FilterWalkPush push_for(const Job& job, uint32_t walks) const;
  [[nodiscard]] uint64_t scoring_workgroups(const Job& job, uint32_t walks) const;
  void record(const vk::raii::CommandBuffer& commands, const Kernel& kernel,
              const FilterWalkPush& push, uint64_t workgroups) const;

  // Copies the heads of walks to a place in a buffer, in bytes.
  static void record_heads(const vk::raii::CommandBuffer& commands, const Job& job, uint32_t walks,
                           const Buffer& to, uint64_t place);

  // Walks from the starts until each has chosen so many items. Throws Error (WRONG_RESULT) where
  // kernels do nothing.
  void advance(std::span<const uint32_t> starts, const Job& job, uint32_t items);
  void read_chosen(const Job& job, std::size_t walks, uint32_t* output) const;
  // Filters once more, and reads what these rows have. The walks cannot go on.
  [[nodiscard]] FilteredValues read_filtered(const Job& job, uint32_t walks,
                                             const std::vector<uint32_t>& rows) const;
  // Filters what the host knows similarities of. Throws Error (WRONG_RESULT) where a value is
  // farther off than the bound: a driver that failed, and did not say so.
  void check_known(const Job& job);

  const Device& device_;
  const DeviceEmbeddings& embeddings_;
  const FilterUnits& units_;
  uint32_t candidates_;
  FilterProduct product_;
  std::map<std::pair<bool, uint32_t>, std::unique_ptr<Kernels>> kernels_;
  uint64_t crowded_steps_ = 0;
};

}  // namespace vkc
