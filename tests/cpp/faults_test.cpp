// What the library does on devices that lack something, run out of memory or stop working; played
// by the layer in fault_layer.cpp.
#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <ostream>
#include <string>
#include <vector>

#include "checks.hpp"
#include "fault_layer.hpp"
#include "generators.hpp"

namespace {

using checks::failed;
using checks::ScopedEnvironment;
using checks::succeeded;

// Makes a context, or says why not.
VkcResult create(checks::Context* made) {
  const VkcOptions options{.struct_size = sizeof(VkcOptions), .validation = 1, .device = nullptr};
  VkComputeContext* ctx = nullptr;
  const VkcResult result = vkc_create(&options, &ctx);
  EXPECT_EQ(ctx == nullptr, result != VKC_SUCCESS);
  made->reset(ctx);
  return result;
}

void expect_new_context_works() {
  const checks::Context ctx = checks::make_context();
  checks::expect_as_reference(ctx.get(), generators::unequal_norms(67, 9, 1));
}

// The tests of this file see the validation layer, and see it complain: that none of them fails for
// its messages means that there were none.
TEST(Validation, MessagesAreCounted) {
  const uint32_t before = vkc_validation_message_count();
  const ScopedEnvironment misuse("VKC_FAULT_MISUSE", "1");
  checks::make_context();
  const uint32_t count = vkc_validation_message_count();
  ASSERT_GT(count, before);
  EXPECT_NE(std::string(vkc_validation_message(before)).find("vkCreateBuffer"), std::string::npos)
      << vkc_validation_message(before);
  EXPECT_EQ(vkc_validation_message(count), nullptr);
  checks::expect_validation_messages_so_far();
}

struct Missing {
  const char* what;     // as the layer takes it
  const char* pattern;  // as the message must say it
};

void PrintTo(const Missing& missing, std::ostream* out) { *out << missing.what; }

class Unsuitable : public testing::TestWithParam<Missing> {};

TEST_P(Unsuitable, IsSaid) {
  const auto devices_before = checks::devices();
  uint32_t chosen_index = 0;
  {
    const checks::Context ctx = checks::make_context();
    VkcDeviceInfo info{};
    info.struct_size = sizeof info;
    ASSERT_TRUE(succeeded(vkc_get_device_info(ctx.get(), &info)));
    chosen_index = info.index;
  }
  {
    const ScopedEnvironment hide("VKC_FAULT_HIDE", GetParam().what);
    checks::Context ctx;
    const char* pattern = GetParam().pattern;
    // Whether the device was asked for or found.
    EXPECT_TRUE(failed(create(&ctx), VKC_ERROR_DEVICE_UNSUITABLE, {pattern}));
    const ScopedEnvironment device("VKC_DEVICE", std::to_string(chosen_index).c_str());
    EXPECT_TRUE(failed(create(&ctx), VKC_ERROR_DEVICE_UNSUITABLE, {pattern}));
    const auto devices = checks::devices();
    ASSERT_EQ(devices.size(), devices_before.size());
    for (const VkcDeviceInfo& listed : devices) {
      EXPECT_EQ(listed.usable, 0U);
      EXPECT_TRUE(checks::is_message(listed.missing, {pattern}));
    }
  }
  expect_new_context_works();
}

INSTANTIATE_TEST_SUITE_P(
    Features, Unsuitable,
    testing::Values(Missing{"shaderInt64", "shaderInt64"},
                    Missing{"bufferDeviceAddress", "bufferDeviceAddress"},
                    Missing{"subgroupArithmetic", "subgroup.*arithmetic|arithmetic.*subgroup"},
                    Missing{"subgroupBallot", "subgroup.*ballot|ballot.*subgroup"},
                    Missing{"subgroupSize", "subgroups of 4"}, Missing{"vulkan12", "Vulkan 1\\.2"}),
    [](const auto& test) { return test.param.what; });

TEST(NoDevices, IsAsNoDriver) {
  const ScopedEnvironment hide("VKC_FAULT_HIDE", "devices");
  checks::Context ctx;
  EXPECT_TRUE(failed(create(&ctx), VKC_ERROR_NO_VULKAN_DRIVER, {"driver|device"}));
  uint32_t count = 0;
  EXPECT_TRUE(
      failed(vkc_list_devices(nullptr, &count), VKC_ERROR_NO_VULKAN_DRIVER, {"driver|device"}));
}

// ---- Devices that stop working
// -------------------------------------------------------------------

testing::AssertionResult lost(VkcResult result) {
  return failed(result, VKC_ERROR_DEVICE_LOST, {"device", "vkc_destroy|destroy|new"});
}

void expect_every_call_says_lost(VkComputeContext* ctx) {
  std::vector<float> floats(size_t{67} * 67);
  std::vector<uint32_t> items(67);
  const std::vector<float> values(size_t{67} * 9, 1.0F);
  const uint32_t start = 0;
  uint32_t count = 0;
  VkcDeviceInfo device{};
  device.struct_size = sizeof device;
  VkcEmbeddingsInfo info{};
  info.struct_size = sizeof info;
  EXPECT_TRUE(lost(vkc_get_device_info(ctx, &device)));
  EXPECT_TRUE(lost(vkc_upload_embeddings(ctx, values.data(), 67, 9)));
  EXPECT_TRUE(lost(vkc_upload_embeddings_with(ctx, values.data(), 67, 9, nullptr)));
  EXPECT_TRUE(lost(vkc_get_embeddings_info(ctx, &info)));
  EXPECT_TRUE(lost(vkc_compute_similarity_matrix(ctx, floats.data())));
  EXPECT_TRUE(lost(vkc_compute_similarity_rows(ctx, 0, 1, floats.data())));
  EXPECT_TRUE(lost(vkc_compute_diversity_sequence(ctx, 0, items.data())));
  EXPECT_TRUE(lost(vkc_compute_diversity_sequences(ctx, &start, 1, 1, items.data())));
  EXPECT_TRUE(lost(vkc_recommended_batch(ctx, 1, &count)));
}

// Loses the device at the first, second, ... submission or wait, until none is left to fail at.
void lose_at_each(const char* variable) {
  const auto embeddings = generators::unequal_norms(67, 9, 2);
  const std::vector<uint32_t> starts{0, 66, 5};
  uint32_t losses = 0;
  for (;; ++losses) {
    ASSERT_LT(losses, 1000U) << "the device is lost for ever";
    SCOPED_TRACE(std::string(variable) + "=" + std::to_string(losses + 1));
    const ScopedEnvironment fault(variable, std::to_string(losses + 1).c_str());
    std::vector<float> matrix(size_t{67} * 67);
    std::vector<uint32_t> rows(starts.size() * 67);
    checks::Context ctx;
    VkcResult result = create(&ctx);
    const bool created = result == VKC_SUCCESS;
    if (result == VKC_SUCCESS) {
      result = vkc_upload_embeddings(ctx.get(), embeddings.values.data(), 67, 9);
    }
    if (result == VKC_SUCCESS) result = vkc_compute_similarity_matrix(ctx.get(), matrix.data());
    if (result == VKC_SUCCESS) {
      result = vkc_compute_diversity_sequences(ctx.get(), starts.data(), 3, 67, rows.data());
    }
    if (result == VKC_SUCCESS) break;
    ASSERT_TRUE(lost(result));
    if (created) expect_every_call_says_lost(ctx.get());
  }
  // At the least the matrix and the walks are submissions.
  EXPECT_GE(losses, 2U);
  expect_new_context_works();
}

TEST(LostDevice, AtEachSubmission) { lose_at_each("VKC_FAULT_LOSE_AT_SUBMIT"); }

TEST(LostDevice, AtEachWait) { lose_at_each("VKC_FAULT_LOSE_AT_WAIT"); }

// With work that is sent, and comes back, in several pieces: they have at most 16 MiB, and rows
// take 17. More of them would be lost in the same places, and take far longer.
void lose_in_pieces(const char* variable) {
  constexpr uint32_t kN = 2113;
  const auto embeddings = generators::unequal_norms(kN, 3, 11);
  std::vector<float> rows(size_t{kN} * kN);
  std::vector<uint32_t> ids(size_t{kN} * 5);
  uint32_t losses = 0;
  for (;; ++losses) {
    ASSERT_LT(losses, 1000U) << "the device is lost for ever";
    SCOPED_TRACE(std::string(variable) + "=" + std::to_string(losses + 1));
    const ScopedEnvironment fault(variable, std::to_string(losses + 1).c_str());
    checks::Context ctx;
    VkcResult result = create(&ctx);
    if (result == VKC_SUCCESS) {
      result = vkc_upload_embeddings(ctx.get(), embeddings.values.data(), kN, 3);
    }
    if (result == VKC_SUCCESS) {
      result = vkc_compute_similarity_rows(ctx.get(), 1, kN - 2, rows.data());
    }
    if (result == VKC_SUCCESS) {
      result = vkc_compute_nearest_neighbors_of(ctx.get(), 1, kN - 2, 5, ids.data(), nullptr);
    }
    if (result == VKC_SUCCESS) result = vkc_compute_similarity_matrix(ctx.get(), rows.data());
    if (result == VKC_SUCCESS) break;
    ASSERT_TRUE(lost(result));
    if (ctx) {
      ASSERT_TRUE(lost(vkc_compute_similarity_rows(ctx.get(), 0, 1, rows.data())));
    }
  }
  // At the least two pieces of rows, the rows and the selection of neighbours, and the matrix.
  EXPECT_GE(losses, 5U);
}

TEST(LostDevice, InPieces) {
  for (const char* type : {"discrete", "integrated"}) {
    const ScopedEnvironment device_type("VKC_FAULT_DEVICE_TYPE", type);
    lose_in_pieces("VKC_FAULT_LOSE_AT_SUBMIT");
    lose_in_pieces("VKC_FAULT_LOSE_AT_WAIT");
  }
}

// ---- Devices that compute wrongly
// ----------------------------------------------------------------

// A driver whose kernels do nothing from the first, second, ... on, and which says nothing of it. A
// call tells, or its result is right; what is refused is computed again at the next call.
void stop_at_each_dispatch(const char* device_type) {
  const ScopedEnvironment type("VKC_FAULT_DEVICE_TYPE", device_type);
  constexpr uint32_t kN = 131;
  const auto embeddings = generators::unequal_norms(kN, 9, 2);
  const reference::Results expected(embeddings, false);
  const auto is_wrong = [](VkcResult result) {
    return failed(result, VKC_ERROR_WRONG_RESULT, {"wrong", "driver", "new context", "VKC_DEVICE"});
  };
  uint32_t wrong = 0;
  for (uint32_t dispatch = 1;; ++dispatch) {
    ASSERT_LT(dispatch, 200U) << "kernels never do enough";
    SCOPED_TRACE("dispatch " + std::to_string(dispatch));
    const ScopedEnvironment fault("VKC_FAULT_DISPATCH", std::to_string(dispatch).c_str());
    checks::Context ctx;
    ASSERT_TRUE(succeeded(create(&ctx)));
    checks::upload(ctx.get(), embeddings);
    std::vector<float> rows(size_t{64} * kN);
    VkcResult result = vkc_compute_similarity_rows(ctx.get(), 3, 64, rows.data());
    if (result == VKC_SUCCESS) {
      EXPECT_TRUE(checks::same_bits<float>(rows, {expected.similarity.row(3), rows.size()}, kN));
    } else {
      ASSERT_TRUE(is_wrong(result));
    }
    std::vector<float> matrix(size_t{kN} * kN);
    const VkcResult of_matrix = vkc_compute_similarity_matrix(ctx.get(), matrix.data());
    if (of_matrix == VKC_SUCCESS) {
      EXPECT_EQ(result, VKC_SUCCESS);
      EXPECT_EQ(matrix, expected.similarity.values);
      break;
    }
    ASSERT_TRUE(is_wrong(of_matrix));
    ++wrong;
    // Nothing that rests on similarities is computed of wrong ones.
    std::vector<uint32_t> ids(kN);
    EXPECT_TRUE(is_wrong(vkc_compute_diversity_sequence(ctx.get(), 7, ids.data())));
    EXPECT_TRUE(is_wrong(vkc_compute_nearest_neighbors(ctx.get(), 1, ids.data(), nullptr)));
    EXPECT_TRUE(
        is_wrong(vkc_compute_nearest_neighbors_of(ctx.get(), 5, 9, 1, ids.data(), nullptr)));
  }
  EXPECT_GE(wrong, 1U);
  expect_new_context_works();
}

TEST(WrongResults, AreFoundWhereMemoryIsShared) { stop_at_each_dispatch("integrated"); }

TEST(WrongResults, AreFoundWhereMemoryIsTheDevices) { stop_at_each_dispatch("discrete"); }

// What the filter finds rests on more kernels.
void stop_at_each_dispatch_of_filters(const char* device_type) {
  const ScopedEnvironment type("VKC_FAULT_DEVICE_TYPE", device_type);
  const ScopedEnvironment walks("VKC_WALKS", "filter");
  const ScopedEnvironment neighbors("VKC_NEIGHBORS", "filter");
  constexpr uint32_t kN = 131;
  constexpr uint32_t kStart = 7;
  constexpr uint32_t kLength = 3;
  const auto embeddings = generators::unequal_norms(kN, 9, 2);
  const auto lists = reference::Neighbors(embeddings, false).lists(0, kN, 3);
  const auto sequence = reference::Results(embeddings, false).sequence(kStart, kLength);
  const auto is_wrong = [](VkcResult result) {
    return failed(result, VKC_ERROR_WRONG_RESULT, {"wrong", "driver", "new context", "VKC_DEVICE"});
  };
  uint32_t wrong_walks = 0;
  uint32_t wrong_lists = 0;
  for (uint32_t dispatch = 1;; ++dispatch) {
    ASSERT_LT(dispatch, 200U) << "kernels never do enough";
    SCOPED_TRACE("dispatch " + std::to_string(dispatch));
    const ScopedEnvironment fault("VKC_FAULT_DISPATCH", std::to_string(dispatch).c_str());
    std::vector<uint32_t> ids(size_t{kN} * 3);
    checks::Context ctx;
    ASSERT_TRUE(succeeded(create(&ctx)));
    checks::upload(ctx.get(), embeddings);
    const VkcResult of_lists = vkc_compute_nearest_neighbors(ctx.get(), 3, ids.data(), nullptr);
    if (of_lists == VKC_SUCCESS) {
      EXPECT_EQ(ids, lists.ids);
    } else {
      ++wrong_lists;
      EXPECT_TRUE(is_wrong(of_lists));
    }
    ASSERT_TRUE(succeeded(create(&ctx)));
    checks::upload(ctx.get(), embeddings);
    ids.resize(kLength);
    const VkcResult of_walks =
        vkc_compute_diversity_sequences(ctx.get(), &kStart, 1, kLength, ids.data());
    if (of_walks == VKC_SUCCESS) {
      EXPECT_EQ(ids, sequence);
    } else {
      ++wrong_walks;
      EXPECT_TRUE(is_wrong(of_walks));
    }
    if (of_walks == VKC_SUCCESS && of_lists == VKC_SUCCESS) break;
  }
  EXPECT_GT(wrong_walks, 4U * (kLength - 1));
  EXPECT_GE(wrong_lists, 1U);
}

TEST(WrongResults, OfFiltersAreFound) {
  for (const char* type : {"integrated", "discrete"}) stop_at_each_dispatch_of_filters(type);
}

// Memory that holds the matrix of other embeddings, of the same number, is no result of these.
TEST(WrongResults, OfEarlierEmbeddingsAreFound) {
  constexpr uint32_t kN = 131;
  std::vector<float> matrix(size_t{kN} * kN);
  for (uint32_t dispatch = 1;; ++dispatch) {
    ASSERT_LT(dispatch, 200U) << "kernels never do enough";
    const ScopedEnvironment fault("VKC_FAULT_DISPATCH", std::to_string(dispatch).c_str());
    checks::Context ctx;
    ASSERT_TRUE(succeeded(create(&ctx)));
    checks::upload(ctx.get(), generators::unequal_norms(kN, 9, 2));
    if (vkc_compute_similarity_matrix(ctx.get(), matrix.data()) != VKC_SUCCESS) continue;
    const auto others = generators::unequal_norms(kN, 9, 3);
    checks::upload(ctx.get(), others);
    const VkcResult result = vkc_compute_similarity_matrix(ctx.get(), matrix.data());
    if (result == VKC_SUCCESS) {
      EXPECT_EQ(matrix, reference::Results(others, false).similarity.values);
      break;
    }
    EXPECT_TRUE(failed(result, VKC_ERROR_WRONG_RESULT, {"wrong"}));
  }
}

// Rows of zeros, whose similarities are zero, are as they should be.
TEST(WrongResults, AreNotFoundWhereThereAreNone) {
  checks::expect_as_reference(checks::shared_context(), generators::all_zero(70, 5, 1));
}

// ---- Memory that runs out
// ------------------------------------------------------------------------

// Fails the first, second, ... allocation, until none is left to fail. Whichever it is, the call
// that needed it says so, what was there before goes on working, and the same call succeeds after
// that.
TEST(DeviceMemory, EachAllocationFails) {
  const auto small = generators::unequal_norms(33, 5, 3);
  const auto large = generators::unequal_norms(301, 70, 4);
  const reference::Results expected_small(small, false);
  const reference::Results expected_large(large, false);
  const auto refused = [](VkcResult result) {
    return failed(result, VKC_ERROR_OUT_OF_DEVICE_MEMORY, {"memory"});
  };

  uint32_t failures = 0;
  for (;; ++failures) {
    ASSERT_LT(failures, 1000U) << "allocations fail for ever";
    SCOPED_TRACE("allocation " + std::to_string(failures + 1));
    const ScopedEnvironment fault("VKC_FAULT_ALLOCATION", std::to_string(failures + 1).c_str());
    checks::Context owner;
    VkcResult result = create(&owner);
    if (result != VKC_SUCCESS) {
      EXPECT_TRUE(refused(result));
      continue;
    }
    VkComputeContext* ctx = owner.get();
    bool any_failed = false;
    // Makes a call that may fail, and after a failure calls check, then makes it again.
    const auto attempt = [&](const auto& call, const auto& check) {
      result = call();
      if (result == VKC_SUCCESS) return;
      any_failed = true;
      EXPECT_TRUE(refused(result));
      check();
      EXPECT_TRUE(succeeded(call()));
    };
    const auto nothing_uploaded = [&] {
      uint32_t item = 0;
      EXPECT_TRUE(
          failed(vkc_compute_diversity_sequence(ctx, 0, &item), VKC_ERROR_NO_EMBEDDINGS, {}));
    };
    const auto holds = [&](const reference::Embeddings& embeddings) {
      return [&] {
        VkcEmbeddingsInfo info{};
        info.struct_size = sizeof info;
        EXPECT_TRUE(succeeded(vkc_get_embeddings_info(ctx, &info)));
        EXPECT_EQ(info.num_embeddings, embeddings.n);
      };
    };
    const auto holds_small = [&] {
      EXPECT_EQ(checks::sequence(ctx, 33, 7), expected_small.sequence(7, 33));
      EXPECT_EQ(checks::similarity_matrix(ctx, 33), expected_small.similarity.values);
    };
    std::vector<uint32_t> sequence(301);
    std::vector<float> matrix(size_t{301} * 301);

    attempt([&] { return vkc_upload_embeddings(ctx, small.values.data(), 33, 5); },
            nothing_uploaded);
    attempt([&] { return vkc_compute_similarity_matrix(ctx, matrix.data()); }, holds(small));
    attempt([&] { return vkc_compute_diversity_sequence(ctx, 32, sequence.data()); }, holds(small));
    attempt([&] { return vkc_upload_embeddings(ctx, large.values.data(), 301, 70); }, holds_small);
    attempt([&] { return vkc_compute_similarity_matrix(ctx, matrix.data()); }, holds(large));
    EXPECT_EQ(matrix, expected_large.similarity.values);
    attempt([&] { return vkc_compute_diversity_sequence(ctx, 300, sequence.data()); },
            holds(large));
    EXPECT_EQ(sequence, expected_large.sequence(300, 301));
    if (!any_failed) break;
  }
  // At the least the two sets of embeddings and the two matrices are allocated.
  EXPECT_GE(failures, 4U);
}

constexpr uint64_t kHeapBytes = 64 << 20;

class SmallHeap : public testing::Test {
 protected:
  // Whether a call was refused with at least these bytes needed and at most kHeapBytes available.
  static testing::AssertionResult does_not_fit(VkcResult result, uint64_t least_needed) {
    const auto as_expected = failed(result, VKC_ERROR_DOES_NOT_FIT, {"need", "available|free|has"});
    if (!as_expected) return as_expected;
    const std::string message = vkc_last_error();
    bool needed = false;
    bool available = false;
    for (size_t i = 0; i < message.size();) {
      const size_t end = message.find_first_not_of("0123456789", i);
      const std::string digits = message.substr(i, end - i);
      if (digits.size() > 5) {
        const uint64_t bytes = std::stoull(digits);
        needed = needed || (bytes >= least_needed && bytes < 2 * least_needed);
        available = available || bytes <= kHeapBytes;
      }
      i += digits.size() + 1;
    }
    if (needed && available) return testing::AssertionSuccess();
    return testing::AssertionFailure()
           << "the message should name the bytes needed and available, and is: " << message;
  }

  const ScopedEnvironment heap_{"VKC_FAULT_HEAP_BYTES", std::to_string(kHeapBytes).c_str()};
  const checks::Context ctx_ = checks::make_context();
};

TEST_F(SmallHeap, IsListed) {
  VkcDeviceInfo info{};
  info.struct_size = sizeof info;
  ASSERT_TRUE(succeeded(vkc_get_device_info(ctx_.get(), &info)));
  EXPECT_EQ(info.memory_bytes, kHeapBytes);
}

TEST_F(SmallHeap, MatrixDoesNotFit) {
  constexpr uint32_t kMany = 6000;  // 4 n^2 = 144 MB
  const auto embeddings = generators::unequal_norms(kMany, 4, 5);
  checks::upload(ctx_.get(), embeddings);
  // Walks go without it.
  constexpr uint32_t kLength = 200;
  const uint32_t start = 7;
  std::vector<uint32_t> sequence(kLength);
  EXPECT_TRUE(
      succeeded(vkc_compute_diversity_sequences(ctx_.get(), &start, 1, kLength, sequence.data())));
  EXPECT_EQ(sequence, reference::Results(embeddings, false).sequence(start, kLength));
  // Rows do fit. Their similarities are those that the first rows have among themselves.
  reference::Embeddings first = embeddings;
  first.n = 100;
  first.values.resize(size_t{first.n} * first.d);
  const reference::Results expected(first, false);
  const auto rows = checks::similarity_rows(ctx_.get(), kMany, 0, first.n);
  for (uint32_t i = 0; i < first.n; ++i) {
    ASSERT_TRUE(checks::same_bits<float>({rows.data() + size_t{i} * kMany, first.n},
                                         {expected.similarity.row(i), first.n}, first.n));
  }
  checks::expect_as_reference(ctx_.get(), generators::unequal_norms(65, 7, 6));
}

// The matrix's memory serves for the next embeddings, but is not in the way of what needs it more.
TEST_F(SmallHeap, MemoryOfTheMatrixIsGivenUp) {
  constexpr uint32_t kMany = 3000;  // 4 n^2 = 36 MB
  const auto first = generators::unequal_norms(kMany, 4, 5);
  checks::upload(ctx_.get(), first);
  EXPECT_EQ(checks::sequence(ctx_.get(), kMany, 7),
            reference::Results(first, false).sequence(7, kMany));
  checks::upload(ctx_.get(), generators::unequal_norms(kMany, 30, 6));
  const auto large = generators::unequal_norms(kMany, 1500, 7);  // 18 MB, twice
  EXPECT_TRUE(succeeded(vkc_upload_embeddings(ctx_.get(), large.values.data(), kMany, large.d)));
}

TEST_F(SmallHeap, EmbeddingsDoNotFit) {
  const auto small = generators::unequal_norms(33, 5, 7);
  checks::upload(ctx_.get(), small);
  const auto large = generators::all_zero(5000, 4096, 8);  // 82 MB
  EXPECT_TRUE(does_not_fit(vkc_upload_embeddings(ctx_.get(), large.values.data(), large.n, large.d),
                           uint64_t{4} * large.n * large.d));
  EXPECT_EQ(checks::sequence(ctx_.get(), 33, 7), reference::Results(small, false).sequence(7, 33));
}

}  // namespace
