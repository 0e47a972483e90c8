#include "checks.hpp"

#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <regex>
#include <stdexcept>

namespace checks {

Context make_context(const char* device) {
  const VkcOptions options{.struct_size = sizeof(VkcOptions), .validation = 1, .device = device};
  VkComputeContext* ctx = nullptr;
  const VkcResult result = vkc_create(&options, &ctx);
  if (result != VKC_SUCCESS) {
    throw std::runtime_error(std::string(vkc_result_name(result)) + ": " + vkc_last_error());
  }
  return Context(ctx);
}

testing::AssertionResult succeeded(VkcResult result) {
  if (result == VKC_SUCCESS) return testing::AssertionSuccess();
  return testing::AssertionFailure() << vkc_result_name(result) << ": " << vkc_last_error();
}

testing::AssertionResult failed(VkcResult result, VkcResult expected,
                                std::initializer_list<const char*> patterns) {
  const std::string message = vkc_last_error();
  if (result != expected) {
    return testing::AssertionFailure()
           << "the result is " << vkc_result_name(result) << " where " << vkc_result_name(expected)
           << " is expected; the last message is: " << message;
  }
  return is_message(message, patterns);
}

testing::AssertionResult is_message(const std::string& message,
                                    std::initializer_list<const char*> patterns) {
  if (message.empty()) return testing::AssertionFailure() << "the message is empty";
  if (message.find('\n') != std::string::npos) {
    return testing::AssertionFailure() << "the message has more than one line: " << message;
  }
  for (const char* pattern : patterns) {
    if (!std::regex_search(message, std::regex(pattern, std::regex::icase))) {
      return testing::AssertionFailure()
             << "the message should match '" << pattern << "' and is: " << message;
    }
  }
  return testing::AssertionSuccess();
}

void upload(VkComputeContext* ctx, const reference::Embeddings& embeddings, bool center) {
  // A copy, spoilt after the call: the library must have read all that it needs by then.
  std::vector<float> values = embeddings.values;
  if (center) {
    const VkcUploadOptions options{.struct_size = sizeof(VkcUploadOptions), .center = 1};
    ASSERT_TRUE(succeeded(
        vkc_upload_embeddings_with(ctx, values.data(), embeddings.n, embeddings.d, &options)));
  } else {
    ASSERT_TRUE(succeeded(vkc_upload_embeddings(ctx, values.data(), embeddings.n, embeddings.d)));
  }
  EXPECT_EQ(values, embeddings.values) << "the library wrote to its input";
  std::fill(values.begin(), values.end(), Guarded<float>::kPoison);
}

std::vector<float> similarity_matrix(VkComputeContext* ctx, uint32_t n) {
  Guarded<float> output(size_t{n} * n);
  EXPECT_TRUE(succeeded(vkc_compute_similarity_matrix(ctx, output.data())));
  EXPECT_TRUE(output.guards_intact()) << "written outside the output";
  return output.vector();
}

std::vector<float> similarity_rows(VkComputeContext* ctx, uint32_t n, uint32_t first,
                                   uint32_t count) {
  Guarded<float> output(size_t{count} * n);
  EXPECT_TRUE(succeeded(vkc_compute_similarity_rows(ctx, first, count, output.data())));
  EXPECT_TRUE(output.guards_intact()) << "written outside the output";
  return output.vector();
}

std::vector<uint32_t> sequence(VkComputeContext* ctx, uint32_t n, uint32_t start) {
  Guarded<uint32_t> output(n);
  EXPECT_TRUE(succeeded(vkc_compute_diversity_sequence(ctx, start, output.data())));
  EXPECT_TRUE(output.guards_intact()) << "written outside the output";
  return output.vector();
}

std::vector<uint32_t> sequences(VkComputeContext* ctx, const std::vector<uint32_t>& starts,
                                uint32_t length) {
  Guarded<uint32_t> output(starts.size() * length);
  // Never NULL, even for no starts.
  Guarded<uint32_t> input(starts.size());
  std::copy(starts.begin(), starts.end(), input.data());
  EXPECT_TRUE(succeeded(vkc_compute_diversity_sequences(
      ctx, input.data(), static_cast<uint32_t>(starts.size()), length, output.data())));
  EXPECT_TRUE(output.guards_intact()) << "written outside the output";
  EXPECT_EQ(input.vector(), starts) << "the library wrote to its input";
  return output.vector();
}

ScopedEnvironment::ScopedEnvironment(const char* name, const char* value) : name_(name) {
  if (const char* old_value = std::getenv(name)) {
    was_set_ = true;
    old_value_ = old_value;
  }
  if (value != nullptr) {
    setenv(name, value, 1);
  } else {
    unsetenv(name);
  }
}

ScopedEnvironment::~ScopedEnvironment() {
  if (was_set_) {
    setenv(name_.c_str(), old_value_.c_str(), 1);
  } else {
    unsetenv(name_.c_str());
  }
}

std::vector<VkcDeviceInfo> devices() {
  uint32_t count = 0;
  EXPECT_TRUE(succeeded(vkc_list_devices(nullptr, &count)));
  std::vector<VkcDeviceInfo> infos(count);
  if (infos.empty()) return infos;
  infos[0].struct_size = sizeof(VkcDeviceInfo);
  EXPECT_TRUE(succeeded(vkc_list_devices(infos.data(), &count)));
  EXPECT_EQ(count, infos.size());
  return infos;
}

CommandResult run_command(const std::string& command) {
  CommandResult result{};
  FILE* pipe = popen((command + " 2>&1").c_str(), "r");
  if (pipe == nullptr) throw std::runtime_error("popen failed");
  std::array<char, 4096> block;
  size_t size = 0;
  while ((size = fread(block.data(), 1, block.size(), pipe)) > 0) {
    result.output.append(block.data(), size);
  }
  const int status = pclose(pipe);
  result.exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return result;
}

namespace {

void expect_rows(VkComputeContext* ctx, const reference::Rows<float>& expected, uint32_t first,
                 uint32_t count) {
  const uint32_t n = expected.n;
  const std::vector<float> rows = similarity_rows(ctx, n, first, count);
  EXPECT_TRUE(same_bits<float>(rows, {expected.row(first), size_t{count} * n}, n))
      << "in similarity rows " << first << " to " << first + count;
}

void expect_sequences(VkComputeContext* ctx, const reference::Results& expected,
                      const std::vector<uint32_t>& starts, uint32_t length) {
  std::vector<uint32_t> rows;
  for (const uint32_t start : starts) {
    const std::vector<uint32_t> row = expected.sequence(start, length);
    rows.insert(rows.end(), row.begin(), row.end());
  }
  EXPECT_TRUE(same_bits<uint32_t>(sequences(ctx, starts, length), rows, length))
      << "in sequences of length " << length;
}

}  // namespace

void expect_as_reference(VkComputeContext* ctx, const reference::Embeddings& embeddings,
                         bool center) {
  const uint32_t n = embeddings.n;
  SCOPED_TRACE("n = " + std::to_string(n) + ", d = " + std::to_string(embeddings.d) +
               (center ? ", centred" : ""));
  const reference::Results expected(embeddings, center);

  upload(ctx, embeddings, center);
  VkcEmbeddingsInfo info{};
  info.struct_size = sizeof info;
  ASSERT_TRUE(succeeded(vkc_get_embeddings_info(ctx, &info)));
  EXPECT_EQ(info.num_embeddings, n);
  EXPECT_EQ(info.embedding_dim, embeddings.d);
  EXPECT_EQ(info.centered, center ? 1U : 0U);
  EXPECT_EQ(info.weighted, expected.weighted ? 1U : 0U);

  expect_rows(ctx, expected.similarity, n / 2, n - n / 2);
  const std::vector<float> matrix = similarity_matrix(ctx, n);
  EXPECT_TRUE(same_bits<float>(matrix, expected.similarity.values, n))
      << "in the similarity matrix";
  expect_rows(ctx, expected.similarity, 0, std::min(n, 3U));
  expect_rows(ctx, expected.similarity, n - 1, 1);
  expect_rows(ctx, expected.similarity, n / 2, n - n / 2);
  expect_rows(ctx, expected.similarity, 0, 0);

  EXPECT_EQ(sequence(ctx, n, 0), expected.sequence(0, n));
  EXPECT_EQ(sequence(ctx, n, n - 1), expected.sequence(n - 1, n));
  const uint32_t middle = n / 2;
  expect_sequences(ctx, expected, {middle, n - 1, 0, middle, n / 3}, n);
  expect_sequences(ctx, expected, {n - 1, middle}, std::max(n - 1, 1U));
  expect_sequences(ctx, expected, {0, n - 1, n - 1}, std::min(n, 2U));
  expect_sequences(ctx, expected, {middle}, 1);
  expect_sequences(ctx, expected, {}, n);
}

}  // namespace checks
