// A small program for tests to run in an environment of their making. Prints the name of the
// result, then the message where there is one, and exits with 0; so any other output or status is a
// defect.
//
//   probe create VALIDATION            makes a context with VkcOptions.validation, 0 or 1
//   probe upload NUMBER DIMENSION      uploads embeddings of this size, of which there is only one
//   probe walk                         also prints the walk from the first of three embeddings
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "vulkan_compute.h"

int main(int argc, char** argv) {
  const std::string command = argc > 1 ? argv[1] : "";
  const auto number = [&](int i) {
    return static_cast<uint32_t>(std::strtoul(argv[i], nullptr, 10));
  };

  VkcOptions options{.struct_size = sizeof(VkcOptions), .validation = 0, .device = nullptr};
  if (command == "create" && argc == 3) {
    options.validation = number(2);
  } else if (!(command == "upload" && argc == 4) && !(command == "walk" && argc == 2)) {
    std::fprintf(stderr, "usage: probe create VALIDATION | upload NUMBER DIMENSION | walk\n");
    return 2;
  }
  VkComputeContext* ctx = nullptr;
  VkcResult result = vkc_create(&options, &ctx);
  if (result == VKC_SUCCESS && command == "upload") {
    const float one = 1;
    result = vkc_upload_embeddings(ctx, &one, number(2), number(3));
  }
  if (result == VKC_SUCCESS && command == "walk") {
    const float embeddings[] = {1, 0, 0, 1, 0.5F, 1};
    uint32_t walk[3] = {};
    result = vkc_upload_embeddings(ctx, embeddings, 3, 2);
    if (result == VKC_SUCCESS) result = vkc_compute_diversity_sequence(ctx, 0, walk);
    if (result == VKC_SUCCESS) std::printf("%u %u %u\n", walk[0], walk[1], walk[2]);
  }
  std::printf("%s\n", vkc_result_name(result));
  if (result != VKC_SUCCESS) std::printf("%s\n", vkc_last_error());
  vkc_destroy(ctx);
  return 0;
}
