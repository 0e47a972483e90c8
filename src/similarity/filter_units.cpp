#include "similarity/filter_units.hpp"

#include <algorithm>
#include <cmath>

#include "shaders/interface.h"
#include "similarity/fixed_point.hpp"
#include "similarity/tiles.hpp"
#include "vulkan/kernel.hpp"
#include "vulkan/kernel_table.hpp"
#include "vulkan/pacer.hpp"
#include "vulkan/submission.hpp"

namespace vkc {

namespace {

uint64_t units_bytes(uint32_t n, uint32_t d, FilterPrecision precision) {
  const uint64_t elements = units_row_bytes(d) / sizeof(int32_t);
  return uint64_t{filter_blocks(n)} * FILTER_BLOCK * elements *
         (precision == FilterPrecision::kHalf ? sizeof(uint16_t) : sizeof(float));
}

}  // namespace

uint32_t filter_blocks(uint32_t n) {
  return static_cast<uint32_t>(round_up(n, FILTER_BLOCK) / FILTER_BLOCK);
}

FilterPrecision filter_precision(const Device& device) {
  return device.limits().is_cpu ? FilterPrecision::kFloat : FilterPrecision::kHalf;
}

FilterUnits::FilterUnits(const Device& device, const DeviceEmbeddings& embeddings,
                         FilterPrecision precision)
    : precision_(precision),
      units_(device, units_bytes(embeddings.n, embeddings.d, precision), MemoryUse::kDevice) {
  const uint32_t blocks = filter_blocks(embeddings.n);
  const Buffer distances(device, blocks * sizeof(uint64_t), MemoryUse::kDevice);
  const Buffer staging(device, distances.bytes(), MemoryUse::kStaging);
  const bool half = precision == FilterPrecision::kHalf;
  const Kernel kernel(device,
                      {.code = kernels::filter_units, .constants = {{HALF_ID, half ? 1U : 0U}}});
  const double block_elements = static_cast<double>(FILTER_BLOCK) * embeddings.units_pitch;
  Pacer pacer(kSubmissionSeconds, expected_conversion_rate(device) / block_elements);
  Submission submission(device);
  for (uint32_t first = 0; first < blocks;) {
    const uint64_t most = std::min(blocks - first, device.limits().max_workgroup_count);
    const auto count = static_cast<uint32_t>(pacer.next(most));
    const vk::raii::CommandBuffer& commands = submission.begin();
    kernel.record(commands,
                  FilterUnitsPush{.units = embeddings.units.address(),
                                  .filter_units = units_.address(),
                                  .distances = distances.address(),
                                  .units_pitch = embeddings.units_pitch,
                                  .first_block = first},
                  count);
    first += count;
    if (first == blocks) {
      full_barrier(commands);
      commands.copyBuffer(distances.handle(), staging.handle(),
                          vk::BufferCopy(0, 0, distances.bytes()));
    }
    submission.submit();
    pacer.measured(submission.wait(), count);
  }
  const auto* squares = staging.mapped_as<uint64_t>();
  const auto largest = static_cast<double>(*std::max_element(squares, squares + blocks));
  distance_ = std::sqrt(largest) / kFixedPointOne * (1 + 1e-9);
}

Footprint FilterUnits::footprint(const Device& device, uint32_t n, uint32_t d,
                                 FilterPrecision precision) {
  return buffer_footprint(device, units_bytes(n, d, precision), MemoryUse::kDevice);
}

bool FilterUnits::is_readable(const Device& device, uint32_t n, uint32_t d,
                              FilterPrecision precision) {
  const uint64_t groups = units_row_bytes(d) / sizeof(int32_t) / FILTER_GROUP;
  return units_bytes(n, d, precision) <= largest_readable_buffer(device) &&
         (!device.limits().is_cpu || groups <= kMostCpuIterations / 2);
}

}  // namespace vkc
