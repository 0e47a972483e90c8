#include "similarity/device_embeddings.hpp"

#include <algorithm>

#include "base/available_memory.hpp"
#include "base/error.hpp"
#include "base/host_threads.hpp"
#include "similarity/fixed_point.hpp"
#include "similarity/tiles.hpp"

namespace vkc {

namespace {

// The fewest bytes of unit vectors worth waking a thread for.
constexpr uint64_t kLeastWritten = 1U << 18;

void require_fit(uint32_t n, uint32_t d, uint64_t needed, uint64_t available,
                 const char* whose = "device") {
  if (needed <= available) return;
  fail(VKC_ERROR_DOES_NOT_FIT, n, " embeddings of dimension ", d, " need ", format_bytes(needed),
       " of ", whose, " memory, and ", format_bytes(available),
       " are available: use fewer embeddings or a ", whose, " with more memory");
}

uint32_t units_pitch_of(uint32_t d) {
  return static_cast<uint32_t>(round_up(d, DIMENSIONS_PER_SLICE));
}

uint64_t units_bytes(uint32_t n, uint32_t d) { return padded_rows_of(n) * units_row_bytes(d); }

}  // namespace

uint64_t units_row_bytes(uint32_t d) { return units_pitch_of(d) * sizeof(int32_t); }

uint64_t padded_rows_of(uint32_t n) { return round_up(uint64_t{n} + kTile - 1, kTile); }

void upload_units(Staging& staging, HostThreads& threads, const Buffer& units,
                  const FixedPointEmbeddings& fixed, uint32_t n, uint32_t d,
                  const std::function<uint32_t(uint32_t)>& id_in) {
  const uint64_t row_bytes = units_row_bytes(d);
  const auto fill = [&](std::byte* to, uint64_t begin, uint64_t end) {
    const uint64_t first = begin / row_bytes;
    const auto write_row = [&](uint64_t r) {
      auto* elements = reinterpret_cast<int32_t*>(to + r * row_bytes);
      const uint32_t written = first + r < n ? d : 0;
      if (written > 0) fixed.write_unit_vector(id_in(static_cast<uint32_t>(first + r)), elements);
      std::fill(elements + written, elements + units_pitch_of(d), 0);
    };
    threads.for_each((end - begin) / row_bytes, kLeastWritten / row_bytes + 1, write_row);
    staging.device().progress().advance((end - begin) / row_bytes);
  };
  upload(staging, units, padded_rows_of(n) * row_bytes, row_bytes, fill);
}

double expected_conversion_rate(const Device& device) { return device.limits().is_cpu ? 5e7 : 1e9; }

DeviceEmbeddings::DeviceEmbeddings(Staging& staging, const float* embeddings,
                                   uint32_t num_embeddings, uint32_t embedding_dim, bool center)
    : n(num_embeddings),
      d(embedding_dim),
      centered(center),
      units_pitch(units_pitch_of(embedding_dim)) {
  const Device& device = staging.device();
  const uint64_t bytes = units_bytes(n, d);
  const uint64_t available = device.available_bytes();
  const Footprint most = upload_footprint(device, n, d);
  require_fit(n, d, bytes, std::min(largest_readable_buffer(device), available));
  // The host needs memory to prepare them. Where it shares its memory with the device, both add up.
  const bool shared = device.limits().unified_memory;
  require_fit(n, d, shared ? most.device + most.host : most.device, available);
  if (!shared) require_fit(n, d, most.host, available_host_bytes(), "host");
  HostThreads threads;
  Progress::Phase phase(device.progress(), VKC_PHASE_UPLOAD,
                        FixedPointEmbeddings::row_passes(n, center) + padded_rows_of(n));
  const FixedPointEmbeddings fixed(threads, device.progress(), embeddings, n, d, center);
  weighted = fixed.weighted();
  units = Buffer(device, bytes, MemoryUse::kDevice);
  const auto id_in = [&](uint64_t row) {
    return fixed.order() ? (*fixed.order())[row] : static_cast<uint32_t>(row);
  };
  upload_units(staging, threads, units, fixed, n, d, id_in);
  weights = Buffer(device, n * sizeof(int32_t), MemoryUse::kDevice);
  const auto write_weights = [&](std::byte* to, uint64_t begin, uint64_t end) {
    auto* elements = reinterpret_cast<int32_t*>(to);
    const uint64_t first = begin / sizeof(int32_t);
    for (uint64_t row = first; row < end / sizeof(int32_t); ++row) {
      elements[row - first] = fixed.weight(id_in(row));
    }
  };
  upload(staging, weights, weights.bytes(), sizeof(int32_t), write_weights);
  order = ItemOrder(staging, fixed.order(), n, padded_rows_of(n));
  known = KnownSimilarities(fixed, n, d);
  mean = fixed.mean();
  phase.finish();
}

Footprint DeviceEmbeddings::footprint(const Device& device, uint32_t n, uint32_t d) {
  const uint64_t bytes = units_bytes(n, d) + n * sizeof(uint32_t);
  return buffer_footprint(device, bytes, MemoryUse::kDevice) +
         ItemOrder::footprint(device, n, padded_rows_of(n));
}

Footprint DeviceEmbeddings::upload_footprint(const Device& device, uint32_t n, uint32_t d) {
  return footprint(device, n, d) + Staging::footprint(device, staging_bytes(device, n, d)) +
         Footprint{0, FixedPointEmbeddings::bytes(n, d)};
}

uint64_t DeviceEmbeddings::staging_bytes(const Device& device, uint32_t n, uint32_t d) {
  return upload_staging_bytes(device, units_bytes(n, d), units_row_bytes(d));
}

bool DeviceEmbeddings::is_readable(const Device& device, uint32_t n, uint32_t d) {
  return units_bytes(n, d) <= largest_readable_buffer(device);
}

}  // namespace vkc
