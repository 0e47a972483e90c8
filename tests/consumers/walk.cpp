// A C++ program that finds an installed library by find_package.
#include <vulkan_compute.h>

#include <array>
#include <cstdint>
#include <iostream>
#include <memory>

int main() {
  const std::array<float, 12> embeddings = {1, 0, 0.1F, 0.9F, 0.1F, 0, -1, 0.2F, 0, 0, 0, -1};
  std::array<std::uint32_t, 4> sequence{};
  const std::unique_ptr<VkComputeContext, decltype(&vkc_destroy)> ctx(vkc_init(), vkc_destroy);
  if (!ctx || vkc_upload_embeddings(ctx.get(), embeddings.data(), 4, 3) != VKC_SUCCESS ||
      vkc_compute_diversity_sequence(ctx.get(), 0, sequence.data()) != VKC_SUCCESS) {
    std::cerr << vkc_last_error() << '\n';
    return 1;
  }
  for (const auto id : sequence) std::cout << id << ' ';
  std::cout << vkc_version_string() << '\n';
}
