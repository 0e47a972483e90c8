// What the library does where the host refuses it memory: each allocation that it makes fails once.
#include <gtest/gtest.h>
#include <link.h>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <vector>

#include "checks.hpp"
#include "generators.hpp"

namespace {

// Where the library's code lies in memory.
struct Code {
  uintptr_t begin = 0;
  uintptr_t end = 0;
};

Code code_of_library() {
  Code code;
  dl_iterate_phdr(
      [](dl_phdr_info* info, size_t /*size*/, void* data) {
        if (std::strstr(info->dlpi_name, "libvulkan_compute") == nullptr) return 0;
        for (int i = 0; i < info->dlpi_phnum; ++i) {
          const ElfW(Phdr)& segment = info->dlpi_phdr[i];
          if (segment.p_type != PT_LOAD || (segment.p_flags & PF_X) == 0) continue;
          auto* found = static_cast<Code*>(data);
          found->begin = info->dlpi_addr + segment.p_vaddr;
          found->end = found->begin + segment.p_memsz;
        }
        return 1;
      },
      &code);
  return code;
}

// The number of the library's allocation that fails, counted down; none where it is 0.
std::atomic<int64_t> until_failure = 0;

bool is_to_fail(const void* caller) {
  static const Code library = code_of_library();
  const auto address = reinterpret_cast<uintptr_t>(caller);
  if (until_failure == 0 || address < library.begin || address >= library.end) return false;
  return --until_failure == 0;
}

void* allocate(size_t size, const void* caller) {
  void* memory = is_to_fail(caller) ? nullptr : std::malloc(size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

// In place of the standard library's, for the whole process; only the library is ever refused.
void* operator new(size_t size) { return allocate(size, __builtin_return_address(0)); }
void* operator new[](size_t size) { return allocate(size, __builtin_return_address(0)); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t /*size*/) noexcept { std::free(memory); }
void operator delete[](void* memory, size_t /*size*/) noexcept { std::free(memory); }

namespace {

using checks::failed;

// Makes call, which returns a VkcResult, with its first, second, ... allocation failing, until it
// needs no more of them; and calls check after each failure. Returns the number of failures.
template <typename Call, typename Check>
int64_t fail_each_allocation(const Call& call, const Check& check) {
  for (int64_t k = 1;; ++k) {
    until_failure = k;
    const VkcResult result = call();
    const bool was_refused = until_failure == 0;
    until_failure = 0;
    if (!was_refused) {
      EXPECT_TRUE(checks::succeeded(result));
      std::printf("%lld allocations were refused, each once\n", static_cast<long long>(k - 1));
      return k - 1;
    }
    EXPECT_TRUE(failed(result, VKC_ERROR_OUT_OF_HOST_MEMORY, {"memory"})) << "allocation " << k;
    check();
    if (testing::Test::HasFailure()) return k;
  }
}

TEST(HostMemory, CreatingAContext) {
  checks::Context ctx;
  const auto create = [&] {
    const VkcOptions options{.struct_size = sizeof(VkcOptions), .validation = 1, .device = nullptr};
    VkComputeContext* made = nullptr;
    const VkcResult result = vkc_create(&options, &made);
    EXPECT_EQ(made == nullptr, result != VKC_SUCCESS);
    ctx.reset(made);
    return result;
  };
  EXPECT_GT(fail_each_allocation(create, [] {}), 0);
  checks::expect_as_reference(ctx.get(), generators::unequal_norms(65, 7, 1));
}

TEST(HostMemory, ListingDevices) {
  uint32_t count = 0;
  EXPECT_GT(fail_each_allocation([&] { return vkc_list_devices(nullptr, &count); }, [] {}), 0);
}

TEST(HostMemory, UploadingAndComputing) {
  const auto small = generators::unequal_norms(33, 5, 2);
  const auto large = generators::unequal_norms(301, 70, 3);
  const reference::Results expected_small(small, false);
  const reference::Results expected_large(large, false);
  const checks::Context owner = checks::make_context();
  VkComputeContext* ctx = owner.get();

  const auto holds_small = [&] {
    EXPECT_EQ(checks::sequence(ctx, 33, 7), expected_small.sequence(7, 33));
    EXPECT_EQ(checks::similarity_matrix(ctx, 33), expected_small.similarity.values);
  };
  checks::upload(ctx, small);
  EXPECT_GT(
      fail_each_allocation([&] { return vkc_upload_embeddings(ctx, large.values.data(), 301, 70); },
                           holds_small),
      0);

  // From here on each attempt begins with an upload, so that nothing is there yet.
  std::vector<float> matrix(size_t{301} * 301);
  const auto upload_large = [&] { checks::upload(ctx, large); };
  upload_large();
  EXPECT_GT(fail_each_allocation([&] { return vkc_compute_similarity_matrix(ctx, matrix.data()); },
                                 upload_large),
            0);
  EXPECT_EQ(matrix, expected_large.similarity.values);

  const std::vector<uint32_t> starts{300, 0, 300, 7};
  std::vector<uint32_t> rows(starts.size() * 301);
  upload_large();
  EXPECT_GT(
      fail_each_allocation(
          [&] { return vkc_compute_diversity_sequences(ctx, starts.data(), 4, 301, rows.data()); },
          upload_large),
      0);
  for (size_t i = 0; i < starts.size(); ++i) {
    EXPECT_TRUE(checks::same_bits<uint32_t>({rows.data() + i * 301, 301},
                                            expected_large.sequence(starts[i], 301), 301));
  }

  // The same without an upload in between: what a failed call leaves is neither taken for finished
  // nor gone on with. Other embeddings, so that the results of these do not lie in memory already.
  const auto other = generators::unequal_norms(301, 70, 4);
  const reference::Results expected_other(other, false);
  checks::upload(ctx, other);
  fail_each_allocation(
      [&] { return vkc_compute_diversity_sequences(ctx, starts.data(), 4, 301, rows.data()); },
      [&] { EXPECT_EQ(checks::sequences(ctx, {17}, 3), expected_other.sequence(17, 3)); });
  for (size_t i = 0; i < starts.size(); ++i) {
    EXPECT_TRUE(checks::same_bits<uint32_t>({rows.data() + i * 301, 301},
                                            expected_other.sequence(starts[i], 301), 301));
  }
}

// All other calls, each right after an upload.
TEST(HostMemory, RowsPairsNeighborsOrdersAndPlans) {
  constexpr uint32_t kItems = 301;
  constexpr uint32_t kLength = 20;
  const auto data = generators::unequal_norms(kItems, 70, 5);
  const reference::Results expected(data, false);
  const reference::Neighbors neighbors(data, false);
  const checks::Context owner = checks::make_context();
  VkComputeContext* ctx = owner.get();
  const auto upload = [&] { checks::upload(ctx, data); };
  const auto each_fails = [&](const auto& call) {
    upload();
    EXPECT_GT(fail_each_allocation(call, upload), 0);
  };

  std::vector<float> rows(size_t{3} * kItems);
  each_fails([&] { return vkc_compute_similarity_rows(ctx, 100, 3, rows.data()); });
  const float* from = expected.similarity.row(100);
  EXPECT_TRUE(std::equal(rows.begin(), rows.end(), from));

  const std::vector<uint32_t> first{100, 101, 102};
  const std::vector<uint32_t> second{0, 101, 300};
  std::vector<float> pairs(first.size());
  each_fails([&] {
    return vkc_compute_pair_similarities(ctx, first.data(), second.data(), 3, pairs.data());
  });
  for (size_t i = 0; i < pairs.size(); ++i) {
    EXPECT_EQ(pairs[i], expected.similarity.row(first[i])[second[i]]);
  }

  std::vector<uint32_t> ids(size_t{kItems} * kLength);
  each_fails([&] { return vkc_compute_nearest_neighbors(ctx, kLength, ids.data(), nullptr); });
  for (uint32_t i = 0; i < kItems; ++i) {
    EXPECT_TRUE(std::equal(ids.begin() + i * kLength, ids.begin() + (i + 1) * kLength,
                           neighbors.of[i].begin()));
  }

  // By the definition, `toward` of lambda 1 is the start and then its neighbours.
  VkcSequenceOptions options = VKC_SEQUENCE_OPTIONS_INIT;
  options.order = VKC_ORDER_TOWARD;
  options.lambda = 1;
  std::vector<uint32_t> sequences(first.size() * kLength);
  each_fails([&] {
    return vkc_compute_diversity_sequences_with(ctx, first.data(), 3, kLength, &options,
                                                sequences.data());
  });
  for (size_t i = 0; i < first.size(); ++i) {
    const uint32_t* sequence = sequences.data() + i * kLength;
    EXPECT_EQ(sequence[0], first[i]);
    EXPECT_TRUE(std::equal(sequence + 1, sequence + kLength, neighbors.of[first[i]].begin()));
  }

  VkcPlanRequest request = VKC_PLAN_REQUEST_INIT;
  request.num_embeddings = kItems;
  request.embedding_dim = 70;
  request.work = VKC_WORK_NEIGHBORS;
  VkcMemoryPlan plan = VKC_MEMORY_PLAN_INIT;
  // With some standard libraries all that this needs is allocated within them.
  upload();
  fail_each_allocation([&] { return vkc_plan_memory(ctx, &request, &plan); }, upload);
  EXPECT_EQ(plan.fits, 1U);
}

}  // namespace
