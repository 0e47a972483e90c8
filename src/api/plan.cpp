#include "api/plan.hpp"

#include <algorithm>
#include <bit>

#include "base/available_memory.hpp"
#include "base/error.hpp"
#include "similarity/device_embeddings.hpp"
#include "similarity/download.hpp"
#include "similarity/half_vectors.hpp"
#include "similarity/neighbor_search.hpp"
#include "similarity/neighbors.hpp"
#include "similarity/row_source.hpp"
#include "vulkan/staging.hpp"
#include "walks/filter_walks.hpp"
#include "walks/walk_choice.hpp"
#include "walks/walks.hpp"

namespace vkc {

namespace {

// Of the filter; and of rows that it leaves too many candidates of, which are done again.
WorkMemory filter_memory(const Device& device, const NeighborWork& work, uint64_t available) {
  const uint64_t halves = HalfVectors::bytes(work.n, work.d);
  const FilterSizes filter(device, work.d, work.count, work.k, bytes_left(available, halves));
  const NeighborSizes again(device, work.n, work.count, work.k, {false, available});
  const uint64_t filter_bytes = halves + filter.device_bytes(work.d, work.k);
  return {.rows = again.rows.footprint(device, work.n),
          .buffers = buffer_footprint(device, filter_bytes + again.keys_bytes, MemoryUse::kDevice),
          .staging = std::max(filter.keys_bytes(work.k), again.keys_bytes),
          .readable = again.rows.is_readable(device, work.n),
          .way = VKC_WAY_FILTER};
}

// Of walks over the similarity matrix.
WorkMemory matrix_walks_memory(const Device& device, uint32_t n, std::size_t count, uint32_t length,
                               uint64_t available) {
  const RowSizes all{.whole = true, .at_once = n};
  const uint64_t left = bytes_left(available, all.footprint(device, n).device);
  const WalkSizes sizes(device, n, count, length, left);
  return {.rows = all.footprint(device, n),
          .buffers = sizes.footprint(device),
          .walks_at_once = static_cast<uint32_t>(std::min<uint64_t>(count, sizes.walks_at_once())),
          .readable = all.is_readable(device, n),
          .way = VKC_WAY_MATRIX};
}

// Of walks by the filter, in an order that takes the most.
WorkMemory filter_walks_memory(const Device& device, uint32_t n, uint32_t d, std::size_t count,
                               uint32_t length, uint64_t available) {
  const FilterPrecision precision = filter_precision(device);
  const Footprint units = FilterUnits::footprint(device, n, d, precision);
  const FilterWalkSizes sizes(device, choose_filter_product(device), n, d, count, length, true,
                              bytes_left(available, units.device));
  return {.rows = {},
          .buffers = units + sizes.footprint(device),
          .walks_at_once = sizes.walks,
          .way = VKC_WAY_FILTER};
}

}  // namespace

WorkMemory work_memory(const Device& device, uint32_t n, uint32_t d, const Work& work,
                       uint64_t available) {
  const auto memory = [&](const RowSizes& rows, const Footprint& buffers, uint64_t staging) {
    return WorkMemory{.rows = rows.footprint(device, n),
                      .buffers = buffers,
                      .staging = staging,
                      .readable = rows.is_readable(device, n),
                      .way = rows.whole ? VKC_WAY_MATRIX : VKC_WAY_ROWS};
  };
  const RowChoice choice = RowSource::choose(device, n, work.count, available);
  switch (work.kind) {
    case VKC_WORK_UPLOAD:
      break;
    case VKC_WORK_SIMILARITY: {
      const DownloadSizes sizes(device, n, work.count, choice);
      return memory(sizes.rows, {}, sizes.staging_bytes);
    }
    case VKC_WORK_DIVERSITY: {
      const WalkRequest request{n, d, work.count, work.length};
      const WalkWay way = choose_walk_way(device, request, {false, false, available});
      WorkMemory walks =
          way == WalkWay::kMatrix
              ? matrix_walks_memory(device, n, work.count, work.length, available)
              : filter_walks_memory(device, n, d, work.count, work.length, available);
      walks.seconds = expected_walk_seconds(device, request, way, false);
      return walks;
    }
    case VKC_WORK_NEIGHBORS: {
      const uint64_t halves = HalfVectors::bytes(n, d);
      const NeighborWork neighbors{.n = n, .d = d, .count = work.count, .k = work.length};
      const NeighborWay way = choose_way(device, neighbors, false, halves, available);
      WorkMemory found;
      if (way == NeighborWay::kRows) {
        const NeighborSizes sizes(device, n, work.count, work.length, choice);
        const Footprint keys = buffer_footprint(device, sizes.keys_bytes, MemoryUse::kDevice);
        found = memory(sizes.rows, keys, sizes.keys_bytes);
      } else {
        found = filter_memory(device, neighbors, available);
      }
      found.seconds = expected_neighbor_seconds(device, neighbors, way, false, halves, available);
      return found;
    }
  }
  return {};
}

VkcMemoryPlan plan_memory(const Device& device, uint32_t n, uint32_t d, const Work& work) {
  const bool shared = device.limits().unified_memory;
  const uint64_t available = device.available_bytes();
  const Footprint upload = DeviceEmbeddings::upload_footprint(device, n, d);
  const Footprint embeddings = DeviceEmbeddings::footprint(device, n, d);
  const WorkMemory memory =
      work_memory(device, n, d, work, bytes_left(available, embeddings.device));
  // The staging memory of the upload is kept and used again.
  const Footprint staging = Staging::footprint(
      device, std::max(memory.staging, DeviceEmbeddings::staging_bytes(device, n, d)));
  const Footprint computing = embeddings + memory.rows + memory.buffers + staging;
  const auto on_host = [shared](const Footprint& footprint) {
    return footprint.host + (shared ? footprint.device : 0);
  };

  VkcMemoryPlan plan{};
  plan.struct_size = sizeof(plan);
  plan.shared_memory = shared ? 1 : 0;
  plan.walks_at_once = memory.walks_at_once;
  plan.device_bytes = std::max(upload.device, computing.device);
  plan.host_bytes = std::max(on_host(upload), on_host(computing));
  plan.available_device_bytes = available;
  plan.available_host_bytes = available_host_bytes();
  plan.embeddings_bytes = embeddings.device;
  plan.matrix_bytes = memory.rows.device;
  plan.work_bytes = computing.device - embeddings.device - memory.rows.device;
  plan.way = memory.way;
  plan.seconds = static_cast<float>(memory.seconds);
  const bool fits = plan.device_bytes <= plan.available_device_bytes &&
                    plan.host_bytes <= plan.available_host_bytes && memory.readable &&
                    DeviceEmbeddings::is_readable(device, n, d);
  plan.fits = fits ? 1 : 0;
  return plan;
}

void require_walks_fit(const Device& device, const WalkRequest& request, WalkWay way,
                       uint64_t available) {
  const auto needed = [&](uint32_t n) {
    const WorkMemory memory =
        way == WalkWay::kMatrix
            ? matrix_walks_memory(device, n, request.count, std::min(request.length, n), available)
            : filter_walks_memory(device, n, request.d, request.count, std::min(request.length, n),
                                  available);
    const Footprint all = memory.rows + memory.buffers;
    return all.device + (device.limits().unified_memory ? all.host : 0);
  };
  if (needed(request.n) <= available) return;
  // The largest n whose embeddings and walks fit into what these embeddings have and what is free.
  const uint64_t whole =
      available + DeviceEmbeddings::footprint(device, request.n, request.d).device;
  uint32_t fitting = 0;
  for (uint32_t step = std::bit_floor(request.n); step > 0; step /= 2) {
    const uint32_t n = fitting + step;
    if (n >= request.n) continue;
    const uint64_t embeddings = DeviceEmbeddings::footprint(device, n, request.d).device;
    if (embeddings + needed(n) <= whole) fitting = n;
  }
  fail(VKC_ERROR_DOES_NOT_FIT, "the diversity sequences of ", request.n, " embeddings need ",
       format_bytes(needed(request.n)), " of device memory, and ", format_bytes(available),
       " are available: use fewer embeddings (about ", fitting,
       " would fit) or a device with more memory");
}

}  // namespace vkc
