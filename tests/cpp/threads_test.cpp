// Contexts and threads: one context to each of two threads, which work as if alone; one context in
// two threads at once, of which one is refused and told so; and a process forked from one that has
// used the library.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "checks.hpp"
#include "generators.hpp"

namespace {

using checks::failed;
using checks::make_context;
using checks::same_bits;
using checks::succeeded;
using reference::Embeddings;

constexpr bool kCenter = true;

// What a context must answer while it holds certain embeddings.
struct Expected {
  Expected(const Embeddings& given, bool center, uint32_t k)
      : embeddings(given),
        results(given, center),
        neighbors(reference::Neighbors(given, center).lists(0, given.n, k)) {}

  Embeddings embeddings;
  reference::Results results;
  reference::NeighborLists neighbors;
};

// ---- A context to each thread
// -------------------------------------------------------------------

void expect_all(VkComputeContext* ctx, const Embeddings& embeddings, bool center) {
  checks::expect_as_reference(ctx, embeddings, center);
  const uint32_t n = embeddings.n;
  const uint32_t k = n - 1;
  const Expected expected(embeddings, center, k);
  std::vector<uint32_t> ids(size_t{n} * k);
  std::vector<float> similarities(size_t{n} * k);
  EXPECT_TRUE(succeeded(vkc_compute_nearest_neighbors(ctx, k, ids.data(), similarities.data())));
  EXPECT_TRUE(same_bits<uint32_t>(ids, expected.neighbors.ids, k));
  EXPECT_TRUE(same_bits<float>(similarities, expected.neighbors.similarities, k));
}

TEST(Threads, ContextsMadeUsedAndDestroyedInTwo) {
  // GoogleTest's expectations may be used in any thread.
  const auto work = [](uint64_t seed) {
    for (uint32_t round = 0; round < 4; ++round) {
      const checks::Context ctx = make_context();
      for (const uint32_t n : {2U, 65U, 131U}) {
        expect_all(ctx.get(), generators::unequal_norms(n, 9, seed + n), round % 2 == 1);
      }
      EXPECT_FALSE(checks::devices().empty());
    }
  };
  std::thread other(work, 1);
  work(2);
  other.join();
}

TEST(Threads, ContextsKeptInTwo) {
  const auto work = [](uint64_t seed) {
    const checks::Context ctx = make_context();
    for (uint32_t round = 0; round < 20; ++round) {
      expect_all(ctx.get(), generators::unequal_norms(33 + round, 5, seed + round), round % 2 == 1);
    }
  };
  std::thread other(work, 100);
  work(200);
  other.join();
}

// A context need not stay in the thread that made it.
TEST(Threads, ContextHandedOver) {
  const auto embeddings = generators::unequal_norms(67, 9, 5);
  checks::Context ctx;
  std::thread([&] {
    ctx = make_context();
    checks::upload(ctx.get(), embeddings);
  }).join();
  std::thread([&] { expect_all(ctx.get(), embeddings, false); }).join();
  expect_all(ctx.get(), embeddings, kCenter);
  std::thread([&] { ctx.reset(); }).join();
}

// ---- One context in two threads
// -----------------------------------------------------------------

// Every call on a context, made by two threads at once while the embeddings change, n x d staying
// as they are. A call is refused or right: for the embeddings of before or those of after.
class OneContext : public testing::Test {
 protected:
  static constexpr uint32_t kN = 301;
  static constexpr uint32_t kD = 7;
  static constexpr uint32_t kK = 5;
  static constexpr uint32_t kCapacity = kN * kN;

  // Where a thread's results go.
  struct Output {
    std::vector<uint32_t> items = std::vector<uint32_t>(kCapacity);
    std::vector<float> floats = std::vector<float>(kCapacity);
    VkcEmbeddingsInfo info{sizeof(VkcEmbeddingsInfo), 0, 0, 0, 0};
    VkcDeviceInfo device{};
    VkcMemoryPlan plan{};
    uint32_t number = 0;
    uint32_t uploads = 0;  // this thread's
  };

  struct Call {
    const char* name;
    std::function<VkcResult(VkComputeContext*, Output&)> make;
    std::function<bool(const Output&, const Expected&)> right;
  };

  template <typename T>
  static bool begins_with(const std::vector<T>& actual, const std::vector<T>& expected) {
    return same_bits<T>({actual.data(), expected.size()}, expected, 1);
  }

  static uint32_t weighted(const Expected& expected) { return expected.results.weighted ? 1 : 0; }

  static bool row_300_is_right(const std::vector<float>& row, const Expected& expected) {
    return same_bits<float>({row.data(), kN}, {expected.results.similarity.row(300), kN}, kN);
  }

  static std::vector<uint32_t> walks(const Expected& expected, uint32_t length) {
    std::vector<uint32_t> rows;
    for (const uint32_t start : kStarts) {
      const auto row = expected.results.sequence(start, length);
      rows.insert(rows.end(), row.begin(), row.end());
    }
    return rows;
  }

  static constexpr std::array<uint32_t, 8> kStarts{0, 300, 5, 5, 17, 150, 299, 1};

  const std::array<Expected, 2> expected_{Expected(generators::unequal_norms(kN, kD, 3), false, kK),
                                          Expected(generators::unit_norms(kN, kD, 4), false, kK)};

  const std::vector<Call> calls_{
      {"upload",
       [this](VkComputeContext* ctx, Output& out) {
         const Embeddings& next = expected_[++out.uploads % 2].embeddings;
         return vkc_upload_embeddings(ctx, next.values.data(), next.n, next.d);
       },
       [](const Output&, const Expected&) { return true; }},
      {"refused upload",
       [](VkComputeContext* ctx, Output&) {
         const float value = 1;
         const VkcResult result = vkc_upload_embeddings(ctx, &value, 0, 1);
         return result == VKC_ERROR_EMPTY_EMBEDDINGS ? VKC_SUCCESS : result;
       },
       [](const Output&, const Expected&) { return true; }},
      {"embeddings_info",
       [](VkComputeContext* ctx, Output& out) { return vkc_get_embeddings_info(ctx, &out.info); },
       [](const Output& out, const Expected& expected) {
         return out.info.num_embeddings == kN && out.info.weighted == weighted(expected);
       }},
      {"device_info",
       [](VkComputeContext* ctx, Output& out) {
         out.device.struct_size = sizeof out.device;
         return vkc_get_device_info(ctx, &out.device);
       },
       [](const Output& out, const Expected&) { return out.device.usable == 1; }},
      {"plan",
       [](VkComputeContext* ctx, Output& out) {
         VkcPlanRequest request{};
         request.struct_size = sizeof request;
         request.work = VKC_WORK_DIVERSITY;
         request.num_embeddings = kN;
         request.embedding_dim = kD;
         out.plan.struct_size = sizeof out.plan;
         return vkc_plan_memory(ctx, &request, &out.plan);
       },
       [](const Output& out, const Expected&) {
         return out.plan.fits == 1 && out.plan.matrix_bytes >= sizeof(int32_t) * kN * kN;
       }},
      {"matrix",
       [](VkComputeContext* ctx, Output& out) {
         return vkc_compute_similarity_matrix(ctx, out.floats.data());
       },
       [](const Output& out, const Expected& expected) {
         return begins_with(out.floats, expected.results.similarity.values);
       }},
      {"rows",
       [](VkComputeContext* ctx, Output& out) {
         return vkc_compute_similarity_rows(ctx, 300, 1, out.floats.data());
       },
       [](const Output& out, const Expected& expected) {
         return row_300_is_right(out.floats, expected);
       }},
      {"sequence",
       [](VkComputeContext* ctx, Output& out) {
         return vkc_compute_diversity_sequence(ctx, 17, out.items.data());
       },
       [](const Output& out, const Expected& expected) {
         return begins_with(out.items, expected.results.sequence(17, kN));
       }},
      {"sequences",
       [](VkComputeContext* ctx, Output& out) {
         return vkc_compute_diversity_sequences(ctx, kStarts.data(), kStarts.size(), 40,
                                                out.items.data());
       },
       [](const Output& out, const Expected& expected) {
         return begins_with(out.items, walks(expected, 40));
       }},
      {"recommended_batch",
       [](VkComputeContext* ctx, Output& out) {
         return vkc_recommended_batch(ctx, 40, &out.number);
       },
       [](const Output& out, const Expected&) { return out.number >= 1; }},
      {"neighbors",
       [](VkComputeContext* ctx, Output& out) {
         return vkc_compute_nearest_neighbors(ctx, kK, out.items.data(), out.floats.data());
       },
       [](const Output& out, const Expected& expected) {
         return begins_with(out.items, expected.neighbors.ids) &&
                begins_with(out.floats, expected.neighbors.similarities);
       }},
      {"recommended_neighbors_batch",
       [](VkComputeContext* ctx, Output& out) {
         return vkc_recommended_neighbors_batch(ctx, kK, &out.number);
       },
       [](const Output& out, const Expected&) { return out.number >= 1; }},
  };
};

TEST_F(OneContext, InTwoThreads) {
  constexpr int kRounds = 30;
  const checks::Context ctx = make_context();
  checks::upload(ctx.get(), expected_[0].embeddings);
  // Threads on a busy machine may long miss one another: they go on until they have met.
  const auto patience = std::chrono::steady_clock::now() + std::chrono::minutes(3);
  const auto impatient = [&] { return std::chrono::steady_clock::now() > patience; };
  std::atomic<int> refused = 0;
  // Makes a call until it is not refused.
  const auto insist = [&](const Call& call, Output& out) {
    VkcResult result = call.make(ctx.get(), out);
    while (result == VKC_ERROR_CONTEXT_BUSY && !impatient()) {
      ++refused;
      EXPECT_TRUE(failed(result, VKC_ERROR_CONTEXT_BUSY, {"thread"})) << call.name;
      std::this_thread::sleep_for(std::chrono::microseconds(20));
      result = call.make(ctx.get(), out);
    }
    ASSERT_TRUE(succeeded(result)) << call.name;
    EXPECT_TRUE(call.right(out, expected_[0]) || call.right(out, expected_[1])) << call.name;
    // The other thread is to have its turn.
    std::this_thread::sleep_for(std::chrono::microseconds(100));
  };
  const auto work = [&](std::size_t first_call) {
    Output out;
    for (int round = 0; (round < kRounds || refused == 0) && !impatient(); ++round) {
      for (std::size_t i = 0; i < calls_.size(); ++i) {
        insist(calls_[(first_call + i) % calls_.size()], out);
      }
    }
  };
  std::thread other(work, 0);
  work(calls_.size() / 2);
  other.join();
  EXPECT_FALSE(impatient());
  EXPECT_GT(refused, 0);
  expect_all(ctx.get(), expected_[1].embeddings, kCenter);
}

// ---- Forked processes
// ---------------------------------------------------------------------------

// A process whose parent has destroyed its contexts makes its own, although the parent's driver,
// but none of its threads, came along.
TEST(Fork, AfterUse) {
  expect_all(make_context().get(), generators::unequal_norms(67, 9, 6), false);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    alarm(60);  // ends a process that waits for what is not there
    expect_all(make_context().get(), generators::unequal_norms(67, 9, 7), kCenter);
    _exit(testing::Test::HasFailure() ? 1 : 0);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status)) << "ended by signal " << WTERMSIG(status);
  EXPECT_EQ(WEXITSTATUS(status), 0);
  expect_all(make_context().get(), generators::unequal_norms(67, 9, 8), false);
}

}  // namespace
