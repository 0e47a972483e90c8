#include "api/plan.hpp"

#include <algorithm>

#include "base/available_memory.hpp"
#include "base/error.hpp"
#include "similarity/device_embeddings.hpp"
#include "similarity/download.hpp"
#include "similarity/half_vectors.hpp"
#include "similarity/neighbor_search.hpp"
#include "similarity/neighbors.hpp"
#include "similarity/row_source.hpp"
#include "vulkan/staging.hpp"
#include "walks/walks.hpp"

namespace vkc {

namespace {

// Of the filter; and of rows that it leaves too many candidates of, which are done again.
WorkMemory filter_memory(const Device& device, const NeighborWork& work, uint64_t available) {
  const uint64_t halves = HalfVectors::bytes(work.n, work.d);
  const FilterSizes filter(work.d, work.count, work.k, bytes_left(available, halves));
  const NeighborSizes again(device, work.n, work.count, work.k, {false, available});
  const uint64_t filter_bytes = halves + filter.device_bytes(work.d, work.k);
  return {.rows = again.rows.footprint(device, work.n),
          .buffers = buffer_footprint(device, filter_bytes + again.keys_bytes, MemoryUse::kDevice),
          .staging = std::max(filter.keys_bytes(work.k), again.keys_bytes),
          .readable = again.rows.is_readable(device, work.n)};
}

}  // namespace

WorkMemory work_memory(const Device& device, uint32_t n, uint32_t d, const Work& work,
                       uint64_t available) {
  const auto memory = [&](const RowSizes& rows, const Footprint& buffers, uint64_t staging) {
    return WorkMemory{.rows = rows.footprint(device, n),
                      .buffers = buffers,
                      .staging = staging,
                      .readable = rows.is_readable(device, n)};
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
      const RowSizes all{.whole = true, .at_once = n};
      const uint64_t left = bytes_left(available, all.footprint(device, n).device);
      const WalkSizes sizes(device, n, work.count, work.length, left);
      WorkMemory out = memory(all, sizes.footprint(device), 0);
      out.walks_at_once =
          static_cast<uint32_t>(std::min<uint64_t>(work.count, sizes.walks_at_once()));
      return out;
    }
    case VKC_WORK_NEIGHBORS: {
      const uint64_t halves = HalfVectors::bytes(n, d);
      const NeighborWork neighbors{.n = n, .d = d, .count = work.count, .k = work.length};
      if (choose_way(device, neighbors, false, halves, available) != NeighborWay::kRows) {
        return filter_memory(device, neighbors, available);
      }
      const NeighborSizes sizes(device, n, work.count, work.length, choice);
      const Footprint keys = buffer_footprint(device, sizes.keys_bytes, MemoryUse::kDevice);
      return memory(sizes.rows, keys, sizes.keys_bytes);
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
  const bool fits = plan.device_bytes <= plan.available_device_bytes &&
                    plan.host_bytes <= plan.available_host_bytes && memory.readable &&
                    DeviceEmbeddings::is_readable(device, n, d);
  plan.fits = fits ? 1 : 0;
  return plan;
}

void require_fit(const Device& device, uint32_t n, uint32_t d, const Work& work,
                 uint64_t available) {
  const WorkMemory memory = work_memory(device, n, d, work, available);
  const Footprint all = memory.rows + memory.buffers + Staging::footprint(device, memory.staging);
  const uint64_t needed = all.device + (device.limits().unified_memory ? all.host : 0);
  if (needed > available) {
    fail(VKC_ERROR_DOES_NOT_FIT, "the diversity sequences of ", n, " embeddings need ",
         format_bytes(needed), " of device memory, ", format_bytes(memory.rows.device),
         " of it for the similarity matrix, and ", format_bytes(available),
         " are available: use fewer embeddings or a device with more memory");
  }
}

}  // namespace vkc
