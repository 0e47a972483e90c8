// That plans come true: the buffers and the host memory of a run are what vkc_plan_memory said.
// Linked with the library's objects, since the count of its buffers is not in the C API.
#include <gtest/gtest.h>
#include <malloc.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "api/context.hpp"
#include "checks.hpp"
#include "fault_layer.hpp"
#include "generators.hpp"

namespace {

using checks::failed;
using checks::ScopedEnvironment;
using checks::succeeded;

VkcMemoryPlan plan_of(VkComputeContext* ctx, VkcPlanRequest request) {
  request.struct_size = sizeof(request);
  VkcMemoryPlan plan{};
  plan.struct_size = sizeof(plan);
  EXPECT_TRUE(succeeded(vkc_plan_memory(ctx, &request, &plan)));
  return plan;
}

// Uploads embeddings of the request's size and does its work.
void run(VkComputeContext* ctx, const VkcPlanRequest& request) {
  const uint32_t n = request.num_embeddings;
  checks::upload(ctx, generators::unequal_norms(n, request.embedding_dim, 1));
  const uint32_t count = request.count == 0 ? n : request.count;
  switch (request.work) {
    case VKC_WORK_SIMILARITY: {
      std::vector<float> rows(size_t{count} * n);
      ASSERT_TRUE(succeeded(vkc_compute_similarity_rows(ctx, 0, count, rows.data())));
      break;
    }
    case VKC_WORK_DIVERSITY: {
      const uint32_t length = request.length == 0 ? n : request.length;
      std::vector<uint32_t> starts(count);
      for (uint32_t i = 0; i < count; ++i) starts[i] = i % n;
      std::vector<uint32_t> out(size_t{count} * length);
      ASSERT_TRUE(succeeded(
          vkc_compute_diversity_sequences(ctx, starts.data(), count, length, out.data())));
      break;
    }
    case VKC_WORK_NEIGHBORS: {
      const uint32_t k = request.length == 0 ? n - 1 : request.length;
      std::vector<uint32_t> ids(size_t{count} * k);
      ASSERT_TRUE(
          succeeded(vkc_compute_nearest_neighbors_of(ctx, 0, count, k, ids.data(), nullptr)));
      break;
    }
    default:
      break;
  }
}

void expect_within_a_tenth(uint64_t planned, uint64_t measured, const char* what) {
  EXPECT_LE(static_cast<double>(measured), 1.1 * static_cast<double>(planned)) << what;
  EXPECT_GE(static_cast<double>(measured), 0.9 * static_cast<double>(planned)) << what;
}

struct Device {
  const char* name;
  const char* type;  // NULL: as it is
};

void PrintTo(const Device& device, std::ostream* out) { *out << device.name; }

class Plans : public testing::TestWithParam<Device> {
 private:
  const ScopedEnvironment type_{"VKC_FAULT_DEVICE_TYPE", GetParam().type};

 protected:
  // Compares the buffers of the work, in a new context, with its plan.
  static void expect_planned(const VkcPlanRequest& request) {
    const testing::ScopedTrace trace(__FILE__, __LINE__,
                                     "work " + std::to_string(request.work) + ", n " +
                                         std::to_string(request.num_embeddings) + ", d " +
                                         std::to_string(request.embedding_dim));
    const checks::Context ctx = checks::make_context();
    const VkcMemoryPlan plan = plan_of(ctx.get(), request);
    EXPECT_EQ(plan.fits, 1U);
    EXPECT_EQ(ctx->device().buffer_memory().most.device, 0U);  // a plan takes nothing
    run(ctx.get(), request);
    expect_within_a_tenth(plan.device_bytes, ctx->device().buffer_memory().most.device, "device");
    EXPECT_GE(plan.host_bytes, ctx->device().buffer_memory().most.host);
    EXPECT_EQ(plan.embeddings_bytes + plan.matrix_bytes + plan.work_bytes, plan.device_bytes);
  }
};

TEST_P(Plans, Upload) {
  for (const uint32_t n : {300U, 2000U}) {
    expect_planned({0, VKC_WORK_UPLOAD, n, 768, 0, 0});
    expect_planned({0, VKC_WORK_UPLOAD, n, 65, 0, 0});
  }
}

TEST_P(Plans, Similarity) {
  expect_planned({0, VKC_WORK_SIMILARITY, 2000, 16, 0, 0});
  expect_planned({0, VKC_WORK_SIMILARITY, 2001, 67, 300, 0});
  expect_planned({0, VKC_WORK_SIMILARITY, 257, 512, 1, 0});
}

TEST_P(Plans, Diversity) {
  expect_planned({0, VKC_WORK_DIVERSITY, 2000, 64, 1, 100});
  expect_planned({0, VKC_WORK_DIVERSITY, 1001, 300, 77, 20});
  expect_planned({0, VKC_WORK_DIVERSITY, 600, 64, 0, 0});
  expect_planned({0, VKC_WORK_DIVERSITY, 600, 64, 5000, 3});
}

TEST_P(Plans, Neighbors) {
  expect_planned({0, VKC_WORK_NEIGHBORS, 2000, 64, 0, 10});
  expect_planned({0, VKC_WORK_NEIGHBORS, 700, 300, 0, 0});
  expect_planned({0, VKC_WORK_NEIGHBORS, 700, 300, 65, 1});
}

const std::vector<Device> kDevices{{"AsItIs", nullptr}, {"Discrete", "discrete"}};
INSTANTIATE_TEST_SUITE_P(Devices, Plans, testing::ValuesIn(kDevices),
                         [](const auto& test) { return test.param.name; });

// ---- Host memory --------------------------------------------------------------------------------

uint64_t status_bytes(const std::string& field) {
  std::ifstream file("/proc/self/status");
  for (std::string name; file >> name;
       file.ignore(std::numeric_limits<std::streamsize>::max(), '\n')) {
    uint64_t kibibytes = 0;
    if (name == field && file >> kibibytes) return kibibytes * 1024;
  }
  return 0;
}

// In a process of its own, whose peak is no other test's. Prints the bytes planned, and those taken
// beside what the program itself holds.
[[noreturn]] void measure_host(VkcPlanRequest request) {
  const VkcOptions options{.struct_size = sizeof(VkcOptions), .validation = 0, .device = nullptr};
  VkComputeContext* ctx = nullptr;
  // What the driver takes to compile kernels, for this size, is not the library's.
  if (vkc_create(&options, &ctx) != VKC_SUCCESS) _exit(1);
  run(ctx, request);
  vkc_destroy(ctx);
  if (vkc_create(&options, &ctx) != VKC_SUCCESS) _exit(1);
  const auto embeddings =
      generators::unequal_norms(request.num_embeddings, request.embedding_dim, 1);
  const uint32_t n = request.num_embeddings;
  std::vector<uint32_t> starts(request.count);
  for (uint32_t i = 0; i < request.count; ++i) starts[i] = i;
  std::vector<uint32_t> out(size_t{request.count} * request.length, 1);
  malloc_trim(0);
  std::ofstream("/proc/self/clear_refs") << '5';  // the peak so far is forgotten
  const uint64_t before = status_bytes("VmRSS:");
  const VkcMemoryPlan plan = plan_of(ctx, request);
  bool ok = vkc_upload_embeddings(ctx, embeddings.values.data(), n, embeddings.d) == VKC_SUCCESS;
  if (request.work == VKC_WORK_DIVERSITY) {
    ok = ok && vkc_compute_diversity_sequences(ctx, starts.data(), request.count, request.length,
                                               out.data()) == VKC_SUCCESS;
  }
  std::printf("%d %llu %llu\n", ok ? 1 : 0, static_cast<unsigned long long>(plan.host_bytes),
              static_cast<unsigned long long>(status_bytes("VmHWM:") - before));
  std::fflush(stdout);
  _exit(0);
}

class HostMemory : public testing::Test {
 protected:
  static void expect_planned(const VkcPlanRequest& request) {
    std::array<int, 2> ends{};
    ASSERT_EQ(pipe(ends.data()), 0);
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      dup2(ends[1], STDOUT_FILENO);
      measure_host(request);
    }
    close(ends[1]);
    FILE* output = fdopen(ends[0], "r");
    int ok = 0;
    unsigned long long planned = 0;
    unsigned long long measured = 0;
    const int got = std::fscanf(output, "%d %llu %llu", &ok, &planned, &measured);
    std::fclose(output);
    waitpid(child, nullptr, 0);
    ASSERT_EQ(got, 3);
    ASSERT_EQ(ok, 1);
    RecordProperty("planned_bytes", std::to_string(planned));
    RecordProperty("measured_bytes", std::to_string(measured));
    expect_within_a_tenth(planned, measured, "host");
  }
};

// Before any context of this process: Vulkan does not survive a fork. The file's first tests do.
TEST_F(HostMemory, OfAnUpload) { expect_planned({0, VKC_WORK_UPLOAD, 50000, 768, 1, 1}); }

TEST_F(HostMemory, OfWalks) { expect_planned({0, VKC_WORK_DIVERSITY, 8000, 128, 100, 130}); }

// ---- What is asked wrongly, and what does not fit -----------------------------------------------

// The way is that which the call goes, and the time that by which it is chosen.
TEST(Plan, TellsTheWayAndTheTime) {
  const auto ctx = checks::make_context();
  const auto plan = [&](uint32_t work, uint32_t n, uint32_t count, uint32_t length) {
    return plan_of(ctx.get(), {0, work, n, 64, count, length});
  };
  const auto ways = [&](uint32_t work, const char* variable,
                        const std::vector<std::pair<const char*, VkcWay>>& named) {
    for (const auto& [name, way] : named) {
      const checks::ScopedEnvironment environment(variable, name);
      const VkcMemoryPlan of_one = plan(work, 2000, 1, 10);
      const VkcMemoryPlan of_all = plan(work, 2000, 0, 10);
      EXPECT_EQ(of_all.way, static_cast<uint32_t>(way)) << name;
      EXPECT_EQ(of_all.matrix_bytes > 0,
                of_all.way != VKC_WAY_FILTER || work == VKC_WORK_NEIGHBORS);
      EXPECT_GT(of_one.seconds, 0);
      EXPECT_GT(of_all.seconds, of_one.seconds);
      EXPECT_GT(plan(work, 4000, 0, 10).seconds, of_all.seconds);
    }
  };
  ways(VKC_WORK_DIVERSITY, "VKC_WALKS", {{"matrix", VKC_WAY_MATRIX}, {"filter", VKC_WAY_FILTER}});
  ways(VKC_WORK_NEIGHBORS, "VKC_NEIGHBORS", {{"rows", VKC_WAY_MATRIX}, {"filter", VKC_WAY_FILTER}});
  EXPECT_EQ(plan(VKC_WORK_NEIGHBORS, 2000, 1, 10).way, uint32_t{VKC_WAY_ROWS});
  EXPECT_EQ(plan(VKC_WORK_UPLOAD, 2000, 0, 0).way, uint32_t{VKC_WAY_NONE});
  EXPECT_EQ(plan(VKC_WORK_UPLOAD, 2000, 0, 0).seconds, 0);
  // Twice the walks take about twice as long.
  EXPECT_NEAR(plan(VKC_WORK_DIVERSITY, 2000, 4000, 2000).seconds /
                  plan(VKC_WORK_DIVERSITY, 2000, 2000, 2000).seconds,
              2, 0.5);
}

TEST(Requests, ThatAreWrong) {
  const checks::Context ctx = checks::make_context();
  VkcPlanRequest request{sizeof(VkcPlanRequest), VKC_WORK_DIVERSITY, 100, 10, 0, 0};
  VkcMemoryPlan plan{};
  plan.struct_size = sizeof(plan);
  const auto refused = [&](VkcPlanRequest wrong, VkcResult result, const char* pattern) {
    EXPECT_TRUE(failed(vkc_plan_memory(ctx.get(), &wrong, &plan), result, {pattern}));
  };
  EXPECT_TRUE(succeeded(vkc_plan_memory(ctx.get(), &request, &plan)));
  EXPECT_TRUE(failed(vkc_plan_memory(nullptr, &request, &plan), VKC_ERROR_NULL_POINTER, {"ctx"}));
  EXPECT_TRUE(
      failed(vkc_plan_memory(ctx.get(), nullptr, &plan), VKC_ERROR_NULL_POINTER, {"request"}));
  EXPECT_TRUE(
      failed(vkc_plan_memory(ctx.get(), &request, nullptr), VKC_ERROR_NULL_POINTER, {"plan"}));
  plan.struct_size = 8;
  refused(request, VKC_ERROR_INVALID_ARGUMENT, "VkcMemoryPlan");
  plan.struct_size = sizeof(plan);
  refused({8, VKC_WORK_DIVERSITY, 9, 9, 0, 0}, VKC_ERROR_INVALID_ARGUMENT, "VkcPlanRequest");
  const uint32_t size = sizeof(VkcPlanRequest);
  refused({size, 4, 9, 9, 0, 0}, VKC_ERROR_INVALID_ARGUMENT, "work is 4");
  refused({size, VKC_WORK_UPLOAD, 0, 9, 0, 0}, VKC_ERROR_EMPTY_EMBEDDINGS, "num_embeddings");
  refused({size, VKC_WORK_UPLOAD, 9, 65537, 0, 0}, VKC_ERROR_INVALID_ARGUMENT, "65537");
  refused({size, VKC_WORK_SIMILARITY, 9, 9, 10, 0}, VKC_ERROR_ITEM_OUT_OF_RANGE, "9");
  refused({size, VKC_WORK_DIVERSITY, 9, 9, 0, 10}, VKC_ERROR_INVALID_LENGTH, "10");
  refused({size, VKC_WORK_NEIGHBORS, 9, 9, 0, 9}, VKC_ERROR_INVALID_LENGTH, "9");
  refused({size, VKC_WORK_NEIGHBORS, 1, 9, 0, 0}, VKC_ERROR_INVALID_LENGTH, "no neighbours");
}

TEST(Requests, OfTheLargestSizes) {
  const checks::Context ctx = checks::make_context();
  for (const uint32_t work :
       {VKC_WORK_UPLOAD, VKC_WORK_SIMILARITY, VKC_WORK_DIVERSITY, VKC_WORK_NEIGHBORS}) {
    const VkcMemoryPlan plan = plan_of(ctx.get(), {0, work, UINT32_MAX, 65536, 0, 3});
    EXPECT_EQ(plan.fits, 0U);
    EXPECT_GE(plan.device_bytes, uint64_t{1} << 50);
  }
}

// Its memory is the host's all the same.
TEST(Requests, OfAnIntegratedDeviceThatTheHostReadsUncached) {
  const ScopedEnvironment type("VKC_FAULT_DEVICE_TYPE", "integrated");
  const VkcPlanRequest request{0, VKC_WORK_DIVERSITY, 4000, 64, 0, 0};
  const VkcMemoryPlan cached = plan_of(checks::make_context().get(), request);
  const ScopedEnvironment hide("VKC_FAULT_HIDE", "hostCached");
  const VkcMemoryPlan plan = plan_of(checks::make_context().get(), request);
  EXPECT_EQ(plan.shared_memory, 1U);
  EXPECT_GE(plan.device_bytes, cached.device_bytes);
  EXPECT_GE(plan.host_bytes, plan.device_bytes);
}

// What the plan says and what then happens is the same, to the byte, whether or not the driver
// tells what is used of a heap.
class SmallHeap : public testing::TestWithParam<const char*> {};

INSTANTIATE_TEST_SUITE_P(Hidden, SmallHeap, testing::Values("nothing", "memoryBudget"),
                         [](const auto& tested) { return std::string(tested.param); });

TEST_P(SmallHeap, PlanAndRefusalAgree) {
  constexpr uint64_t kHeap = 32 << 20;
  const ScopedEnvironment hide("VKC_FAULT_HIDE", GetParam());
  const ScopedEnvironment heap("VKC_FAULT_HEAP_BYTES", std::to_string(kHeap).c_str());
  const ScopedEnvironment type("VKC_FAULT_DEVICE_TYPE", "discrete");
  bool any_fits = false;
  bool any_does_not = false;
  for (uint32_t n = 30000; n <= 100000; n += 5000) {
    const checks::Context ctx = checks::make_context();
    const VkcMemoryPlan plan = plan_of(ctx.get(), {0, VKC_WORK_DIVERSITY, n, 64, 1, 3});
    EXPECT_LE(plan.available_device_bytes, kHeap);
    checks::upload(ctx.get(), generators::unequal_norms(n, 64, 1));
    const uint64_t before = ctx->device().buffer_memory().now.device;
    std::array<uint32_t, 3> out{};
    const uint32_t start = 7;
    // Some drivers take more than the buffers ask for, and say so only afterwards.
    const uint64_t left = ctx->device().available_bytes();
    const uint64_t used = plan.available_device_bytes - std::min(left, plan.available_device_bytes);
    const uint64_t beside = used - std::min(used, before);
    const bool fits = plan.fits == 1 && plan.device_bytes + beside <= plan.available_device_bytes;
    const VkcResult result = vkc_compute_diversity_sequences(ctx.get(), &start, 1, 3, out.data());
    if (fits) {
      EXPECT_TRUE(succeeded(result)) << n;
      any_fits = true;
    } else {
      EXPECT_TRUE(
          failed(result, VKC_ERROR_DOES_NOT_FIT, {"need \\d+ bytes", "\\d+ bytes.*available"}))
          << n;
      EXPECT_EQ(ctx->device().buffer_memory().now.device, before);
      any_does_not = true;
    }
  }
  EXPECT_TRUE(any_fits && any_does_not);
}

}  // namespace
