#include "similarity/half_vectors.hpp"

#include <algorithm>
#include <utility>

#include "shaders/interface.h"
#include "similarity/fixed_point.hpp"
#include "similarity/tiles.hpp"
#include "vulkan/kernel_table.hpp"
#include "vulkan/pacer.hpp"
#include "vulkan/submission.hpp"

namespace vkc {

namespace {

constexpr uint32_t kInvocations = 64;
constexpr uint64_t kHalfBytes = 2;

Kernel make_kernel(const Device& device) {
  const uint32_t invocations =
      device.limits().is_cpu ? device.limits().subgroup_size : kInvocations;
  return {device, {.code = kernels::halve, .constants = {{WORKGROUP_SIZE_ID, invocations}}}};
}

}  // namespace

HalfVectors::HalfVectors(const Device& device, const DeviceEmbeddings& embeddings, uint32_t rows)
    : device_(device),
      embeddings_(embeddings),
      rows_(rows),
      kernel_(make_kernel(device)),
      halves_(device, bytes(rows, embeddings.d), MemoryUse::kDevice),
      device_error_(device, sizeof(float), MemoryUse::kDevice),
      host_error_(device, sizeof(float), MemoryUse::kStaging) {}

uint32_t HalfVectors::pitch_of(uint32_t d) {
  return static_cast<uint32_t>(round_up(d, HALVES_PER_SLICE));
}

uint64_t HalfVectors::bytes(uint32_t rows, uint32_t d) {
  return uint64_t{rows} * pitch_of(d) * kHalfBytes;
}

void HalfVectors::fill() {
  // Rows of unit vectors are numbered as queries are: in their own order.
  fill(embeddings_.units, FIRST_QUERY, embeddings_.n);
}

void HalfVectors::fill(const Buffer& units, uint32_t first, uint32_t count) {
  Pacer pacer(kSubmissionSeconds, expected_conversion_rate(device_) / pitch());
  Submission submission(device_);
  const uint32_t rows = rows_with_zeros(count);
  for (uint32_t row = 0; row < rows;) {
    const uint64_t most = std::min(rows - row, device_.limits().max_workgroup_count);
    const auto at_once = static_cast<uint32_t>(pacer.next(most));
    const vk::raii::CommandBuffer& commands = submission.begin();
    if (row == 0) {
      full_barrier(commands);  // behind what reads the halves that are there
      commands.fillBuffer(device_error_.handle(), 0, sizeof(float), 0);
      full_barrier(commands);
    }
    record_rows(commands, units, first, count, {row, at_once});
    row += at_once;
    if (row == rows) {
      full_barrier(commands);
      commands.copyBuffer(device_error_.handle(), host_error_.handle(),
                          vk::BufferCopy(0, 0, sizeof(float)));
    }
    submission.submit();
    pacer.measured(submission.wait(), at_once);
  }
  error_ = *host_error_.mapped_as<float>() / kFixedPointOne;
}

void HalfVectors::record(const vk::raii::CommandBuffer& commands, const Buffer& units,
                         uint32_t first, uint32_t count) const {
  record_rows(commands, units, first, count, {0, rows_with_zeros(count)});
}

uint32_t HalfVectors::rows_with_zeros(uint32_t count) const {
  return static_cast<uint32_t>(std::min<uint64_t>(round_up(count, FILTER_TILE_SIDE), rows_));
}

void HalfVectors::record_rows(const vk::raii::CommandBuffer& commands, const Buffer& units,
                              uint32_t first, uint32_t count, const Piece<uint32_t>& rows) const {
  kernel_.record(commands,
                 HalvePush{.units = units.address(),
                           .units_rows = embeddings_.order.rows(),
                           .halves = halves_.address(),
                           .error = device_error_.address(),
                           .units_pitch = embeddings_.units_pitch,
                           .halves_pitch = pitch(),
                           .first_item = first,
                           .count = count,
                           .first_row = rows.first},
                 rows.count);
}

const HalfVectors& ItemHalves::get() {
  if (!halves_) {
    auto halves = std::make_unique<HalfVectors>(device_, embeddings_, embeddings_.n);
    halves->fill();
    halves_ = std::move(halves);
  }
  return *halves_;
}

}  // namespace vkc
