// Every function of the headers gives the same bytes in whatever floating-point environment it is
// called, and leaves the caller's as it was.
#include <gtest/gtest.h>

#include <array>
#include <cfenv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "checks.hpp"
#include "generators.hpp"
#include "vulkan_compute.h"

#if defined(__SSE2__)
#include <xmmintrin.h>
#endif

namespace {

constexpr uint32_t kN = 67;
constexpr uint32_t kD = 24;

// ---- Environments ------------------------------------------------------------------------------

struct Environment {
  const char* name;
  std::function<void()> enter;
};

#if defined(__SSE2__)
constexpr unsigned kFlushToZeroAndDenormalsAreZero = 0x8040;

void flush_subnormals() { _mm_setcsr(_mm_getcsr() | kFlushToZeroAndDenormalsAreZero); }
#elif defined(__aarch64__)
void flush_subnormals() {
  uint64_t control = 0;
  __asm__ volatile("mrs %0, fpcr" : "=r"(control));
  __asm__ volatile("msr fpcr, %0" : : "r"(control | (uint64_t{1} << 24)));
}
#else
void flush_subnormals() {}
#endif

void enable_traps() {
#if defined(__GLIBC__)
  feenableexcept(FE_INVALID | FE_DIVBYZERO | FE_OVERFLOW);
#endif
}

const std::vector<Environment>& environments() {
  static const std::vector<Environment> all = {
      {"rounding upward", [] { std::fesetround(FE_UPWARD); }},
      {"rounding downward", [] { std::fesetround(FE_DOWNWARD); }},
      {"rounding toward zero", [] { std::fesetround(FE_TOWARDZERO); }},
      {"subnormals as zero", flush_subnormals},
      {"traps", enable_traps},
      {"flags raised", [] { std::feraiseexcept(FE_INEXACT | FE_UNDERFLOW); }},
  };
  return all;
}

// What tells environments apart, in a few numbers.
struct State {
  int rounding = std::fegetround();
  int flags = std::fetestexcept(FE_ALL_EXCEPT);
#if defined(__GLIBC__)
  int traps = fegetexcept();
#endif
#if defined(__SSE2__)
  unsigned control = _mm_getcsr();
#endif
  bool operator==(const State&) const = default;
};

// The default environment again, whatever a test does.
class Restored {
 public:
  Restored() { std::fegetenv(&before_); }
  ~Restored() { std::fesetenv(&before_); }
  Restored(const Restored&) = delete;
  Restored& operator=(const Restored&) = delete;

 private:
  std::fenv_t before_{};
};

// ---- Functions ---------------------------------------------------------------------------------

using Bytes = std::vector<std::byte>;

template <typename T>
void append(Bytes& to, const T* values, std::size_t size) {
  const auto* bytes = reinterpret_cast<const std::byte*>(values);
  to.insert(to.end(), bytes, bytes + size * sizeof(T));
}

// What functions are called with, and what they gave.
struct Call {
  VkComputeContext* ctx;
  const reference::Embeddings& embeddings;
  Bytes output;

  void expect_success(VkcResult result) { EXPECT_EQ(result, VKC_SUCCESS) << vkc_last_error(); }

  // Calls function(memory), which fills `size` values.
  template <typename T, typename Function>
  void fill(std::size_t size, const Function& function) {
    std::vector<T> memory(size);
    expect_success(function(memory.data()));
    append(output, memory.data(), size);
  }
};

constexpr std::array<uint32_t, 3> kStarts = {0, 7, kN - 1};
constexpr uint32_t kNeighbors = 5;

// By name. What depends on the time and on free memory is called, but not compared.
const std::map<std::string, std::function<void(Call&)>>& functions() {
  static const std::map<std::string, std::function<void(Call&)>> all = {
      {"vkc_version", [](Call&) { vkc_version(); }},
      {"vkc_version_string", [](Call&) { vkc_version_string(); }},
      {"vkc_definition_version", [](Call&) { vkc_definition_version(); }},
      {"vkc_result_name", [](Call&) { vkc_result_name(VKC_SUCCESS); }},
      {"vkc_last_error", [](Call&) { vkc_last_error(); }},
      {"vkc_validation_message_count", [](Call&) { vkc_validation_message_count(); }},
      {"vkc_validation_message", [](Call&) { vkc_validation_message(0); }},
      {"vkc_list_devices",
       [](Call& call) {
         call.fill<uint32_t>(1, [](uint32_t* n) { return vkc_list_devices(nullptr, n); });
       }},
      {"vkc_init", [](Call&) { vkc_destroy(vkc_init()); }},
      {"vkc_create",
       [](Call& call) {
         VkComputeContext* made = nullptr;
         call.expect_success(vkc_create(nullptr, &made));
         vkc_destroy(made);
       }},
      {"vkc_destroy", [](Call&) { vkc_destroy(vkc_init()); }},
      {"vkc_get_device_info",
       [](Call& call) {
         call.fill<VkcDeviceInfo>(1, [&](VkcDeviceInfo* info) {
           info->struct_size = sizeof *info;
           return vkc_get_device_info(call.ctx, info);
         });
       }},
      {"vkc_upload_embeddings",
       [](Call& call) {
         call.expect_success(
             vkc_upload_embeddings(call.ctx, call.embeddings.values.data(), kN, kD));
       }},
      {"vkc_upload_embeddings_with",
       [](Call& call) {
         VkcUploadOptions options = VKC_UPLOAD_OPTIONS_INIT;
         options.center = 1;
         call.expect_success(
             vkc_upload_embeddings_with(call.ctx, call.embeddings.values.data(), kN, kD, &options));
       }},
      {"vkc_get_embeddings_info",
       [](Call& call) {
         call.fill<VkcEmbeddingsInfo>(1, [&](VkcEmbeddingsInfo* info) {
           info->struct_size = sizeof *info;
           return vkc_get_embeddings_info(call.ctx, info);
         });
       }},
      {"vkc_compute_similarity_matrix",
       [](Call& call) {
         call.fill<float>(size_t{kN} * kN, [&](float* matrix) {
           return vkc_compute_similarity_matrix(call.ctx, matrix);
         });
       }},
      {"vkc_compute_similarity_rows",
       [](Call& call) {
         call.fill<float>(size_t{9} * kN, [&](float* rows) {
           return vkc_compute_similarity_rows(call.ctx, 3, 9, rows);
         });
       }},
      {"vkc_compute_pair_similarities",
       [](Call& call) {
         constexpr std::array<uint32_t, 3> kOthers = {1, 7, 8};
         call.fill<float>(kStarts.size(), [&](float* similarities) {
           return vkc_compute_pair_similarities(call.ctx, kStarts.data(), kOthers.data(),
                                                kStarts.size(), similarities);
         });
       }},
      {"vkc_compute_diversity_sequence",
       [](Call& call) {
         call.fill<uint32_t>(kN, [&](uint32_t* sequence) {
           return vkc_compute_diversity_sequence(call.ctx, 7, sequence);
         });
       }},
      {"vkc_compute_diversity_sequences",
       [](Call& call) {
         call.fill<uint32_t>(kStarts.size() * kN, [&](uint32_t* sequences) {
           return vkc_compute_diversity_sequences(call.ctx, kStarts.data(), kStarts.size(), kN,
                                                  sequences);
         });
       }},
      {"vkc_compute_diversity_sequences_with",
       [](Call& call) {
         const VkcSequenceOptions options = {sizeof options, VKC_ORDER_AWAY, 0.123456789F, 0};
         call.fill<uint32_t>(kStarts.size() * kN, [&](uint32_t* sequences) {
           return vkc_compute_diversity_sequences_with(call.ctx, kStarts.data(), kStarts.size(), kN,
                                                       &options, sequences);
         });
       }},
      {"vkc_recommended_batch",
       [](Call& call) {
         uint32_t count = 0;
         call.expect_success(vkc_recommended_batch(call.ctx, kN, &count));
       }},
      {"vkc_recommended_batch_with",
       [](Call& call) {
         uint32_t count = 0;
         call.expect_success(vkc_recommended_batch_with(call.ctx, kN, nullptr, &count));
       }},
      {"vkc_compute_nearest_neighbors",
       [](Call& call) {
         std::vector<float> similarities(size_t{kN} * kNeighbors);
         call.fill<uint32_t>(size_t{kN} * kNeighbors, [&](uint32_t* ids) {
           return vkc_compute_nearest_neighbors(call.ctx, kNeighbors, ids, similarities.data());
         });
         append(call.output, similarities.data(), similarities.size());
       }},
      {"vkc_compute_nearest_neighbors_of",
       [](Call& call) {
         std::vector<float> similarities(size_t{9} * kNeighbors);
         call.fill<uint32_t>(size_t{9} * kNeighbors, [&](uint32_t* ids) {
           return vkc_compute_nearest_neighbors_of(call.ctx, 3, 9, kNeighbors, ids,
                                                   similarities.data());
         });
         append(call.output, similarities.data(), similarities.size());
       }},
      {"vkc_find_nearest",
       [](Call& call) {
         std::vector<float> similarities(size_t{3} * kNeighbors);
         call.fill<uint32_t>(similarities.size(), [&](uint32_t* ids) {
           return vkc_find_nearest(call.ctx, call.embeddings.values.data(), 3, kD, kNeighbors, ids,
                                   similarities.data());
         });
         append(call.output, similarities.data(), similarities.size());
       }},
      {"vkc_set_progress",
       [](Call& call) {
         const auto go_on = [](VkcPhase, uint64_t, uint64_t, void*) -> int32_t { return 0; };
         call.expect_success(vkc_set_progress(call.ctx, go_on, nullptr));
         call.fill<float>(
             kN, [&](float* rows) { return vkc_compute_similarity_rows(call.ctx, 3, 1, rows); });
         call.expect_success(vkc_set_progress(call.ctx, nullptr, nullptr));
       }},
      {"vkc_recommended_neighbors_batch",
       [](Call& call) {
         uint32_t count = 0;
         call.expect_success(vkc_recommended_neighbors_batch(call.ctx, kNeighbors, &count));
       }},
      {"vkc_plan_memory",
       [](Call& call) {
         const VkcPlanRequest request{sizeof request, VKC_WORK_DIVERSITY, kN, kD, 0, 0};
         VkcMemoryPlan plan = VKC_MEMORY_PLAN_INIT;
         call.expect_success(vkc_plan_memory(call.ctx, &request, &plan));
       }},
  };
  return all;
}

// What the headers declare.
std::set<std::string> declared_functions() {
  std::set<std::string> names;
  for (const auto& file : std::filesystem::directory_iterator(VKC_INCLUDE_DIRECTORY)) {
    std::ifstream stream(file.path());
    const std::string text(std::istreambuf_iterator<char>(stream), {});
    static const std::regex declaration("VKC_API [^;(]*(vkc_[a-z0-9_]+)\\(");
    for (std::sregex_iterator found(text.begin(), text.end(), declaration), none; found != none;
         ++found) {
      names.insert((*found)[1]);
    }
  }
  return names;
}

TEST(FloatEnvironment, IsTestedForEveryFunction) {
  const std::set<std::string> declared = declared_functions();
  ASSERT_GE(declared.size(), 24U);
  for (const std::string& name : declared) {
    EXPECT_TRUE(functions().contains(name)) << "add " << name << " to the functions above";
  }
  EXPECT_EQ(functions().size(), declared.size());
}

// ---- Their results -----------------------------------------------------------------------------

// All values subnormal, or none.
reference::Embeddings embeddings_of(bool subnormal) {
  reference::Embeddings made = generators::unequal_norms(kN, kD, 1);
  if (!subnormal) return made;
  for (float& value : made.values) value *= 1e-39F;
  return made;
}

// What a call gives in an environment.
Bytes bytes_of(const std::function<void(Call&)>& function, const reference::Embeddings& embeddings,
               const Environment* environment) {
  Call call{checks::shared_context(), embeddings, {}};
  const Restored restored;
  if (environment != nullptr) environment->enter();
  const State before;
  function(call);
  const State after;
  EXPECT_TRUE(after == before) << "the caller's environment is another afterwards";
  return call.output;
}

// What the context computes of the embeddings that it holds.
Bytes bytes_of_embeddings() {
  Bytes out;
  const std::vector<float> matrix = checks::similarity_matrix(checks::shared_context(), kN);
  append(out, matrix.data(), matrix.size());
  const std::vector<uint32_t> walks = checks::sequences(checks::shared_context(), {0, 7}, kN);
  append(out, walks.data(), walks.size());
  return out;
}

TEST(FloatEnvironment, ChangesNoResultAndIsTheCallersAgain) {
  const reference::Embeddings ordinary = embeddings_of(false);
  checks::upload(checks::shared_context(), ordinary);
  for (const auto& [name, function] : functions()) {
    const Bytes expected = bytes_of(function, ordinary, nullptr);
    for (const Environment& environment : environments()) {
      EXPECT_TRUE(bytes_of(function, ordinary, &environment) == expected)
          << name << ", " << environment.name;
    }
  }
}

TEST(FloatEnvironment, ChangesNothingThatIsUploaded) {
  for (const bool subnormal : {false, true}) {
    const reference::Embeddings embeddings = embeddings_of(subnormal);
    for (const char* name : {"vkc_upload_embeddings", "vkc_upload_embeddings_with"}) {
      bytes_of(functions().at(name), embeddings, nullptr);
      const Bytes expected = bytes_of_embeddings();
      for (const Environment& environment : environments()) {
        bytes_of(functions().at(name), embeddings, &environment);
        EXPECT_TRUE(bytes_of_embeddings() == expected)
            << name << ", " << environment.name << (subnormal ? ", subnormal embeddings" : "");
      }
    }
  }
}

// Failures go other ways out.
TEST(FloatEnvironment, IsTheCallersAgainAfterAFailure) {
  for (const Environment& environment : environments()) {
    const Restored restored;
    environment.enter();
    const State before;
    const VkcResult null_context = vkc_recommended_batch(nullptr, 1, nullptr);
    const VkcResult not_finite =
        vkc_upload_embeddings(checks::shared_context(), std::array{NAN}.data(), 1, 1);
    const State after;
    EXPECT_TRUE(after == before) << environment.name;
    EXPECT_EQ(null_context, VKC_ERROR_NULL_POINTER);
    EXPECT_EQ(not_finite, VKC_ERROR_NOT_FINITE);
  }
}

}  // namespace
