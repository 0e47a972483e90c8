/* A C program that finds an installed library by pkg-config. */
#include <stdio.h>
#include <vulkan_compute.h>

int main(void) {
  const float embeddings[2][2] = {{3, 4}, {4, 3}};
  float matrix[2][2];
  VkComputeContext* ctx = vkc_init();
  if (!ctx || vkc_upload_embeddings(ctx, &embeddings[0][0], 2, 2) != VKC_SUCCESS ||
      vkc_compute_similarity_matrix(ctx, &matrix[0][0]) != VKC_SUCCESS) {
    fprintf(stderr, "%s\n", vkc_last_error());
    vkc_destroy(ctx);
    return 1;
  }
  printf("%.3f %.3f\n", matrix[0][0], matrix[0][1]);
  vkc_destroy(ctx);
  return 0;
}
