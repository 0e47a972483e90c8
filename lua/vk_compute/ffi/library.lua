--- Finds, declares and checks libvulkan_compute.
--
-- Where it looks, in this order; the first file that exists is the one used:
--
-- 1. the environment variable VKC_LIBRARY, a path: where it is set, nothing else is tried;
-- 2. beside the Lua modules: `libvulkan_compute.so` in their folder; for modules in `TREE/lua`,
--    `TREE/build/libvulkan_compute.so`; for modules in `PREFIX/share/lua/5.1`, `PREFIX/lib`,
--    `PREFIX/lib64` and Debian's `PREFIX/lib/x86_64-linux-gnu` (or what the machine is);
-- 3. the system's search, as for any shared library (LD_LIBRARY_PATH, ldconfig).
-- @module vk_compute.ffi.library

local errors = require("vk_compute.system.errors")
local ffi = require("ffi")

local library = {
  --- The version of the header that the declarations here were taken from.
  VERSION_MAJOR = 0,
  VERSION_MINOR = 1,
}

-- include/vulkan_compute.h without its comments, in its order.
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
  VKC_ERROR_INTERNAL = -19
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

VkcResult vkc_compute_diversity_sequence(VkComputeContext* ctx, uint32_t start,
                                         uint32_t* output_sequence);
VkcResult vkc_compute_diversity_sequences(VkComputeContext* ctx, const uint32_t* starts,
                                          uint32_t count, uint32_t length, uint32_t* output);

typedef enum VkcOrder {
  VKC_ORDER_CENTROID = 0
} VkcOrder;

typedef struct VkcSequenceOptions {
  uint32_t struct_size;
  uint32_t order;
  float lambda;
} VkcSequenceOptions;

VkcResult vkc_compute_diversity_sequences_with(VkComputeContext* ctx,
                                               const uint32_t* starts, uint32_t count,
                                               uint32_t length,
                                               const VkcSequenceOptions* options,
                                               uint32_t* output);
VkcResult vkc_recommended_batch(VkComputeContext* ctx, uint32_t length, uint32_t* count);

VkcResult vkc_compute_nearest_neighbors(VkComputeContext* ctx, uint32_t k, uint32_t* ids,
                                        float* similarities);
VkcResult vkc_compute_nearest_neighbors_of(VkComputeContext* ctx, uint32_t first,
                                           uint32_t count, uint32_t k, uint32_t* ids,
                                           float* similarities);
VkcResult vkc_recommended_neighbors_batch(VkComputeContext* ctx, uint32_t k, uint32_t* count);

typedef enum VkcWork {
  VKC_WORK_UPLOAD = 0,
  VKC_WORK_SIMILARITY = 1,
  VKC_WORK_DIVERSITY = 2,
  VKC_WORK_NEIGHBORS = 3
} VkcWork;

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
} VkcMemoryPlan;

VkcResult vkc_plan_memory(VkComputeContext* ctx, const VkcPlanRequest* request,
                                  VkcMemoryPlan* plan);

uint32_t vkc_validation_message_count(void);
const char* vkc_validation_message(uint32_t index);
]]

-- Types cannot be declared twice, and outlive a reload of this module.
if not pcall(ffi.typeof, "VkComputeContext") then ffi.cdef(DECLARATIONS) end

-- Of the C library; declaring functions again is allowed.
ffi.cdef([[
void* malloc(size_t size);
void free(void* block);
char* realpath(const char* path, char* resolved);
]])

local FILE = "libvulkan_compute.so"
local SONAME = FILE .. "." .. library.VERSION_MAJOR

-- Where Debian puts libraries, within lib.
local MULTIARCH = { x64 = "x86_64-linux-gnu", arm64 = "aarch64-linux-gnu" }

local REMEDY = "build it (cmake -S . -B build && cmake --build build), install it,"
  .. " or set VKC_LIBRARY to the path of " .. FILE

-- Absolute, so that a change of directory between require and the first use does no harm.
local function absolute(path)
  local resolved = ffi.C.realpath(path, nil)
  if resolved == nil then return nil end
  local text = ffi.string(resolved)
  ffi.C.free(resolved)
  return text
end

-- The folder that holds vk_compute.lua, or nil where this chunk was not loaded from a file.
local MODULES = (function()
  local source = debug.getinfo(1, "S").source
  local own_folder = source:match("^@(.*)/[^/]*/[^/]*$")
  return own_folder and absolute(own_folder .. "/..")
end)()

local function files_beside_modules()
  if not MODULES then return {} end
  local files = { MODULES .. "/" .. FILE }
  local tree = MODULES:match("^(.*)/lua$")
  if tree then files[#files + 1] = tree .. "/build/" .. FILE end
  local prefix = MODULES:match("^(.*)/share/lua/5%.1$")
  if prefix then
    files[#files + 1] = ("%s/lib/%s"):format(prefix, SONAME)
    files[#files + 1] = ("%s/lib64/%s"):format(prefix, SONAME)
    local multiarch = MULTIARCH[jit.arch]
    if multiarch then files[#files + 1] = ("%s/lib/%s/%s"):format(prefix, multiarch, SONAME) end
  end
  return files
end

local function exists(path)
  local file = io.open(path, "rb")
  if file then file:close() end
  return file ~= nil
end

-- Refuses a library that has other declarations than these.
local function check_version(lib, path)
  local found, version = pcall(function() return lib.vkc_version() end)
  if not found then errors.raise("%s is not libvulkan_compute: it has no vkc_version", path) end
  local major, minor = math.floor(version / 1000000), math.floor(version / 1000) % 1000
  if major ~= library.VERSION_MAJOR or (major == 0 and minor ~= library.VERSION_MINOR) then
    errors.raise("%s is version %s, but this Lua module is made for version %d.%d: install the two"
      .. " from one release, or set VKC_LIBRARY to the path of a fitting library",
      path, ffi.string(lib.vkc_version_string()), library.VERSION_MAJOR, library.VERSION_MINOR)
  end
  return lib
end

local function open(path)
  local ok, lib = pcall(ffi.load, path)
  if not ok then errors.raise("cannot load libvulkan_compute: %s: %s", lib, REMEDY) end
  return check_version(lib, path)
end

local function find()
  local chosen = os.getenv("VKC_LIBRARY")
  if chosen and chosen ~= "" then
    if exists(chosen) then return open(absolute(chosen)) end
    errors.raise("libvulkan_compute was not found. Tried:\n  %s (VKC_LIBRARY)\nSet VKC_LIBRARY to"
      .. " the path of %s, or unset it", chosen, FILE)
  end

  local tried = {}
  for _, path in ipairs(files_beside_modules()) do
    if exists(path) then return open(path) end
    tried[#tried + 1] = path
  end
  for _, name in ipairs({ SONAME, FILE }) do
    local ok, lib = pcall(ffi.load, name)
    if ok then return check_version(lib, name) end
    tried[#tried + 1] = name .. " (the system's search: " .. lib .. ")"
  end
  errors.raise("libvulkan_compute was not found. Tried:\n  %s\nTo go on, %s",
    table.concat(tried, "\n  "), REMEDY)
end

local loaded

--- The library as LuaJIT's FFI gives it: its fields are the functions of vulkan_compute.h. Found and
-- loaded at the first call, which raises when there is none or it is of another version.
-- @treturn userdata
function library.load()
  loaded = loaded or find()
  return loaded
end

return library
