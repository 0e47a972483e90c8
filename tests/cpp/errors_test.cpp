// Every mistake that a caller can make has its own result code and a message that says what was
// wrong and what to do; and it costs nothing that was there before.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <thread>
#include <vector>

#include "checks.hpp"
#include "generators.hpp"

namespace {

using checks::failed;
using checks::succeeded;

constexpr uint32_t kN = 5;
constexpr uint32_t kD = 3;

// A context that holds 5 x 3 embeddings, which every test must leave as they are.
class Errors : public testing::Test {
 protected:
  void SetUp() override { checks::upload(ctx_, embeddings_); }

  void TearDown() override {
    const reference::Results expected(embeddings_, false);
    EXPECT_EQ(checks::sequence(ctx_, kN, 2), expected.sequence(2, kN));
    EXPECT_EQ(checks::similarity_matrix(ctx_, kN), expected.similarity.values);
    VkcEmbeddingsInfo info{};
    info.struct_size = sizeof info;
    EXPECT_TRUE(succeeded(vkc_get_embeddings_info(ctx_, &info)));
    EXPECT_EQ(info.num_embeddings, kN);
    EXPECT_EQ(info.embedding_dim, kD);
  }

  VkComputeContext* const ctx_ = checks::shared_context();
  const reference::Embeddings embeddings_ = generators::unequal_norms(kN, kD, 1);
  const float* const values_ = embeddings_.values.data();
  std::array<float, size_t{kN} * kN> floats_{};
  std::array<uint32_t, size_t{kN} * kN> items_{};
};

TEST_F(Errors, NullContext) {
  const auto null_context = [](VkcResult result) {
    return failed(result, VKC_ERROR_NULL_POINTER, {"ctx|context", "NULL"});
  };
  uint32_t count = 0;
  VkcDeviceInfo device{};
  device.struct_size = sizeof device;
  VkcEmbeddingsInfo info{};
  info.struct_size = sizeof info;
  EXPECT_TRUE(null_context(vkc_get_device_info(nullptr, &device)));
  EXPECT_TRUE(null_context(vkc_upload_embeddings(nullptr, values_, kN, kD)));
  EXPECT_TRUE(null_context(vkc_upload_embeddings_with(nullptr, values_, kN, kD, nullptr)));
  EXPECT_TRUE(null_context(vkc_get_embeddings_info(nullptr, &info)));
  EXPECT_TRUE(null_context(vkc_compute_similarity_matrix(nullptr, floats_.data())));
  EXPECT_TRUE(null_context(vkc_compute_similarity_rows(nullptr, 0, 1, floats_.data())));
  EXPECT_TRUE(null_context(vkc_compute_diversity_sequence(nullptr, 0, items_.data())));
  EXPECT_TRUE(
      null_context(vkc_compute_diversity_sequences(nullptr, items_.data(), 1, 1, items_.data())));
  EXPECT_TRUE(null_context(vkc_recommended_batch(nullptr, 1, &count)));
  EXPECT_TRUE(null_context(vkc_recommended_batch_with(nullptr, 1, nullptr, &count)));
  vkc_destroy(nullptr);
}

TEST_F(Errors, NullPointers) {
  const uint32_t start = 0;
  EXPECT_TRUE(failed(vkc_create(nullptr, nullptr), VKC_ERROR_NULL_POINTER, {"out", "NULL"}));
  EXPECT_TRUE(
      failed(vkc_list_devices(nullptr, nullptr), VKC_ERROR_NULL_POINTER, {"count", "NULL"}));
  EXPECT_TRUE(failed(vkc_get_device_info(ctx_, nullptr), VKC_ERROR_NULL_POINTER, {"info", "NULL"}));
  EXPECT_TRUE(failed(vkc_upload_embeddings(ctx_, nullptr, kN, kD), VKC_ERROR_NULL_POINTER,
                     {"embeddings", "NULL"}));
  EXPECT_TRUE(failed(vkc_upload_embeddings_with(ctx_, nullptr, kN, kD, nullptr),
                     VKC_ERROR_NULL_POINTER, {"embeddings", "NULL"}));
  EXPECT_TRUE(
      failed(vkc_get_embeddings_info(ctx_, nullptr), VKC_ERROR_NULL_POINTER, {"info", "NULL"}));
  EXPECT_TRUE(failed(vkc_compute_similarity_matrix(ctx_, nullptr), VKC_ERROR_NULL_POINTER,
                     {"output_matrix", "NULL"}));
  EXPECT_TRUE(failed(vkc_compute_similarity_rows(ctx_, 0, 1, nullptr), VKC_ERROR_NULL_POINTER,
                     {"output", "NULL"}));
  EXPECT_TRUE(failed(vkc_compute_diversity_sequence(ctx_, 0, nullptr), VKC_ERROR_NULL_POINTER,
                     {"output_sequence", "NULL"}));
  EXPECT_TRUE(failed(vkc_compute_diversity_sequences(ctx_, nullptr, 1, 1, items_.data()),
                     VKC_ERROR_NULL_POINTER, {"starts", "NULL"}));
  EXPECT_TRUE(failed(vkc_compute_diversity_sequences(ctx_, &start, 1, 1, nullptr),
                     VKC_ERROR_NULL_POINTER, {"output", "NULL"}));
  EXPECT_TRUE(
      failed(vkc_recommended_batch(ctx_, 1, nullptr), VKC_ERROR_NULL_POINTER, {"count", "NULL"}));
}

TEST_F(Errors, StructSizes) {
  for (const uint32_t size : {0U, 4U, 100000U}) {
    const auto wrong_size = [](VkcResult result, const char* type) {
      return failed(result, VKC_ERROR_INVALID_ARGUMENT, {"struct_size", "sizeof", type});
    };
    VkcOptions options{};
    options.struct_size = size;
    VkComputeContext* made = ctx_;
    EXPECT_TRUE(wrong_size(vkc_create(&options, &made), "VkcOptions"));
    EXPECT_EQ(made, nullptr);
    VkcDeviceInfo device{};
    device.struct_size = size;
    uint32_t count = 1;
    EXPECT_TRUE(wrong_size(vkc_get_device_info(ctx_, &device), "VkcDeviceInfo"));
    EXPECT_TRUE(wrong_size(vkc_list_devices(&device, &count), "VkcDeviceInfo"));
    VkcUploadOptions upload{};
    upload.struct_size = size;
    EXPECT_TRUE(
        wrong_size(vkc_upload_embeddings_with(ctx_, values_, kN, kD, &upload), "VkcUploadOptions"));
    VkcEmbeddingsInfo info{};
    info.struct_size = size;
    EXPECT_TRUE(wrong_size(vkc_get_embeddings_info(ctx_, &info), "VkcEmbeddingsInfo"));
  }
}

TEST_F(Errors, OptionsThatAreNeitherZeroNorOne) {
  VkComputeContext* made = ctx_;
  const VkcOptions options{.struct_size = sizeof(VkcOptions), .validation = 2, .device = nullptr};
  EXPECT_TRUE(failed(vkc_create(&options, &made), VKC_ERROR_INVALID_ARGUMENT,
                     {"validation", "2", "0 or 1"}));
  EXPECT_EQ(made, nullptr);
  const VkcUploadOptions upload{.struct_size = sizeof(VkcUploadOptions), .center = 7};
  EXPECT_TRUE(failed(vkc_upload_embeddings_with(ctx_, values_, kN, kD, &upload),
                     VKC_ERROR_INVALID_ARGUMENT, {"center", "7", "0 or 1"}));
}

TEST_F(Errors, EmptyEmbeddings) {
  EXPECT_TRUE(failed(vkc_upload_embeddings(ctx_, values_, 0, kD), VKC_ERROR_EMPTY_EMBEDDINGS,
                     {"num_embeddings", "0", "at least one"}));
  EXPECT_TRUE(failed(vkc_upload_embeddings(ctx_, values_, kN, 0), VKC_ERROR_EMPTY_EMBEDDINGS,
                     {"embedding_dim", "0", "at least one"}));
}

TEST_F(Errors, TooManyDimensions) {
  const std::vector<float> values(VKC_MAX_EMBEDDING_DIM + 1, 1.0F);
  EXPECT_TRUE(failed(vkc_upload_embeddings(ctx_, values.data(), 1, VKC_MAX_EMBEDDING_DIM + 1),
                     VKC_ERROR_INVALID_ARGUMENT, {"embedding_dim", "65537", R"(\b65536\b)"}));
}

TEST_F(Errors, NotFinite) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float infinity = std::numeric_limits<float>::infinity();
  const auto upload_with = [&](float value, uint32_t row, uint32_t column) {
    reference::Embeddings bad = generators::unequal_norms(7, 4, 2);
    bad.row(row)[column] = value;
    return vkc_upload_embeddings(ctx_, bad.values.data(), bad.n, bad.d);
  };
  EXPECT_TRUE(failed(upload_with(nan, 0, 0), VKC_ERROR_NOT_FINITE,
                     {"nan", R"(row\D*\b0\b)", R"(column\D*\b0\b)"}));
  EXPECT_TRUE(failed(upload_with(nan, 5, 2), VKC_ERROR_NOT_FINITE,
                     {"nan", R"(row\D*\b5\b)", R"(column\D*\b2\b)"}));
  EXPECT_TRUE(failed(upload_with(-nan, 3, 1), VKC_ERROR_NOT_FINITE,
                     {"nan", R"(row\D*\b3\b)", R"(column\D*\b1\b)"}));
  EXPECT_TRUE(failed(upload_with(infinity, 6, 3), VKC_ERROR_NOT_FINITE,
                     {"inf", R"(row\D*\b6\b)", R"(column\D*\b3\b)"}));
  EXPECT_TRUE(failed(upload_with(-infinity, 4, 0), VKC_ERROR_NOT_FINITE,
                     {"inf", R"(row\D*\b4\b)", R"(column\D*\b0\b)"}));
}

// So many rows that threads share them: the first bad one is named all the same.
TEST_F(Errors, NotFiniteInSeveralPlaces) {
  reference::Embeddings bad = generators::unequal_norms(8000, 64, 3);
  for (const uint32_t row : {7999U, 1234U, 4100U}) {
    bad.row(row)[63] = std::numeric_limits<float>::infinity();
  }
  EXPECT_TRUE(failed(vkc_upload_embeddings(ctx_, bad.values.data(), bad.n, bad.d),
                     VKC_ERROR_NOT_FINITE, {"inf", R"(row\D*\b1234\b)", R"(column\D*\b63\b)"}));
}

TEST_F(Errors, StartOutOfRange) {
  EXPECT_TRUE(failed(vkc_compute_diversity_sequence(ctx_, kN, items_.data()),
                     VKC_ERROR_ITEM_OUT_OF_RANGE, {"start", R"(\b5\b)", "4|below 5"}));
  EXPECT_TRUE(failed(vkc_compute_diversity_sequence(ctx_, UINT32_MAX, items_.data()),
                     VKC_ERROR_ITEM_OUT_OF_RANGE, {"start", "4294967295", "4|below 5"}));
  // Of many starts, the message says which.
  const std::array<uint32_t, 4> starts{0, 4, 77, 1};
  EXPECT_TRUE(failed(vkc_compute_diversity_sequences(ctx_, starts.data(), 4, 2, items_.data()),
                     VKC_ERROR_ITEM_OUT_OF_RANGE, {R"(starts?\D*\b2\b)", R"(\b77\b)"}));
}

TEST_F(Errors, RowsOutOfRange) {
  const auto out_of_range = [&](uint32_t first, uint32_t count) {
    return failed(vkc_compute_similarity_rows(ctx_, first, count, floats_.data()),
                  VKC_ERROR_ITEM_OUT_OF_RANGE, {"row", R"(\b5\b)"});
  };
  EXPECT_TRUE(out_of_range(5, 1));
  EXPECT_TRUE(out_of_range(0, 6));
  EXPECT_TRUE(out_of_range(3, 3));
  // Sums that wrap around.
  EXPECT_TRUE(out_of_range(UINT32_MAX, 1));
  EXPECT_TRUE(out_of_range(UINT32_MAX, 3));
  EXPECT_TRUE(out_of_range(2, UINT32_MAX));
}

TEST_F(Errors, Lengths) {
  const uint32_t start = 0;
  uint32_t count = 0;
  for (const uint32_t length : {0U, 6U, UINT32_MAX}) {
    const std::string number = "\\b" + std::to_string(length) + "\\b";
    EXPECT_TRUE(failed(vkc_compute_diversity_sequences(ctx_, &start, 1, length, items_.data()),
                       VKC_ERROR_INVALID_LENGTH, {"length", number.c_str(), R"(\b5\b)"}));
    EXPECT_TRUE(failed(vkc_recommended_batch(ctx_, length, &count), VKC_ERROR_INVALID_LENGTH,
                       {"length", number.c_str(), R"(\b5\b)"}));
  }
}

// Two million items have a matrix of 16 TB: walks go without it.
TEST_F(Errors, MatrixThatDoesNotFit) {
  constexpr uint32_t kMany = 2'000'000;
  const checks::Context ctx = checks::make_context();
  const auto embeddings = generators::unequal_norms(kMany, 1, 3);
  checks::upload(ctx.get(), embeddings);
  std::array<uint32_t, 2> sequence{};
  const uint32_t start = 0;
  EXPECT_TRUE(succeeded(vkc_compute_diversity_sequences(ctx.get(), &start, 1, 2, sequence.data())));
  // In one dimension the farthest item is the first on the other side.
  const auto& values = embeddings.values;
  const auto is_opposite = [&](float value) { return value * values.front() < 0; };
  const auto opposite = std::find_if(values.begin(), values.end(), is_opposite);
  EXPECT_EQ(sequence[0], start);
  EXPECT_EQ(sequence[1], static_cast<uint32_t>(opposite - values.begin()));
  // The context goes on.
  const auto rows = checks::similarity_rows(ctx.get(), kMany, kMany - 1, 1);
  EXPECT_EQ(rows[kMany - 1], 1);
  const auto few = generators::unequal_norms(65, 7, 4);
  checks::expect_as_reference(ctx.get(), few);
}

// The product of the sizes is looked at before the first embedding: a program that passes sizes so
// wrong has no such memory to be read.
TEST_F(Errors, SizesBeyondAllMemory) {
  const auto result = checks::run_command("'" VKC_PROBE "' upload 4294967295 65536");
  EXPECT_EQ(result.exit_status, 0) << result.output;
  EXPECT_TRUE(result.output.starts_with("VKC_ERROR_DOES_NOT_FIT\n")) << result.output;
}

TEST(NoEmbeddings, ComputingBeforeAnUpload) {
  const checks::Context ctx = checks::make_context();
  std::array<float, 4> floats{};
  std::array<uint32_t, 4> items{};
  const auto no_embeddings = [](VkcResult result) {
    return failed(result, VKC_ERROR_NO_EMBEDDINGS, {"upload some first"});
  };
  EXPECT_TRUE(no_embeddings(vkc_compute_similarity_matrix(ctx.get(), floats.data())));
  EXPECT_TRUE(no_embeddings(vkc_compute_similarity_rows(ctx.get(), 0, 1, floats.data())));
  EXPECT_TRUE(no_embeddings(vkc_compute_diversity_sequence(ctx.get(), 0, items.data())));
  EXPECT_TRUE(
      no_embeddings(vkc_compute_diversity_sequences(ctx.get(), items.data(), 1, 1, items.data())));
  EXPECT_TRUE(no_embeddings(vkc_recommended_batch(ctx.get(), 1, items.data())));

  VkcEmbeddingsInfo info{sizeof(VkcEmbeddingsInfo), 9, 9, 9, 9};
  EXPECT_TRUE(succeeded(vkc_get_embeddings_info(ctx.get(), &info)));
  EXPECT_EQ(info.num_embeddings, 0U);
  EXPECT_EQ(info.embedding_dim, 0U);

  // A refused upload is no upload.
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_TRUE(failed(vkc_upload_embeddings(ctx.get(), &nan, 1, 1), VKC_ERROR_NOT_FINITE, {"nan"}));
  EXPECT_TRUE(no_embeddings(vkc_compute_similarity_matrix(ctx.get(), floats.data())));
}

TEST(LastError, BelongsToItsThread) {
  EXPECT_TRUE(failed(vkc_create(nullptr, nullptr), VKC_ERROR_NULL_POINTER, {"NULL"}));
  const std::string message = vkc_last_error();
  std::string before;
  std::string after;
  std::thread([&] {
    before = vkc_last_error();
    vkc_list_devices(nullptr, nullptr);
    after = vkc_last_error();
  }).join();
  EXPECT_EQ(before, "");
  EXPECT_NE(after, "");
  EXPECT_NE(after, message);
  EXPECT_EQ(vkc_last_error(), message);
}

TEST(LastError, OutlivesCallsThatSucceed) {
  EXPECT_TRUE(failed(vkc_create(nullptr, nullptr), VKC_ERROR_NULL_POINTER, {"NULL"}));
  const std::string message = vkc_last_error();
  checks::upload(checks::shared_context(), generators::unequal_norms(3, 3, 5));
  EXPECT_EQ(vkc_last_error(), message);
}

TEST(Version, IsTheHeaders) {
  EXPECT_EQ(vkc_version(),
            VKC_VERSION_MAJOR * 1000000U + VKC_VERSION_MINOR * 1000U + VKC_VERSION_PATCH);
  EXPECT_EQ(std::string(vkc_version_string()), std::to_string(VKC_VERSION_MAJOR) + "." +
                                                   std::to_string(VKC_VERSION_MINOR) + "." +
                                                   std::to_string(VKC_VERSION_PATCH));
  EXPECT_EQ(vkc_definition_version(), VKC_DEFINITION_VERSION);
}

TEST(ResultNames, AreTheConstants) {
#define EXPECT_NAME(result) EXPECT_STREQ(vkc_result_name(result), #result)
  EXPECT_NAME(VKC_SUCCESS);
  EXPECT_NAME(VKC_ERROR_NULL_POINTER);
  EXPECT_NAME(VKC_ERROR_INVALID_ARGUMENT);
  EXPECT_NAME(VKC_ERROR_EMPTY_EMBEDDINGS);
  EXPECT_NAME(VKC_ERROR_NOT_FINITE);
  EXPECT_NAME(VKC_ERROR_ITEM_OUT_OF_RANGE);
  EXPECT_NAME(VKC_ERROR_INVALID_LENGTH);
  EXPECT_NAME(VKC_ERROR_NO_EMBEDDINGS);
  EXPECT_NAME(VKC_ERROR_DOES_NOT_FIT);
  EXPECT_NAME(VKC_ERROR_OUT_OF_HOST_MEMORY);
  EXPECT_NAME(VKC_ERROR_OUT_OF_DEVICE_MEMORY);
  EXPECT_NAME(VKC_ERROR_NO_VULKAN_LOADER);
  EXPECT_NAME(VKC_ERROR_NO_VULKAN_DRIVER);
  EXPECT_NAME(VKC_ERROR_NO_SUCH_DEVICE);
  EXPECT_NAME(VKC_ERROR_DEVICE_UNSUITABLE);
  EXPECT_NAME(VKC_ERROR_DEVICE_LOST);
  EXPECT_NAME(VKC_ERROR_NO_VALIDATION_LAYER);
  EXPECT_NAME(VKC_ERROR_VULKAN);
  EXPECT_NAME(VKC_ERROR_CONTEXT_BUSY);
  EXPECT_NAME(VKC_ERROR_INTERNAL);
  EXPECT_NAME(VKC_ERROR_WRONG_RESULT);
#undef EXPECT_NAME
  EXPECT_STREQ(vkc_result_name(static_cast<VkcResult>(1)), "VKC_ERROR_UNKNOWN");
  EXPECT_STREQ(vkc_result_name(static_cast<VkcResult>(-32)), "VKC_ERROR_UNKNOWN");
}

}  // namespace
