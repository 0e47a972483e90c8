#include "api/plan.hpp"

#include <algorithm>

#include "base/available_memory.hpp"
#include "base/error.hpp"
#include "similarity/download.hpp"
#include "similarity/neighbors.hpp"
#include "similarity/resident.hpp"
#include "vulkan/staging.hpp"
#include "walks/diversity.hpp"

namespace vkc {

namespace {

uint64_t left_of(uint64_t available, uint64_t taken) {
  return available - std::min(available, taken);
}

}  // namespace

WorkMemory work_memory(const Device& device, uint32_t n, const Work& work, uint64_t available) {
  WorkMemory out;
  const auto add_matrix = [&](uint32_t rows, uint32_t times = 1) {
    for (uint32_t i = 0; i < times; ++i) out.all += MatrixRows::footprint(device, rows, n);
    out.matrix = out.all.device;
    out.readable = MatrixRows::bytes(rows, n) <= MatrixRows::most_bytes(device, n, UINT64_MAX);
  };
  switch (work.kind) {
    case VKC_WORK_UPLOAD:
      break;
    case VKC_WORK_SIMILARITY: {
      const RowsRoute route = rows_route(device, n, work.count, available);
      add_matrix(route.whole ? n : route.at_once, route.whole ? 1 : route.blocks);
      out.staging = download_staging_bytes(device, n, route);
      break;
    }
    case VKC_WORK_DIVERSITY: {
      add_matrix(n);
      const uint64_t left = left_of(available, out.all.device);
      out.all += Diversity::footprint(device, n, work.count, work.length, left);
      const WalkGroups groups = Diversity::groups_for(device, n, work.count, left);
      out.walks_at_once = static_cast<uint32_t>(
          std::min<uint64_t>(work.count, uint64_t{groups.capacity} * groups.count));
      break;
    }
    case VKC_WORK_NEIGHBORS: {
      const bool whole = rows_route(device, n, work.count, available).whole;
      if (whole) {
        add_matrix(n);
      } else {
        out.all += Neighbors::rows_footprint(device, n, work.count, work.length, available);
        out.matrix = out.all.device;
      }
      const uint64_t left = whole ? left_of(available, out.matrix) : available;
      out.all += Neighbors::keys_footprint(device, n, work.count, work.length, !whole, left);
      out.staging = Neighbors::staging_bytes(device, n, work.count, work.length, !whole, left);
      break;
    }
  }
  return out;
}

VkcMemoryPlan plan_memory(const Device& device, uint32_t n, uint32_t d, const Work& work) {
  const bool shared = device.limits().unified_memory;
  const uint64_t available = device.available_bytes();
  const Footprint upload = ResidentEmbeddings::most_footprint(device, n, d);
  const Footprint embeddings = ResidentEmbeddings::footprint(device, n, d);
  const WorkMemory memory = work_memory(device, n, work, left_of(available, embeddings.device));
  // Staging memory is kept.
  const Footprint staging = Staging::footprint(
      device, std::max(memory.staging, ResidentEmbeddings::staging_bytes(device, n, d)));
  const Footprint computing = embeddings + memory.all + staging;
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
  plan.matrix_bytes = memory.matrix;
  plan.work_bytes = computing.device - embeddings.device - memory.matrix;
  const bool fits = plan.device_bytes <= plan.available_device_bytes &&
                    plan.host_bytes <= plan.available_host_bytes && memory.readable &&
                    ResidentEmbeddings::is_readable(device, n, d);
  plan.fits = fits ? 1 : 0;
  return plan;
}

void require_fit(const Device& device, uint32_t n, const Work& work) {
  const uint64_t available = device.available_bytes();
  const WorkMemory memory = work_memory(device, n, work, available);
  const Footprint all = memory.all + Staging::footprint(device, memory.staging);
  const uint64_t needed = all.device + (device.limits().unified_memory ? all.host : 0);
  if (needed > available) {
    fail(VKC_ERROR_DOES_NOT_FIT, "the diversity sequences of ", n, " embeddings need ",
         format_bytes(needed), " of device memory, ", format_bytes(memory.matrix),
         " of it for the similarity matrix, and ", format_bytes(available),
         " are available: use fewer embeddings or a device with more memory");
  }
}

}  // namespace vkc
