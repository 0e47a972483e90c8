// The exported functions: check arguments, call the context, turn exceptions into results.
#include <algorithm>
#include <exception>
#include <new>
#include <span>
#include <string>
#include <vector>

#include "api/context.hpp"
#include "api/sized_struct.hpp"
#include "base/error.hpp"
#include "base/float_environment.hpp"
#include "vulkan/instance.hpp"
#include "vulkan/physical_devices.hpp"
#include "vulkan/validation.hpp"
#include "vulkan_compute.h"

namespace {

using vkc::fail;

#define VKC_TEXT_OF(x) #x
#define VKC_TEXT(x) VKC_TEXT_OF(x)

VkcResult report(VkcResult code, const char* message) noexcept {
  vkc::set_last_error(message);
  // Contexts to come get another instance than the one whose driver has failed.
  if (code == VKC_ERROR_DEVICE_LOST || code == VKC_ERROR_VULKAN || code == VKC_ERROR_WRONG_RESULT) {
    vkc::forget_instances();
  }
  return code;
}

// The result of the exception being handled.
VkcResult report_exception() noexcept {
  try {
    throw;
  } catch (const vkc::Error& error) {
    return report(error.code(), error.what());
  } catch (const std::bad_alloc&) {
    return report(VKC_ERROR_OUT_OF_HOST_MEMORY,
                  "the host is out of memory: free some or use fewer embeddings");
  } catch (const vk::DeviceLostError&) {
    return report(VKC_ERROR_DEVICE_LOST,
                  "the device was lost: destroy the context and make a new one");
  } catch (const vk::OutOfDeviceMemoryError&) {
    return report(VKC_ERROR_OUT_OF_DEVICE_MEMORY,
                  "the device is out of memory: free some or use fewer embeddings");
  } catch (const vk::OutOfHostMemoryError&) {
    return report(VKC_ERROR_OUT_OF_HOST_MEMORY,
                  "the Vulkan driver is out of host memory: free some or use fewer embeddings");
  } catch (const vk::SystemError& error) {
    return report(VKC_ERROR_VULKAN, error.what());
  } catch (const std::exception& error) {
    return report(VKC_ERROR_INTERNAL, error.what());
  } catch (...) {
    return report(VKC_ERROR_INTERNAL, "an unknown exception");
  }
}

template <typename Body>
VkcResult guarded(Body body) noexcept {
  const vkc::DefaultFloatEnvironment environment;
  try {
    body();
    return VKC_SUCCESS;
  } catch (...) {
    return report_exception();
  }
}

void require_pointer(const void* pointer, const char* name) {
  if (pointer == nullptr) {
    fail(VKC_ERROR_NULL_POINTER, name, " is NULL: pass a pointer to memory of the size documented");
  }
}

void require_flag(uint32_t value, const char* name) {
  if (value > 1) fail(VKC_ERROR_INVALID_ARGUMENT, name, " is ", value, " and must be 0 or 1");
}

void require_item(uint32_t item, uint32_t n, const char* name) {
  if (item >= n) {
    fail(VKC_ERROR_ITEM_OUT_OF_RANGE, name, " is ", item, ", and there are ", n,
         " embeddings: give an item from 0 to ", n - 1);
  }
}

void require_items(const uint32_t* items, uint64_t count, uint32_t n, const char* name) {
  for (uint64_t i = 0; i < count; ++i) {
    if (items[i] < n) continue;
    require_item(items[i], n, (std::string(name) + "[" + std::to_string(i) + "]").c_str());
  }
}

void require_length(uint32_t length, uint32_t n) {
  if (length == 0 || length > n) {
    fail(VKC_ERROR_INVALID_LENGTH, "length is ", length, " and must be from 1 to ", n,
         ", the number of embeddings");
  }
}

void require_sizes(uint32_t num_embeddings, uint32_t embedding_dim) {
  if (num_embeddings == 0 || embedding_dim == 0) {
    fail(VKC_ERROR_EMPTY_EMBEDDINGS, num_embeddings == 0 ? "num_embeddings" : "embedding_dim",
         " is 0: pass at least one embedding of at least one dimension");
  }
  if (embedding_dim > VKC_MAX_EMBEDDING_DIM) {
    fail(VKC_ERROR_INVALID_ARGUMENT, "embedding_dim is ", embedding_dim, " and must be at most ",
         VKC_MAX_EMBEDDING_DIM);
  }
}

void require_neighbors(uint32_t k, uint32_t n) {
  if (n == 1) {
    fail(VKC_ERROR_INVALID_LENGTH,
         "the one embedding there is has no neighbours: upload two or more");
  }
  if (k == 0 || k >= n) {
    fail(VKC_ERROR_INVALID_LENGTH, "k is ", k, " and must be from 1 to ", n - 1,
         ", the number of other embeddings");
  }
}

void require_nearest(uint32_t k, uint32_t n) {
  if (k == 0 || k > n) {
    fail(VKC_ERROR_INVALID_LENGTH, "k is ", k, " and must be from 1 to ", n,
         ", the number of embeddings");
  }
}

void require_query_dim(uint32_t query_dim, uint32_t d) {
  if (query_dim != d) {
    fail(VKC_ERROR_INVALID_ARGUMENT, "query_dim is ", query_dim, ", and the embeddings have ", d,
         " dimensions: make queries with the model that made the embeddings");
  }
}

void require_rows(uint32_t first, uint32_t count, uint32_t n) {
  if (first > n || count > n - first) {
    fail(VKC_ERROR_ITEM_OUT_OF_RANGE, count, " rows from row ", first,
         " on were asked for, and there are ", n, " embeddings: give rows from 0 to ", n - 1);
  }
}

// The work that a plan is asked for, its zeros filled in.
vkc::Work work_of(const VkcPlanRequest& request) {
  if (request.work > VKC_WORK_NEIGHBORS) {
    fail(VKC_ERROR_INVALID_ARGUMENT, "VkcPlanRequest.work is ", request.work,
         " and must be a VkcWork, 0 to ", VKC_WORK_NEIGHBORS);
  }
  const uint32_t n = request.num_embeddings;
  vkc::Work work{static_cast<VkcWork>(request.work), request.count, request.length};
  if (work.count == 0) work.count = n;
  switch (work.kind) {
    case VKC_WORK_UPLOAD:
      break;
    case VKC_WORK_SIMILARITY:
      require_rows(0, work.count, n);
      break;
    case VKC_WORK_DIVERSITY:
      if (work.length == 0) work.length = n;
      require_length(work.length, n);
      break;
    case VKC_WORK_NEIGHBORS:
      if (work.length == 0) work.length = n - 1;
      require_neighbors(work.length, n);
      require_rows(0, work.count, n);
      break;
  }
  return work;
}

// Runs body as the one call in progress on a context.
template <typename Body>
VkcResult on_context(VkComputeContext* ctx, Body body) noexcept {
  if (ctx == nullptr) {
    return report(VKC_ERROR_NULL_POINTER, "ctx is NULL: make a context with vkc_init first");
  }
  if (ctx->busy.test_and_set(std::memory_order_acquire)) {
    return report(VKC_ERROR_CONTEXT_BUSY,
                  "a call on this context is under way, in another thread or in the one that tells "
                  "its progress: wait for it, or make another context");
  }
  VkcResult result = VKC_ERROR_DEVICE_LOST;
  if (ctx->lost) {
    vkc::set_last_error(
        "the device of this context was lost: destroy the context and make a new one");
  } else {
    result = guarded([&] { body(*ctx); });
    ctx->lost = result == VKC_ERROR_DEVICE_LOST;
  }
  ctx->busy.clear(std::memory_order_release);
  return result;
}

}  // namespace

uint32_t vkc_version(void) {
  constexpr uint32_t kMajor = 1000000;
  constexpr uint32_t kMinor = 1000;
  return VKC_VERSION_MAJOR * kMajor + VKC_VERSION_MINOR * kMinor + VKC_VERSION_PATCH;
}

const char* vkc_version_string(void) {
  return VKC_TEXT(VKC_VERSION_MAJOR) "." VKC_TEXT(VKC_VERSION_MINOR) "." VKC_TEXT(
      VKC_VERSION_PATCH);
}

uint32_t vkc_definition_version(void) { return VKC_DEFINITION_VERSION; }

const char* vkc_result_name(VkcResult result) { return vkc::result_name(result); }

const char* vkc_last_error(void) { return vkc::last_error(); }

VkcResult vkc_list_devices(VkcDeviceInfo* devices, uint32_t* count) {
  return guarded([&] {
    require_pointer(count, "count");
    if (devices != nullptr && *count > 0) vkc::require_struct(devices);
    const std::vector<VkcDeviceInfo> infos = vkc::list_devices();
    const auto available = static_cast<uint32_t>(infos.size());
    const uint32_t written = devices == nullptr ? 0 : std::min(*count, available);
    *count = devices == nullptr ? available : written;
    if (written > 0) vkc::write_structs(std::span(infos).first(written), devices);
  });
}

VkComputeContext* vkc_init(void) {
  VkComputeContext* ctx = nullptr;
  vkc_create(nullptr, &ctx);
  return ctx;
}

VkcResult vkc_create(const VkcOptions* options, VkComputeContext** out) {
  return guarded([&] {
    require_pointer(out, "out");
    *out = nullptr;
    const auto given = vkc::read_options(options);
    require_flag(given.validation, "VkcOptions.validation");
    const std::string_view device = given.device == nullptr ? "" : given.device;
    *out = std::make_unique<VkComputeContext>(device, given.validation == 1).release();
  });
}

void vkc_destroy(VkComputeContext* ctx) {
  const vkc::DefaultFloatEnvironment environment;
  if (ctx != nullptr && ctx->device().is_given_up()) return;  // it stays: to free it would hang
  const std::unique_ptr<VkComputeContext> owned(ctx);
}

VkcResult vkc_get_device_info(VkComputeContext* ctx, VkcDeviceInfo* info) {
  return on_context(ctx, [&](const VkComputeContext& context) {
    require_pointer(info, "info");
    vkc::require_struct(info);
    vkc::write_struct(context.device_info(), info);
  });
}

VkcResult vkc_set_progress(VkComputeContext* ctx, VkcProgressFunction function, void* user) {
  return on_context(ctx, [&](VkComputeContext& context) { context.tell_to(function, user); });
}

VkcResult vkc_upload_embeddings(VkComputeContext* ctx, const float* embeddings,
                                uint32_t num_embeddings, uint32_t embedding_dim) {
  return vkc_upload_embeddings_with(ctx, embeddings, num_embeddings, embedding_dim, nullptr);
}

VkcResult vkc_upload_embeddings_with(VkComputeContext* ctx, const float* embeddings,
                                     uint32_t num_embeddings, uint32_t embedding_dim,
                                     const VkcUploadOptions* options) {
  return on_context(ctx, [&](VkComputeContext& context) {
    const auto given = vkc::read_options(options);
    require_flag(given.center, "VkcUploadOptions.center");
    require_sizes(num_embeddings, embedding_dim);
    require_pointer(embeddings, "embeddings");
    context.upload(embeddings, num_embeddings, embedding_dim, given.center == 1);
  });
}

VkcResult vkc_get_embeddings_info(VkComputeContext* ctx, VkcEmbeddingsInfo* info) {
  return on_context(ctx, [&](const VkComputeContext& context) {
    require_pointer(info, "info");
    vkc::require_struct(info);
    vkc::write_struct(context.embeddings_info(), info);
  });
}

VkcResult vkc_compute_similarity_matrix(VkComputeContext* ctx, float* output_matrix) {
  return on_context(ctx, [&](VkComputeContext& context) {
    const uint32_t n = context.require_embeddings();
    require_pointer(output_matrix, "output_matrix");
    context.similarity_rows(0, n, output_matrix);
  });
}

VkcResult vkc_compute_similarity_rows(VkComputeContext* ctx, uint32_t first, uint32_t count,
                                      float* output) {
  return on_context(ctx, [&](VkComputeContext& context) {
    const uint32_t n = context.require_embeddings();
    require_rows(first, count, n);
    if (count == 0) return;
    require_pointer(output, "output");
    context.similarity_rows(first, count, output);
  });
}

VkcResult vkc_compute_pair_similarities(VkComputeContext* ctx, const uint32_t* first_ids,
                                        const uint32_t* second_ids, uint64_t count, float* output) {
  return on_context(ctx, [&](VkComputeContext& context) {
    const uint32_t n = context.require_embeddings();
    if (count == 0) return;
    require_pointer(first_ids, "first_ids");
    require_pointer(second_ids, "second_ids");
    require_pointer(output, "output");
    require_items(first_ids, count, n, "first_ids");
    require_items(second_ids, count, n, "second_ids");
    context.pair_similarities(first_ids, second_ids, count, output);
  });
}

VkcResult vkc_compute_diversity_sequence(VkComputeContext* ctx, uint32_t start,
                                         uint32_t* output_sequence) {
  return on_context(ctx, [&](VkComputeContext& context) {
    const uint32_t n = context.require_embeddings();
    require_pointer(output_sequence, "output_sequence");
    require_item(start, n, "start");
    context.diversity_sequences({&start, 1}, n, {}, 1, output_sequence);
  });
}

VkcResult vkc_compute_diversity_sequences(VkComputeContext* ctx, const uint32_t* starts,
                                          uint32_t count, uint32_t length, uint32_t* output) {
  return vkc_compute_diversity_sequences_with(ctx, starts, count, length, nullptr, output);
}

VkcResult vkc_compute_diversity_sequences_with(VkComputeContext* ctx, const uint32_t* starts,
                                               uint32_t count, uint32_t length,
                                               const VkcSequenceOptions* options,
                                               uint32_t* output) {
  return on_context(ctx, [&](VkComputeContext& context) {
    const VkcSequenceOptions given = vkc::read_options(options);
    const vkc::Order order = vkc::make_order(given);
    const uint32_t n = context.require_embeddings();
    require_length(length, n);
    if (count == 0) return;
    require_pointer(starts, "starts");
    require_pointer(output, "output");
    require_items(starts, count, n, "starts");
    context.diversity_sequences({starts, count}, length, order, std::max(count, given.planned),
                                output);
  });
}

VkcResult vkc_recommended_batch(VkComputeContext* ctx, uint32_t length, uint32_t* count) {
  return vkc_recommended_batch_with(ctx, length, nullptr, count);
}

VkcResult vkc_recommended_batch_with(VkComputeContext* ctx, uint32_t length,
                                     const VkcSequenceOptions* options, uint32_t* count) {
  return on_context(ctx, [&](const VkComputeContext& context) {
    const vkc::Order order = vkc::make_order(vkc::read_options(options));
    const uint32_t n = context.require_embeddings();
    require_pointer(count, "count");
    require_length(length, n);
    *count = context.recommended_batch(length, order);
  });
}

VkcResult vkc_compute_nearest_neighbors(VkComputeContext* ctx, uint32_t k, uint32_t* ids,
                                        float* similarities) {
  return on_context(ctx, [&](VkComputeContext& context) {
    const uint32_t n = context.require_embeddings();
    require_neighbors(k, n);
    require_pointer(ids, "ids");
    context.nearest_neighbors(0, n, k, ids, similarities);
  });
}

VkcResult vkc_compute_nearest_neighbors_of(VkComputeContext* ctx, uint32_t first, uint32_t count,
                                           uint32_t k, uint32_t* ids, float* similarities) {
  return on_context(ctx, [&](VkComputeContext& context) {
    const uint32_t n = context.require_embeddings();
    require_neighbors(k, n);
    require_rows(first, count, n);
    if (count == 0) return;
    require_pointer(ids, "ids");
    context.nearest_neighbors(first, count, k, ids, similarities);
  });
}

VkcResult vkc_find_nearest(VkComputeContext* ctx, const float* queries, uint32_t num_queries,
                           uint32_t query_dim, uint32_t k, uint32_t* ids, float* similarities) {
  return on_context(ctx, [&](VkComputeContext& context) {
    const uint32_t n = context.require_embeddings();
    require_query_dim(query_dim, context.embedding_dim());
    require_nearest(k, n);
    if (num_queries == 0) return;
    require_pointer(queries, "queries");
    require_pointer(ids, "ids");
    context.nearest_of_queries(queries, num_queries, k, ids, similarities);
  });
}

VkcResult vkc_recommended_neighbors_batch(VkComputeContext* ctx, uint32_t k, uint32_t* count) {
  return on_context(ctx, [&](const VkComputeContext& context) {
    const uint32_t n = context.require_embeddings();
    require_pointer(count, "count");
    require_neighbors(k, n);
    *count = context.recommended_neighbors_batch();
  });
}

VkcResult vkc_plan_memory(VkComputeContext* ctx, const VkcPlanRequest* request,
                          VkcMemoryPlan* plan) {
  return on_context(ctx, [&](const VkComputeContext& context) {
    require_pointer(request, "request");
    require_pointer(plan, "plan");
    const auto asked = vkc::read_struct(request);
    vkc::require_struct(plan);
    require_sizes(asked.num_embeddings, asked.embedding_dim);
    vkc::write_struct(
        context.plan_memory(asked.num_embeddings, asked.embedding_dim, work_of(asked)), plan);
  });
}

uint32_t vkc_validation_message_count(void) { return vkc::validation_message_count(); }

const char* vkc_validation_message(uint32_t index) { return vkc::validation_message(index); }
