// What the tests share: contexts with validation on, calls whose results come back as vectors, and
// comparison with the reference. Test programs that include it link test_main.cpp, which fails
// every test during which the validation layer gave a message.
#pragma once

#include <gtest/gtest.h>

#include <bit>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "reference.hpp"
#include "vulkan_compute.h"

namespace checks {

struct DestroyContext {
  void operator()(VkComputeContext* ctx) const { vkc_destroy(ctx); }
};
using Context = std::unique_ptr<VkComputeContext, DestroyContext>;

// A context with validation on; device as in VkcOptions. Throws where none can be made, which fails
// the test.
Context make_context(const char* device = nullptr);

// The context that tests share which need nothing special; made at the first call.
VkComputeContext* shared_context();

// Takes the validation messages so far as expected, in a test that provokes some.
void expect_validation_messages_so_far();

// Whether a call succeeded; if not, the failure shows result and message.
testing::AssertionResult succeeded(VkcResult result);

// Whether a call failed as it should: with this result, and a one-line message in which each of the
// regular expressions is found, in any case.
testing::AssertionResult failed(VkcResult result, VkcResult expected,
                                std::initializer_list<const char*> patterns);

// The same for a message that came another way.
testing::AssertionResult is_message(const std::string& message,
                                    std::initializer_list<const char*> patterns);

// Output memory filled with poison (a NaN, no item's id), between guard words. The first value is
// aligned to its own size and no better.
template <typename T>
class Guarded {
 public:
  explicit Guarded(size_t size) : values_(size + 2 * kGuardWords, kGuard) {
    for (T& value : span()) value = kPoison;
  }

  T* data() { return values_.data() + kGuardWords; }
  std::span<T> span() { return {data(), values_.size() - 2 * kGuardWords}; }
  std::vector<T> vector() { return {span().begin(), span().end()}; }

  bool guards_intact() const {
    for (size_t i = 0; i < kGuardWords; ++i) {
      if (!is_guard(values_[i]) || !is_guard(values_[values_.size() - 1 - i])) return false;
    }
    return true;
  }

  static constexpr T kPoison = std::bit_cast<T>(0xFFFFFFFFU);

 private:
  static constexpr size_t kGuardWords = 17;
  static constexpr uint32_t kGuardBits = 0xA5A5A5A5U;
  static constexpr T kGuard = std::bit_cast<T>(kGuardBits);
  static bool is_guard(T value) { return std::bit_cast<uint32_t>(value) == kGuardBits; }

  std::vector<T> values_;
};

// Calls that must succeed and write nothing but their output.
void upload(VkComputeContext* ctx, const reference::Embeddings& embeddings, bool center = false);
std::vector<float> similarity_matrix(VkComputeContext* ctx, uint32_t n);
std::vector<float> similarity_rows(VkComputeContext* ctx, uint32_t n, uint32_t first,
                                   uint32_t count);
std::vector<uint32_t> sequence(VkComputeContext* ctx, uint32_t n, uint32_t start);
std::vector<uint32_t> sequences(VkComputeContext* ctx, const std::vector<uint32_t>& starts,
                                uint32_t length);

// Whether two arrays of rows of the given width hold the same bits; if not, the failure names the
// first place where they differ.
template <typename T>
testing::AssertionResult same_bits(std::span<const T> actual, std::span<const T> expected,
                                   size_t width) {
  if (actual.size() != expected.size()) {
    return testing::AssertionFailure()
           << actual.size() << " values where " << expected.size() << " are expected";
  }
  for (size_t i = 0; i < actual.size(); ++i) {
    if (std::bit_cast<uint32_t>(actual[i]) == std::bit_cast<uint32_t>(expected[i])) continue;
    return testing::AssertionFailure() << "row " << i / width << ", column " << i % width << ": "
                                       << actual[i] << " where " << expected[i] << " is expected";
  }
  return testing::AssertionSuccess();
}

// Sets or, given NULL, removes an environment variable for as long as the object lives.
class ScopedEnvironment {
 public:
  ScopedEnvironment(const char* name, const char* value);
  ~ScopedEnvironment();
  ScopedEnvironment(const ScopedEnvironment&) = delete;
  ScopedEnvironment& operator=(const ScopedEnvironment&) = delete;

 private:
  std::string name_;
  bool was_set_ = false;
  std::string old_value_;
};

// The devices of this machine, as the library lists them.
std::vector<VkcDeviceInfo> devices();

// What a machine that runs a command sees of it: standard output and standard error together.
struct CommandResult {
  int exit_status;
  std::string output;
};
CommandResult run_command(const std::string& command);

// Compares all that the library computes of these embeddings with the reference: the matrix, whole
// and by rows, and the sequences from some starts, of several lengths.
void expect_as_reference(VkComputeContext* ctx, const reference::Embeddings& embeddings,
                         bool center = false);

}  // namespace checks
