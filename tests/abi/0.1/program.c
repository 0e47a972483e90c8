/* A C99 program that uses every part of the API. Prints what went wrong and exits with 1, or says
 * nothing and exits with 0. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vulkan_compute.h"

#define REQUIRE(condition)                                                          \
  do {                                                                              \
    if (!(condition)) {                                                             \
      fprintf(stderr, "line %d: %s: %s\n", __LINE__, #condition, vkc_last_error()); \
      exit(1);                                                                      \
    }                                                                               \
  } while (0)

/* At 0, 10, 90 and 180 degrees. */
static const float points[4][2] = {{1, 0}, {0.98480775f, 0.17364818f}, {0, 1}, {-1, 0}};

static void versions_and_results(void) {
  REQUIRE(vkc_version() >=
          VKC_VERSION_MAJOR * 1000000 + VKC_VERSION_MINOR * 1000 + VKC_VERSION_PATCH);
  REQUIRE(strlen(vkc_version_string()) >= 5);
  REQUIRE(vkc_definition_version() == VKC_DEFINITION_VERSION);
  REQUIRE(strcmp(vkc_result_name(VKC_ERROR_NOT_FINITE), "VKC_ERROR_NOT_FINITE") == 0);
  REQUIRE(strcmp(vkc_last_error(), "") == 0);
}

static void devices(void) {
  uint32_t count = 0;
  VkcDeviceInfo* infos;
  REQUIRE(vkc_list_devices(NULL, &count) == VKC_SUCCESS);
  REQUIRE(count > 0);
  infos = calloc(count, sizeof *infos);
  REQUIRE(infos != NULL);
  infos[0].struct_size = sizeof *infos;
  REQUIRE(vkc_list_devices(infos, &count) == VKC_SUCCESS);
  REQUIRE(infos[0].name[0] != '\0');
  free(infos);
}

static void compute(VkComputeContext* ctx) {
  static const uint32_t expected[4] = {0, 3, 1, 2};
  static const uint32_t starts[2] = {2, 3};
  static const uint32_t nearest[8] = {1, 2, 0, 2, 1, 0, 2, 1};
  VkcDeviceInfo device = {0};
  VkcEmbeddingsInfo info = {0};
  VkcUploadOptions options = {0};
  float matrix[16];
  float row[4];
  uint32_t sequence[4];
  uint32_t pairs[4];
  uint32_t neighbors[8];
  float similarities[8];
  uint32_t count = 0;

  device.struct_size = sizeof device;
  REQUIRE(vkc_get_device_info(ctx, &device) == VKC_SUCCESS);
  REQUIRE(device.usable == 1);

  REQUIRE(vkc_upload_embeddings(ctx, &points[0][0], 4, 2) == VKC_SUCCESS);
  info.struct_size = sizeof info;
  REQUIRE(vkc_get_embeddings_info(ctx, &info) == VKC_SUCCESS);
  REQUIRE(info.num_embeddings == 4 && info.embedding_dim == 2);
  REQUIRE(info.centered == 0 && info.weighted == 0);

  REQUIRE(vkc_compute_similarity_matrix(ctx, matrix) == VKC_SUCCESS);
  REQUIRE(matrix[0] == 1 && matrix[2] == 0 && matrix[3] == -1);
  REQUIRE(vkc_compute_similarity_rows(ctx, 3, 1, row) == VKC_SUCCESS);
  REQUIRE(memcmp(row, matrix + 12, sizeof row) == 0);

  REQUIRE(vkc_compute_diversity_sequence(ctx, 0, sequence) == VKC_SUCCESS);
  REQUIRE(memcmp(sequence, expected, sizeof expected) == 0);
  REQUIRE(vkc_recommended_batch(ctx, 2, &count) == VKC_SUCCESS);
  REQUIRE(count >= 1);
  REQUIRE(vkc_compute_diversity_sequences(ctx, starts, 2, 2, pairs) == VKC_SUCCESS);
  REQUIRE(pairs[0] == 2 && pairs[1] == 0 && pairs[2] == 3 && pairs[3] == 0);

  REQUIRE(vkc_compute_nearest_neighbors(ctx, 2, neighbors, similarities) == VKC_SUCCESS);
  REQUIRE(memcmp(neighbors, nearest, sizeof nearest) == 0);
  REQUIRE(similarities[0] == matrix[1] && similarities[7] == matrix[13]);
  REQUIRE(vkc_recommended_neighbors_batch(ctx, 1, &count) == VKC_SUCCESS);
  REQUIRE(count == 4);
  REQUIRE(vkc_compute_nearest_neighbors_of(ctx, 2, 2, 1, neighbors, NULL) == VKC_SUCCESS);
  REQUIRE(neighbors[0] == 1 && neighbors[1] == 2);

  REQUIRE(vkc_compute_diversity_sequence(ctx, 4, sequence) == VKC_ERROR_ITEM_OUT_OF_RANGE);
  REQUIRE(strlen(vkc_last_error()) > 0);

  options.struct_size = sizeof options;
  options.center = 1;
  REQUIRE(vkc_upload_embeddings_with(ctx, &points[0][0], 4, 2, &options) == VKC_SUCCESS);
  REQUIRE(vkc_get_embeddings_info(ctx, &info) == VKC_SUCCESS);
  REQUIRE(info.centered == 1 && info.weighted == 1);
}

int main(void) {
  VkcOptions options = {0};
  VkComputeContext* ctx;

  versions_and_results();
  devices();

  ctx = vkc_init();
  REQUIRE(ctx != NULL);
  compute(ctx);
  vkc_destroy(ctx);

  options.struct_size = sizeof options;
  options.validation = 1;
  REQUIRE(vkc_create(&options, &ctx) == VKC_SUCCESS);
  compute(ctx);
  vkc_destroy(ctx);
  if (vkc_validation_message_count() != 0) {
    fprintf(stderr, "validation layer: %s\n", vkc_validation_message(0));
    return 1;
  }
  return 0;
}
