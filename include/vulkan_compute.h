/*
 * libvulkan_compute: similarity matrices and diversity sequences of embeddings, on any device that
 * speaks Vulkan 1.2, exactly.
 *
 * This header is the manual. It compiles as C99 and as C++.
 *
 * In five calls:
 *
 *     VkComputeContext* ctx = vkc_init();
 *     if (!ctx) { fputs(vkc_last_error(), stderr); return 1; }
 *     vkc_upload_embeddings(ctx, embeddings, n, d);            // n x d float32, row-major
 *     vkc_compute_diversity_sequence(ctx, start, sequence);    // n item ids
 *     vkc_destroy(ctx);
 *
 * What is computed (the definition, version VKC_DEFINITION_VERSION)
 *
 *   Input: n embeddings of dimension d. An item's id is its row number, from 0.
 *   1. Optional centring: the mean row is subtracted, in float64.
 *   2. norm_i: the float64 Euclidean norm. A zero row has the unit vector 0.
 *   3. Unit vectors in fixed point: q_ik = llrint(x_ik / norm_i * 2^30), int32.
 *   4. Cosine similarity in fixed point: C_ij = (sum_k q_ik * q_jk + 2^29) >> 30, the sum exact in
 *      int64, clamped to [-2^30, 2^30]; C_ii = 2^30 for a non-zero row.
 *   5. Similarity matrix: C_ij * 2^-30, rounded once to float32.
 *   6. Diversity sequence from item s: s, then again and again the item not yet chosen with the
 *      smallest A_j = sum over chosen i of ((w_i * C_ij + 2^29) >> 30), lowest id on a tie.
 *      w_i = llrint(norm_i / max_norm * 2^30); where all non-zero norms agree to within 1e-5
 *      (relative), every w_i = 2^30.
 *   7. Nearest neighbours of item i: the items j other than i, the greatest C_ij first, lowest id
 *      on a tie.
 *   8. Nearest items of a query, a vector of dimension d that is not one of the embeddings: where
 *      these were centred, their mean row of point 1 is subtracted from it; points 2 and 3 give its
 *      q, point 4 its C with every item (the sum, clamped, of all items alike); the greatest first,
 *      lowest id on a tie.
 *
 *   The sequence is the walk that always goes to the item farthest, by cosine distance, from the
 *   centroid c of the items already chosen: cos(x_j, c) = sum_i norm_i cos(x_i, x_j) / (m |c|),
 *   and the divisor is the same for every candidate j. All sums are integer, so every device,
 *   driver, batch size and order of work gives the same bytes.
 *
 * Errors
 *
 *   A function that can fail returns a VkcResult: VKC_SUCCESS (0) or a negative code. The message
 *   for the calling thread's latest failure is vkc_last_error(): one line, saying what was wrong
 *   and what to do. Nothing is printed, thrown or aborted. A failed call leaves the context as it
 *   was before; the contents of its output memory are then undefined.
 *   The errors named at a function leave out VKC_ERROR_; "out of memory" is the host's and the
 *   device's. Any call on a context can also return VULKAN, INTERNAL and CONTEXT_BUSY.
 *   Any that computes similarities compares a few of them with the host's, and can also return
 *   WRONG_RESULT. Any that the caller stops (see vkc_set_progress) returns STOPPED.
 *   After VKC_ERROR_DEVICE_LOST the context answers every call with that code: destroy it and make
 *   a new one.
 *
 * Structs
 *
 *   Each struct that is passed begins with struct_size, which the caller sets to the sizeof of the
 *   struct; the macros VKC_..._INIT do that and set the rest to 0. Structs grow in later releases.
 *   The library takes those of every release's header. What an older header lacks is taken as 0 and
 *   never written. What a newer header has beyond must be 0: else the call returns
 *   INVALID_ARGUMENT. So set a struct to zeros first, also one that a call fills in.
 *
 * Threads
 *
 *   Contexts are independent: one thread each needs no locking. A context is for one thread at a
 *   time: a call made while another is in progress on the same context returns
 *   VKC_ERROR_CONTEXT_BUSY and changes nothing. vkc_destroy must not run beside any other call on
 *   its context. Functions without a context may be called from any thread at any time.
 *   Calls that prepare, convert or compare much data start threads of their own for it, at most one
 *   for each processor and 16, which take no signals and end before the call returns.
 *
 * Processes
 *
 *   Vulkan and its drivers are loaded by the first context (or list of devices) and stay loaded,
 *   for those to come, until the process ends. They are looked for and started anew where the
 *   environment, which configures them (VK_DRIVER_FILES and others), is no longer as it was, and
 *   after VKC_ERROR_DEVICE_LOST, VULKAN or WRONG_RESULT. A forked process must leave its parent's
 *   contexts alone; it may make its own if its driver can: best fork before the first.
 *
 * Memory
 *
 *   The library keeps no pointer that it is given: inputs are copied before a call returns, outputs
 *   are the caller's. Strings it returns are its own and must not be freed.
 *   A context keeps what it computes with until the next upload (the similarity matrix's memory
 *   even for that one, where it has as many embeddings), and, where the device's memory is not the
 *   host's, some 32 MiB through which data go to and fro: see vkc_plan_memory.
 *   What a call reads and what it writes must not overlap.
 */
#ifndef VULKAN_COMPUTE_H
#define VULKAN_COMPUTE_H

#if defined(__SIZEOF_POINTER__) && __SIZEOF_POINTER__ < 8
#error "vulkan_compute is for 64-bit programs: build without -m32"
#endif

#include <stdint.h>

#if defined(__GNUC__)
#define VKC_API __attribute__((visibility("default")))
#else
#define VKC_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* The version of this header; the major one is in the library's soname. vkc_version() gives the
 * library's. */
#define VKC_VERSION_MAJOR 0
#define VKC_VERSION_MINOR 2 /* grows with the interface */
#define VKC_VERSION_PATCH 0 /* grows with what only mends */

/* The version of the definition above: results are equal, byte for byte, between libraries of the
 * same definition version. */
#define VKC_DEFINITION_VERSION 1

/* The largest embedding_dim. */
#define VKC_MAX_EMBEDDING_DIM 65536

/* What a call came to. */
typedef enum VkcResult {
  VKC_SUCCESS = 0,                   /* all was done */
  VKC_ERROR_NULL_POINTER = -1,       /* a pointer that is required is NULL */
  VKC_ERROR_INVALID_ARGUMENT = -2,   /* an option or struct_size has no such value */
  VKC_ERROR_EMPTY_EMBEDDINGS = -3,   /* num_embeddings or embedding_dim is 0 */
  VKC_ERROR_NOT_FINITE = -4,         /* an embedding or query holds NaN or infinity */
  VKC_ERROR_ITEM_OUT_OF_RANGE = -5,  /* a start or row is not below num_embeddings */
  VKC_ERROR_INVALID_LENGTH = -6,     /* a sequence length is 0 or above num_embeddings; a number of
                                        neighbours is 0 or above num_embeddings - 1 */
  VKC_ERROR_NO_EMBEDDINGS = -7,      /* computing was asked for before an upload */
  VKC_ERROR_DOES_NOT_FIT = -8,       /* more device memory is needed than there is */
  VKC_ERROR_OUT_OF_HOST_MEMORY = -9, /* the host refused an allocation */
  VKC_ERROR_OUT_OF_DEVICE_MEMORY = -10, /* the device refused an allocation that should fit */
  VKC_ERROR_NO_VULKAN_LOADER = -11,     /* libvulkan cannot be loaded */
  VKC_ERROR_NO_VULKAN_DRIVER = -12,     /* no Vulkan driver, or none with a device */
  VKC_ERROR_NO_SUCH_DEVICE = -13,       /* no device has the index or name asked for */
  VKC_ERROR_DEVICE_UNSUITABLE = -14,    /* the device lacks a required feature */
  VKC_ERROR_DEVICE_LOST = -15,          /* the device stopped working */
  VKC_ERROR_NO_VALIDATION_LAYER = -16,  /* validation was asked for and is not installed */
  VKC_ERROR_VULKAN = -17,               /* another Vulkan call failed */
  VKC_ERROR_CONTEXT_BUSY = -18,         /* another thread is in a call on this context */
  VKC_ERROR_INTERNAL = -19,             /* a defect of this library */
  VKC_ERROR_WRONG_RESULT = -20,         /* the device computed something wrong: its driver fails */
  VKC_ERROR_STOPPED = -21               /* the function given to vkc_set_progress stopped it */
} VkcResult;

/* A device, what has been uploaded to it and what was computed from that. */
typedef struct VkComputeContext VkComputeContext;

/* ---- Version, results, errors ---------------------------------------------------------------- */

/* The library's version: major * 1000000 + minor * 1000 + patch. */
VKC_API uint32_t vkc_version(void);

/* The library's version as text, "major.minor.patch". */
VKC_API const char* vkc_version_string(void);

/* The library's VKC_DEFINITION_VERSION. */
VKC_API uint32_t vkc_definition_version(void);

/* The name of a result, such as "VKC_ERROR_NOT_FINITE"; "VKC_ERROR_UNKNOWN" for any other number.
 */
VKC_API const char* vkc_result_name(VkcResult result);

/* The message of the latest call that failed on this thread, or "". Valid until this thread's next
 * failing call. */
VKC_API const char* vkc_last_error(void);

/* ---- Devices --------------------------------------------------------------------------------- */

/* What a device is: as its driver says. */
typedef enum VkcDeviceType {
  VKC_DEVICE_TYPE_OTHER = 0,          /* none of those below */
  VKC_DEVICE_TYPE_INTEGRATED_GPU = 1, /* a GPU that shares the host's memory */
  VKC_DEVICE_TYPE_DISCRETE_GPU = 2,   /* a GPU with memory of its own */
  VKC_DEVICE_TYPE_VIRTUAL_GPU = 3,    /* a GPU lent to a virtual machine */
  VKC_DEVICE_TYPE_CPU = 4             /* the host itself, such as lavapipe */
} VkcDeviceType;

/* A device, as vkc_list_devices and vkc_get_device_info describe it. Strings end in a null byte. */
typedef struct VkcDeviceInfo {
  uint32_t struct_size; /* set by the caller to sizeof(VkcDeviceInfo) */
  uint32_t index;       /* place in the device list: what VkcOptions.device and VKC_DEVICE take */
  uint32_t type;        /* a VkcDeviceType */
  uint32_t vulkan_version; /* major * 1000000 + minor * 1000 + patch */
  uint32_t subgroup_size;  /* invocations */
  uint32_t usable;         /* 1: has all that is required; 0: see missing */
  uint64_t memory_bytes;   /* size of the largest device-local heap */
  char name[256];          /* such as "llvmpipe (LLVM 15.0.6, 256 bits)" */
  char driver[256];        /* the driver's name and version, as it gives them */
  char missing[256];       /* what the device lacks, comma-separated; "" when usable */
  /* Since 0.2. What tells equal devices apart; indices may change with drivers and environment. */
  char uuid[40];        /* such as "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9"; "" where unknown */
  char pci_address[24]; /* such as "0000:3b:00.0"; "" where it has none or the driver tells none */
} VkcDeviceInfo;

/* Lists the devices of all Vulkan drivers, usable or not, in the order of their indices.
 *
 * Call with devices == NULL to get their number in *count; call again with *count set to the
 * capacity of devices, devices[0].struct_size set and all else 0. At most *count are
 * written, and *count becomes the number written. Elements lie devices[0].struct_size bytes apart,
 * as in the caller's array, whatever size the library's own struct has.
 * Errors: NULL_POINTER, INVALID_ARGUMENT (struct_size), NO_VULKAN_LOADER, NO_VULKAN_DRIVER. */
VKC_API VkcResult vkc_list_devices(VkcDeviceInfo* devices, uint32_t* count);

/* ---- Contexts -------------------------------------------------------------------------------- */

/* How to make a context. Members left 0 or NULL, but for struct_size, stand for the defaults. */
typedef struct VkcOptions {
  uint32_t struct_size; /* set by the caller to sizeof(VkcOptions) */
  uint32_t validation;  /* 1: load the Khronos validation layer: for development, see
                           vulkan_compute_validation.h */
  const char* device;   /* a number: index of the device list; a UUID, which may begin with "GPU-",
                           or a PCI address; else part of a device's name, such as "RTX 4090"; all
                           in any case; NULL or "": the environment variable
                           VKC_DEVICE, read the same way; where that is not set, the first usable
                           discrete GPU, else integrated GPU, else virtual GPU, else CPU */
} VkcOptions;

/* Makes a context with the default options. Returns NULL on failure: see vkc_last_error(). */
VKC_API VkComputeContext* vkc_init(void);

/* Makes a context. options may be NULL for the defaults. *out is the context, to be given to
 * vkc_destroy, or NULL on failure.
 * Errors: NULL_POINTER (out), INVALID_ARGUMENT, NO_VULKAN_LOADER, NO_VULKAN_DRIVER, NO_SUCH_DEVICE,
 * DEVICE_UNSUITABLE (the message names what is missing), NO_VALIDATION_LAYER, out of memory. */
VKC_API VkcResult vkc_create(const VkcOptions* options, VkComputeContext** out);

/* Frees a context and all it holds on the device. NULL is allowed. Of a device that has not
 * answered for five minutes nothing is freed. */
VKC_API void vkc_destroy(VkComputeContext* ctx);

/* Describes the context's device. Errors: NULL_POINTER, INVALID_ARGUMENT (struct_size). */
VKC_API VkcResult vkc_get_device_info(VkComputeContext* ctx, VkcDeviceInfo* info);

/* ---- Progress -------------------------------------------------------------------------------- */

/* What a call is doing. Later releases may add others. */
typedef enum VkcPhase {
  VKC_PHASE_UPLOAD = 0,       /* preparing and uploading embeddings or queries */
  VKC_PHASE_MATRIX = 1,       /* building the similarity matrix that stays on the device */
  VKC_PHASE_SIMILARITIES = 2, /* computing similarities for the caller: rows or pairs */
  VKC_PHASE_WALKS = 3,        /* walking: items chosen in all sequences together */
  VKC_PHASE_NEIGHBORS = 4     /* searching: items or queries */
} VkcPhase;

/* What a caller is told, and how it stops a call: it does where this returns another number than 0.
 *
 * Each phase begins with done == 0 and ends with done == total; done never decreases within it.
 * Units are the phase's own. A phase may come within another, which goes on behind it: walks that
 * build the matrix tell of that, too. user: as given to vkc_set_progress.
 * It runs on the thread that made the call. It must return, not jump or throw, leave the
 * floating-point environment as it is, and not destroy the context; of other calls on the context
 * the answer is CONTEXT_BUSY. */
typedef int32_t (*VkcProgressFunction)(VkcPhase phase, uint64_t done, uint64_t total, void* user);

/* Sets what is called while later calls on this context work: several times a second, on the host's
 * work as on the device's; not while a driver compiles or allocates. NULL: nothing, as at first.
 * Both pointers are kept until they are set anew.
 *
 * A call that is stopped returns STOPPED, half a second later at most. The context, what is
 * uploaded and all that earlier calls computed stay; a stopped upload leaves the earlier one.
 * Output memory is then undefined. Of a similarity matrix that stays on the device, the part that
 * is done stays, too: the next call that needs it goes on there, so that it may be built in pieces.
 * Errors: NULL_POINTER (ctx). */
VKC_API VkcResult vkc_set_progress(VkComputeContext* ctx, VkcProgressFunction function, void* user);

/* ---- Embeddings ------------------------------------------------------------------------------ */

/* How to take embeddings. Members left 0, but for struct_size, stand for the defaults. */
typedef struct VkcUploadOptions {
  uint32_t struct_size; /* set by the caller to sizeof(VkcUploadOptions) */
  uint32_t center;      /* 1: subtract the mean embedding first (default 0) */
} VkcUploadOptions;

/* What is uploaded, as vkc_get_embeddings_info describes it. */
typedef struct VkcEmbeddingsInfo {
  uint32_t struct_size;    /* set by the caller to sizeof(VkcEmbeddingsInfo) */
  uint32_t num_embeddings; /* n; 0 before the first upload */
  uint32_t embedding_dim;  /* d */
  uint32_t centered;       /* 1: the mean embedding was subtracted */
  uint32_t weighted; /* 1: norms differ by more than 1e-5, so the w_i of the definition count */
} VkcEmbeddingsInfo;

/* Uploads embeddings: num_embeddings x embedding_dim float32, row-major, read before the call
 * returns. Replaces what was uploaded before; on failure the earlier embeddings stay.
 * Errors: NULL_POINTER, EMPTY_EMBEDDINGS, NOT_FINITE (the message names row and column),
 * INVALID_ARGUMENT (embedding_dim is above VKC_MAX_EMBEDDING_DIM), DOES_NOT_FIT, out of memory,
 * DEVICE_LOST. */
VKC_API VkcResult vkc_upload_embeddings(VkComputeContext* ctx, const float* embeddings,
                                        uint32_t num_embeddings, uint32_t embedding_dim);

/* The same with options; options may be NULL. Further error: INVALID_ARGUMENT. */
VKC_API VkcResult vkc_upload_embeddings_with(VkComputeContext* ctx, const float* embeddings,
                                             uint32_t num_embeddings, uint32_t embedding_dim,
                                             const VkcUploadOptions* options);

/* Describes what is uploaded. Errors: NULL_POINTER, INVALID_ARGUMENT (struct_size). */
VKC_API VkcResult vkc_get_embeddings_info(VkComputeContext* ctx, VkcEmbeddingsInfo* info);

/* ---- Similarity ------------------------------------------------------------------------------ */

/* Computes the whole similarity matrix into output_matrix: n x n float32, row-major, 4 n^2 bytes.
 * Symmetric; the diagonal is exactly 1 (0 for a zero row).
 * Errors: NULL_POINTER, NO_EMBEDDINGS, DOES_NOT_FIT (needed and available bytes are named), out of
 * memory, DEVICE_LOST. */
VKC_API VkcResult vkc_compute_similarity_matrix(VkComputeContext* ctx, float* output_matrix);

/* Computes rows first to first + count - 1 of the similarity matrix into output: count x n float32,
 * row-major. count may be 0.
 * Errors: as for the matrix, and ITEM_OUT_OF_RANGE. */
VKC_API VkcResult vkc_compute_similarity_rows(VkComputeContext* ctx, uint32_t first, uint32_t count,
                                              float* output);

/* Computes the similarities of arbitrary pairs of items: output[i] is that of first_ids[i] and
 * second_ids[i], C_ij * 2^-30 rounded once, as in the similarity matrix. Each array has count
 * elements; pairs may repeat and may be of an item with itself; count may be 0. They are computed
 * from the embeddings, also where the matrix is there, and take at most 12 MiB of the device's
 * memory for any count. Pass some 100,000 pairs at a time to show progress and to stop between
 * calls.
 * Errors: NULL_POINTER, NO_EMBEDDINGS, ITEM_OUT_OF_RANGE (the message names the element), out of
 * memory, DEVICE_LOST. */
VKC_API VkcResult vkc_compute_pair_similarities(VkComputeContext* ctx, const uint32_t* first_ids,
                                                const uint32_t* second_ids, uint64_t count,
                                                float* output);

/* ---- Diversity sequences --------------------------------------------------------------------- */

/* Computes the diversity sequence from start into output_sequence: n item ids, each once,
 * output_sequence[0] == start.
 *
 * There are two ways to the same sequences, of which each call takes the one that fits and is
 * estimated to be faster. Over the similarity matrix, 4 n^2 bytes of the device's memory: the first
 * call that goes this way builds it. Or by a filter, which leaves few candidates of each step,
 * which are decided by the definition: that takes about 2 n d bytes for unit vectors in float16 (on
 * a CPU 4 n d, in float32), and during the call about 0.7 n for each sequence under way, 8.7 n in
 * the orders `away` and `toward`. The matrix and the unit vectors stay for the calls that follow.
 * Errors: NULL_POINTER, NO_EMBEDDINGS, ITEM_OUT_OF_RANGE, DOES_NOT_FIT, out of memory, DEVICE_LOST.
 */
VKC_API VkcResult vkc_compute_diversity_sequence(VkComputeContext* ctx, uint32_t start,
                                                 uint32_t* output_sequence);

/* Computes the first length items of the sequence from each of count starts, into output:
 * count x length item ids, row-major. Starts may repeat; count may be 0. One call with many starts
 * is much faster than many calls: see vkc_recommended_batch.
 * Errors: as for one sequence, and INVALID_LENGTH (length is 0 or above n). */
VKC_API VkcResult vkc_compute_diversity_sequences(VkComputeContext* ctx, const uint32_t* starts,
                                                  uint32_t count, uint32_t length,
                                                  uint32_t* output);

/* How the next item of a sequence is chosen. In the formulae C_ij is as in point 4 of the
 * definition, s is the start, M_j the greatest C_ij over items i already chosen, and L =
 * llrint(lambda * 2^30). Every order is exact, and of equal items the one with the lowest id is
 * next. Weights (point 6) count in the first only. */
typedef enum VkcOrder {
  /* A varied tour of everything. Point 6 of the definition: the farthest from the centroid of those
   * chosen, known as greedy Max-Sum diversification (or dispersion). */
  VKC_ORDER_CENTROID = 0,
  /* As unlike the start as can be, and unlike one another: the smallest
   *   L * C_sj + (2^30 - L) * M_j,
   * where s counts among the chosen of M_j. lambda 0 is the farthest-first traversal, also known as
   * greedy k-center (Gonzalez 1985) and greedy MaxMin diversification; lambda 1 gives the items
   * least like s, in order. */
  VKC_ORDER_AWAY = 1,
  /* Like the start, but not like one another: the smallest
   *   -L * C_sj + (2^30 - L) * M_j,
   * where s does not count among the chosen of M_j, and M_j is 0 as long as nothing else is chosen.
   * That is maximal marginal relevance (Carbonell and Goldstein 1998); lambda 1 gives the nearest
   * neighbours of s. */
  VKC_ORDER_TOWARD = 2
} VkcOrder;

/* Which sequences to compute. Members left 0, but for struct_size, stand for the defaults. */
typedef struct VkcSequenceOptions {
  uint32_t struct_size; /* set by the caller to sizeof(VkcSequenceOptions) */
  uint32_t order;       /* a VkcOrder */
  float lambda;         /* 0 to 1, how much the start counts; 0 for VKC_ORDER_CENTROID */
  uint32_t planned;     /* how many sequences are wanted in all, where calls go through them in
                           parts: those of this call and of further ones. What suits so many is
                           chosen, with a similarity matrix or without. 0, or fewer than this call's:
                           those of this call. Results are the same */
} VkcSequenceOptions;

/* vkc_compute_diversity_sequences with options; options may be NULL. Further error:
 * INVALID_ARGUMENT (an order that does not exist, a lambda that it does not have). */
VKC_API VkcResult vkc_compute_diversity_sequences_with(VkComputeContext* ctx,
                                                       const uint32_t* starts, uint32_t count,
                                                       uint32_t length,
                                                       const VkcSequenceOptions* options,
                                                       uint32_t* output);

/* Gives in *count how many starts to pass in the next call of vkc_compute_diversity_sequences with
 * this length, so that the call takes about half a second: long enough for speed, short enough to
 * show progress and to stop between calls. At least 1. It follows the speed measured so far: ask
 * before each call.
 * Errors: NULL_POINTER, NO_EMBEDDINGS, INVALID_LENGTH. */
VKC_API VkcResult vkc_recommended_batch(VkComputeContext* ctx, uint32_t length, uint32_t* count);

/* The same for vkc_compute_diversity_sequences_with; options may be NULL. Orders differ in speed.
 * Further error: INVALID_ARGUMENT. */
VKC_API VkcResult vkc_recommended_batch_with(VkComputeContext* ctx, uint32_t length,
                                             const VkcSequenceOptions* options, uint32_t* count);

/* ---- Nearest neighbours ---------------------------------------------------------------------- */

/* Finds for every item the k most similar others, the most similar first, the lowest id first among
 * those equally similar: by the exact C_ij of the definition, of which float32 similarities can
 * hide differences. The item itself is not among them; duplicates of it are.
 *
 * ids: n x k item ids, row-major, row i for item i. similarities: n x k float32, of the same shape,
 * C_ij * 2^-30 rounded once, as in the similarity matrix; or NULL where they are not wanted.
 * k: 1 to n - 1; up to 1,024 are put in order by the device, more by the host. There are two ways
 * to the same results, of which each call takes the one that fits and is estimated to be faster.
 * Rows of the similarity matrix are searched: those of the matrix, where it is there, or where all
 * items are asked for and it takes at most half of the device's memory that is left; it stays. Else
 * blocks of rows are computed, searched and overwritten, in at most 80 MiB of the device's memory
 * unless rows are very long. Or, for k up to 256, a filter in float32, or by cooperative matrices,
 * leaves few candidates of each item, which are decided by the definition: that takes about 2 n d
 * bytes of the device's memory for unit vectors in float16, and at most 230 MiB beside.
 * All that stays. Errors: NULL_POINTER (ctx, ids), NO_EMBEDDINGS, INVALID_LENGTH (k), DOES_NOT_FIT,
 * out of memory, DEVICE_LOST. */
VKC_API VkcResult vkc_compute_nearest_neighbors(VkComputeContext* ctx, uint32_t k, uint32_t* ids,
                                                float* similarities);

/* The same for items first to first + count - 1 only: ids and similarities are count x k. count may
 * be 0. For those who show progress, stop and go on: see vkc_recommended_neighbors_batch.
 * Errors: as for all items, and ITEM_OUT_OF_RANGE. */
VKC_API VkcResult vkc_compute_nearest_neighbors_of(VkComputeContext* ctx, uint32_t first,
                                                   uint32_t count, uint32_t k, uint32_t* ids,
                                                   float* similarities);

/* Finds for each of some queries, vectors that are not among the embeddings, the k most similar
 * items, the most similar first, the lowest id first among those equally similar: point 8 of the
 * definition. Queries are normalised and, with the mean of the embeddings, centred as those are. An
 * item that equals the query is found, too.
 *
 * queries: num_queries x query_dim float32, row-major, read before the call returns; query_dim is
 * that of the embeddings. num_queries may be 0. ids: num_queries x k item ids, row-major, row i for
 * query i. similarities: of the same shape, C * 2^-30 rounded once; or NULL. k: 1 to n. Queries are
 * computed on some at a time: what serves for that, beside the memory of neighbours at most 32 MiB
 * of the device's unless embeddings are very long, stays. To show progress and to stop, pass as
 * many at a time as vkc_recommended_neighbors_batch says. Errors: NULL_POINTER (ctx, queries, ids),
 * NO_EMBEDDINGS, INVALID_ARGUMENT (query_dim), INVALID_LENGTH (k), NOT_FINITE (the message names
 * row and column), DOES_NOT_FIT, out of memory, DEVICE_LOST. */
VKC_API VkcResult vkc_find_nearest(VkComputeContext* ctx, const float* queries,
                                   uint32_t num_queries, uint32_t query_dim, uint32_t k,
                                   uint32_t* ids, float* similarities);

/* Gives in *count how many items to pass in the next call of vkc_compute_nearest_neighbors_of with
 * this k, so that the call takes about half a second; but at least 128 (or n), since fewer take as
 * long. It follows the speed measured so far: ask before each call. Errors: NULL_POINTER,
 * NO_EMBEDDINGS, INVALID_LENGTH (k). */
VKC_API VkcResult vkc_recommended_neighbors_batch(VkComputeContext* ctx, uint32_t k,
                                                  uint32_t* count);

/* ---- Memory ---------------------------------------------------------------------------------- */

/* What is to be computed. */
typedef enum VkcWork {
  VKC_WORK_UPLOAD = 0,     /* nothing: the embeddings are only uploaded */
  VKC_WORK_SIMILARITY = 1, /* count rows of the similarity matrix into the caller's memory */
  VKC_WORK_DIVERSITY = 2,  /* the first length items of the sequences from count starts */
  VKC_WORK_NEIGHBORS = 3   /* the length (k) nearest neighbours of count items */
} VkcWork;

/* How a call gets its results, which are the same either way: what fits is taken, and of that what
 * is estimated to be faster for the whole of what is asked. */
typedef enum VkcWay {
  VKC_WAY_NONE = 0,   /* nothing to choose between: an upload */
  VKC_WAY_MATRIX = 1, /* from the similarity matrix, which stays on the device */
  VKC_WAY_ROWS = 2,   /* from rows of that matrix, computed as they are needed */
  VKC_WAY_FILTER = 3  /* without: fast arithmetic proposes a few candidates, integers decide */
} VkcWay;

/* What vkc_plan_memory is asked. */
typedef struct VkcPlanRequest {
  uint32_t struct_size;    /* set by the caller to sizeof(VkcPlanRequest) */
  uint32_t work;           /* a VkcWork */
  uint32_t num_embeddings; /* n */
  uint32_t embedding_dim;  /* d */
  uint32_t count;          /* of the largest single call; 0: n */
  uint32_t length;         /* items of each sequence, or neighbours of each item; 0: n, or n - 1 */
} VkcPlanRequest;

/* What vkc_plan_memory answers; all memory in bytes. */
typedef struct VkcMemoryPlan {
  uint32_t struct_size;   /* set by the caller to sizeof(VkcMemoryPlan) */
  uint32_t fits;          /* 1: both peaks are within what is available, and the device can address
                             all that it is to hold; 0: a call will fail with DOES_NOT_FIT */
  uint32_t shared_memory; /* 1: the device's memory is the host's (CPUs, integrated GPUs) */
  uint32_t walks_at_once; /* walks under way together in VKC_WORK_DIVERSITY; else 0 */
  uint64_t device_bytes;  /* the most device memory at any moment; where memory is shared, with the
                             buffers that transfers go through */
  uint64_t host_bytes;    /* the most host memory at any moment: the library's own beside what the
                             caller passes in; where memory is shared, device memory included */
  uint64_t available_device_bytes; /* now, as the driver and (where shared) the system tell */
  uint64_t available_host_bytes;   /* now; UINT64_MAX where the system does not tell */
  /* Parts of device_bytes, those that stay first. */
  uint64_t embeddings_bytes; /* in fixed point, with tables */
  uint64_t matrix_bytes;     /* the similarity matrix, or the rows of it that are there at a time */
  uint64_t work_bytes;       /* running sums of walks, keys of neighbours, buffers for transfers */
  /* Since 0.2. */
  uint32_t way;  /* a VkcWay */
  float seconds; /* an estimate of how long the call computes, by which the way is chosen; with the
                    matrix, but without upload and compilation of kernels. From rates of an H100 or
                    of two cores of a CPU: other devices differ by their speed. 0: not estimated
                    (uploads, similarities) */
} VkcMemoryPlan;

/* Says before anything is uploaded or allocated what memory a context takes to upload embeddings of
 * this size and then do this work, whether that fits, which way the work will go, and about how
 * long it will take.
 *
 * The context is taken to be empty: what it holds by now counts as not available. Peaks are upper
 * bounds where they depend on the embeddings or, in VKC_WORK_DIVERSITY, on the order; they leave
 * out what the driver takes for itself and its compiled kernels (tens of MB on a CPU), and nothing
 * else over a few kB. A later call may find less available than there is now: it is refused with
 * the numbers of that moment.
 * Errors: NULL_POINTER, INVALID_ARGUMENT (struct_size, work, embedding_dim), EMPTY_EMBEDDINGS,
 * ITEM_OUT_OF_RANGE (similarity or neighbours: count is above n), INVALID_LENGTH. */
VKC_API VkcResult vkc_plan_memory(VkComputeContext* ctx, const VkcPlanRequest* request,
                                  VkcMemoryPlan* plan);

/* ---- Structs to begin with ------------------------------------------------------------------- */

/* Versions of clang-format differ about such lines. */
/* clang-format off */

/* A VkcDeviceInfo: all 0, but for struct_size. */
#define VKC_DEVICE_INFO_INIT {sizeof(VkcDeviceInfo), 0, 0, 0, 0, 0, 0, "", "", "", "", ""}
/* A VkcOptions: all 0, but for struct_size. */
#define VKC_OPTIONS_INIT {sizeof(VkcOptions), 0, 0}
/* A VkcUploadOptions: all 0, but for struct_size. */
#define VKC_UPLOAD_OPTIONS_INIT {sizeof(VkcUploadOptions), 0}
/* A VkcEmbeddingsInfo: all 0, but for struct_size. */
#define VKC_EMBEDDINGS_INFO_INIT {sizeof(VkcEmbeddingsInfo), 0, 0, 0, 0}
/* A VkcSequenceOptions: all 0, but for struct_size. */
#define VKC_SEQUENCE_OPTIONS_INIT {sizeof(VkcSequenceOptions), 0, 0, 0}
/* A VkcPlanRequest: all 0, but for struct_size. */
#define VKC_PLAN_REQUEST_INIT {sizeof(VkcPlanRequest), 0, 0, 0, 0, 0}
/* A VkcMemoryPlan: all 0, but for struct_size. */
#define VKC_MEMORY_PLAN_INIT {sizeof(VkcMemoryPlan), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
/* clang-format on */

#ifdef __cplusplus
}
#endif

#include "vulkan_compute_validation.h"

#endif /* VULKAN_COMPUTE_H */
