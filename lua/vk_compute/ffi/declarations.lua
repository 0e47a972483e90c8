--- include/vulkan_compute.h for LuaJIT: without its comments, in its order.
-- @module vk_compute.ffi.declarations

local ffi = require("ffi")

local DECLARATIONS = [[
typedef enum VkcResult {
  VKC_SUCCESS = 0,
  VKC_ERROR_NULL_POINTER = -1,
  VKC_ERROR_INVALID_ARGUMENT = -2,
  VKC_ERROR_EMPTY_EMBEDDINGS = -3,
  VKC_ERROR_NOT_FINITE = -4,
  VKC_ERROR_ITEM_OUT_OF_RANGE = -5,
  VKC_ERROR_INVALID_LENGTH = -6,
  VKC_ERROR_NO_EMBEDDINGS = -7,
  VKC_ERROR_DOES_NOT_FIT = -8,
  VKC_ERROR_OUT_OF_HOST_MEMORY = -9,
  VKC_ERROR_OUT_OF_DEVICE_MEMORY = -10,
  VKC_ERROR_NO_VULKAN_LOADER = -11,
  VKC_ERROR_NO_VULKAN_DRIVER = -12,
  VKC_ERROR_NO_SUCH_DEVICE = -13,
  VKC_ERROR_DEVICE_UNSUITABLE = -14,
  VKC_ERROR_DEVICE_LOST = -15,
  VKC_ERROR_NO_VALIDATION_LAYER = -16,
  VKC_ERROR_VULKAN = -17,
  VKC_ERROR_CONTEXT_BUSY = -18,
  VKC_ERROR_INTERNAL = -19,
  VKC_ERROR_WRONG_RESULT = -20,
  VKC_ERROR_STOPPED = -21
} VkcResult;

typedef struct VkComputeContext VkComputeContext;

uint32_t vkc_version(void);
const char* vkc_version_string(void);
uint32_t vkc_definition_version(void);
const char* vkc_result_name(VkcResult result);
const char* vkc_last_error(void);

typedef enum VkcDeviceType {
  VKC_DEVICE_TYPE_OTHER = 0,
  VKC_DEVICE_TYPE_INTEGRATED_GPU = 1,
  VKC_DEVICE_TYPE_DISCRETE_GPU = 2,
  VKC_DEVICE_TYPE_VIRTUAL_GPU = 3,
  VKC_DEVICE_TYPE_CPU = 4
} VkcDeviceType;

typedef struct VkcDeviceInfo {
  uint32_t struct_size;
  uint32_t index;
  uint32_t type;
  uint32_t vulkan_version;
  uint32_t subgroup_size;
  uint32_t usable;
  uint64_t memory_bytes;
  char name[256];
  char driver[256];
  char missing[256];
  char uuid[40];
  char pci_address[24];
} VkcDeviceInfo;

VkcResult vkc_list_devices(VkcDeviceInfo* devices, uint32_t* count);

typedef struct VkcOptions {
  uint32_t struct_size;
  uint32_t validation;
  const char* device;
} VkcOptions;

VkComputeContext* vkc_init(void);
VkcResult vkc_create(const VkcOptions* options, VkComputeContext** out);
void vkc_destroy(VkComputeContext* ctx);
VkcResult vkc_get_device_info(VkComputeContext* ctx, VkcDeviceInfo* info);

typedef enum VkcPhase {
  VKC_PHASE_UPLOAD = 0,
  VKC_PHASE_MATRIX = 1,
  VKC_PHASE_SIMILARITIES = 2,
  VKC_PHASE_WALKS = 3,
  VKC_PHASE_NEIGHBORS = 4
} VkcPhase;

typedef int32_t (*VkcProgressFunction)(VkcPhase phase, uint64_t done, uint64_t total, void* user);

VkcResult vkc_set_progress(VkComputeContext* ctx, VkcProgressFunction function, void* user);

typedef struct VkcUploadOptions {
  uint32_t struct_size;
  uint32_t center;
} VkcUploadOptions;

typedef struct VkcEmbeddingsInfo {
  uint32_t struct_size;
  uint32_t num_embeddings;
  uint32_t embedding_dim;
  uint32_t centered;
  uint32_t weighted;
} VkcEmbeddingsInfo;

VkcResult vkc_upload_embeddings(VkComputeContext* ctx, const float* embeddings,
                                uint32_t num_embeddings, uint32_t embedding_dim);
VkcResult vkc_upload_embeddings_with(VkComputeContext* ctx, const float* embeddings,
                                     uint32_t num_embeddings, uint32_t embedding_dim,
                                     const VkcUploadOptions* options);
VkcResult vkc_get_embeddings_info(VkComputeContext* ctx, VkcEmbeddingsInfo* info);

VkcResult vkc_compute_similarity_matrix(VkComputeContext* ctx, float* output_matrix);
VkcResult vkc_compute_similarity_rows(VkComputeContext* ctx, uint32_t first, uint32_t count,
                                      float* output);
VkcResult vkc_compute_pair_similarities(VkComputeContext* ctx, const uint32_t* first_ids,
                                        const uint32_t* second_ids, uint64_t count,
                                        float* output);

VkcResult vkc_compute_diversity_sequence(VkComputeContext* ctx, uint32_t start,
                                         uint32_t* output_sequence);
VkcResult vkc_compute_diversity_sequences(VkComputeContext* ctx, const uint32_t* starts,
                                          uint32_t count, uint32_t length, uint32_t* output);

typedef enum VkcOrder {
  VKC_ORDER_CENTROID = 0,
  VKC_ORDER_AWAY = 1,
  VKC_ORDER_TOWARD = 2
} VkcOrder;

typedef struct VkcSequenceOptions {
  uint32_t struct_size;
  uint32_t order;
  float lambda;
  uint32_t planned;
} VkcSequenceOptions;

VkcResult vkc_compute_diversity_sequences_with(VkComputeContext* ctx,
                                               const uint32_t* starts, uint32_t count,
                                               uint32_t length,
                                               const VkcSequenceOptions* options,
                                               uint32_t* output);
VkcResult vkc_recommended_batch(VkComputeContext* ctx, uint32_t length, uint32_t* count);
VkcResult vkc_recommended_batch_with(VkComputeContext* ctx, uint32_t length,
                                     const VkcSequenceOptions* options, uint32_t* count);

VkcResult vkc_compute_nearest_neighbors(VkComputeContext* ctx, uint32_t k, uint32_t* ids,
                                        float* similarities);
VkcResult vkc_compute_nearest_neighbors_of(VkComputeContext* ctx, uint32_t first,
                                           uint32_t count, uint32_t k, uint32_t* ids,
                                           float* similarities);
VkcResult vkc_find_nearest(VkComputeContext* ctx, const float* queries,
                           uint32_t num_queries, uint32_t query_dim, uint32_t k,
                           uint32_t* ids, float* similarities);
VkcResult vkc_recommended_neighbors_batch(VkComputeContext* ctx, uint32_t k, uint32_t* count);

typedef enum VkcWork {
  VKC_WORK_UPLOAD = 0,
  VKC_WORK_SIMILARITY = 1,
  VKC_WORK_DIVERSITY = 2,
  VKC_WORK_NEIGHBORS = 3
} VkcWork;

typedef enum VkcWay {
  VKC_WAY_NONE = 0,
  VKC_WAY_MATRIX = 1,
  VKC_WAY_ROWS = 2,
  VKC_WAY_FILTER = 3
} VkcWay;

typedef struct VkcPlanRequest {
  uint32_t struct_size;
  uint32_t work;
  uint32_t num_embeddings;
  uint32_t embedding_dim;
  uint32_t count;
  uint32_t length;
} VkcPlanRequest;

typedef struct VkcMemoryPlan {
  uint32_t struct_size;
  uint32_t fits;
  uint32_t shared_memory;
  uint32_t walks_at_once;
  uint64_t device_bytes;
  uint64_t host_bytes;
  uint64_t available_device_bytes;
  uint64_t available_host_bytes;

  uint64_t embeddings_bytes;
  uint64_t matrix_bytes;
  uint64_t work_bytes;

  uint32_t way;
  float seconds;
} VkcMemoryPlan;

VkcResult vkc_plan_memory(VkComputeContext* ctx, const VkcPlanRequest* request,
                                  VkcMemoryPlan* plan);

uint32_t vkc_validation_message_count(void);
const char* vkc_validation_message(uint32_t index);
]]

-- Types cannot be declared twice, and outlive a reload of this module.
if not pcall(ffi.typeof, "VkComputeContext") then ffi.cdef(DECLARATIONS) end

return {
  --- The version of the header that these were taken from.
  VERSION_MAJOR = 0,
  VERSION_MINOR = 2,
}
