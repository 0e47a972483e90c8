/* Writes what the library computes of an array of float32 to files in the current directory.
 * usage: same_bytes ARRAY N D LENGTH K */
#include <stdio.h>
#include <stdlib.h>
#include <vulkan_compute.h>

static void check(VkcResult result) {
  if (result == VKC_SUCCESS) return;
  fprintf(stderr, "%s\n", vkc_last_error());
  exit(1);
}

static void* allocate(size_t count) {
  void* block = malloc(4 * count);
  if (!block) exit(1);
  return block;
}

static void save(const char* name, const void* numbers, size_t count) {
  FILE* file = fopen(name, "wb");
  if (!file || fwrite(numbers, 4, count, file) != count || fclose(file) != 0) exit(1);
}

int main(int argc, char** argv) {
  if (argc != 6) return 2;
  const uint32_t n = (uint32_t)atoi(argv[2]), d = (uint32_t)atoi(argv[3]);
  const uint32_t length = (uint32_t)atoi(argv[4]), k = (uint32_t)atoi(argv[5]);
  float* embeddings = allocate((size_t)n * d);
  FILE* file = fopen(argv[1], "rb");
  if (!file || fread(embeddings, 4, (size_t)n * d, file) != (size_t)n * d) return 1;
  fclose(file);

  VkComputeContext* context = NULL;
  check(vkc_create(NULL, &context));
  VkcUploadOptions options = VKC_UPLOAD_OPTIONS_INIT;
  options.center = 1;
  check(vkc_upload_embeddings_with(context, embeddings, n, d, &options));

  uint32_t* starts = allocate(n);
  for (uint32_t start = 0; start < n; ++start) starts[start] = start;
  uint32_t* sequences = allocate((size_t)n * length);
  check(vkc_compute_diversity_sequences(context, starts, n, length, sequences));
  save("sequences", sequences, (size_t)n * length);
  VkcSequenceOptions order = VKC_SEQUENCE_OPTIONS_INIT;
  order.order = VKC_ORDER_AWAY;
  order.lambda = 0.3F;
  check(vkc_compute_diversity_sequences_with(context, starts, n, length, &order, sequences));
  save("away", sequences, (size_t)n * length);

  uint32_t* ids = allocate((size_t)n * k);
  float* similarities = allocate((size_t)n * k);
  check(vkc_compute_nearest_neighbors(context, k, ids, similarities));
  save("ids", ids, (size_t)n * k);
  save("similarities", similarities, (size_t)n * k);

  float* matrix = allocate((size_t)n * n);
  check(vkc_compute_similarity_matrix(context, matrix));
  save("matrix", matrix, (size_t)n * n);
  vkc_destroy(context);
  free(embeddings);
  free(starts);
  free(sequences);
  free(ids);
  free(similarities);
  free(matrix);
  return 0;
}
