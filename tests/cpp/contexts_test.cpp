// Contexts beside one another and one after the other, and what a context leaves behind. For
// threads see threads_test.cpp.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

#include "checks.hpp"
#include "generators.hpp"

namespace {

using checks::make_context;

constexpr bool kCenter = true;

TEST(Contexts, TwoInterleaved) {
  const auto a = generators::unequal_norms(130, 7, 1);
  const auto b = generators::unequal_norms(67, 65, 2);
  const reference::Results expected_a(a, false);
  const reference::Results expected_b(b, kCenter);
  checks::Context ctx_a = make_context();
  const checks::Context ctx_b = make_context();
  checks::upload(ctx_a.get(), a);
  checks::upload(ctx_b.get(), b, kCenter);
  EXPECT_EQ(checks::sequence(ctx_a.get(), a.n, 3), expected_a.sequence(3, a.n));
  EXPECT_EQ(checks::similarity_matrix(ctx_b.get(), b.n), expected_b.similarity.values);
  EXPECT_EQ(checks::similarity_matrix(ctx_a.get(), a.n), expected_a.similarity.values);
  EXPECT_EQ(checks::sequence(ctx_b.get(), b.n, 3), expected_b.sequence(3, b.n));
  ctx_a.reset();
  EXPECT_EQ(checks::sequence(ctx_b.get(), b.n, 66), expected_b.sequence(66, b.n));
}

int64_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  int64_t total = 0;
  int64_t resident = 0;
  statm >> total >> resident;
  return resident * sysconf(_SC_PAGESIZE);
}

void round_of(const reference::Embeddings& embeddings) {
  const checks::Context ctx = make_context();
  checks::upload(ctx.get(), embeddings);
  checks::similarity_matrix(ctx.get(), embeddings.n);
  checks::sequence(ctx.get(), embeddings.n, 0);
}

// A round's smallest device buffer is its embeddings, 300 x 100 x 4 bytes = 120 kB; were it or
// anything as large kept, 180 rounds would keep 21 MB. The bound is well below that, and above what
// allocators and the driver's caches wander by.
TEST(Contexts, LeaveMemoryWhereItWas) {
  const auto embeddings = generators::unequal_norms(300, 100, 4);
  for (int round = 0; round < 20; ++round) round_of(embeddings);
  const int64_t before = resident_bytes();
  ASSERT_GT(before, 0);
  for (int round = 0; round < 180; ++round) round_of(embeddings);
  const int64_t growth = resident_bytes() - before;
  RecordProperty("growth_bytes", std::to_string(growth));
  EXPECT_LT(growth, 8 << 20);
}

// The same for what one context does again and again.
TEST(Contexts, UploadsLeaveMemoryWhereItWas) {
  const auto embeddings = generators::unequal_norms(300, 100, 5);
  const checks::Context ctx = make_context();
  const auto round = [&] {
    checks::upload(ctx.get(), embeddings);
    checks::similarity_matrix(ctx.get(), embeddings.n);
    checks::sequence(ctx.get(), embeddings.n, 0);
    EXPECT_NE(vkc_upload_embeddings(ctx.get(), embeddings.values.data(), 0, 1), VKC_SUCCESS);
  };
  for (int i = 0; i < 20; ++i) round();
  const int64_t before = resident_bytes();
  for (int i = 0; i < 180; ++i) round();
  EXPECT_LT(resident_bytes() - before, 8 << 20);
}

// What is written to standard output and standard error while the object lives.
class Capture {
 public:
  Capture() {
    std::fflush(nullptr);
    std::cout.flush();
    for (const int stream : {STDOUT_FILENO, STDERR_FILENO}) {
      saved_[stream] = dup(stream);
      dup2(fileno(file_), stream);
    }
  }
  ~Capture() {
    restore();
    std::fclose(file_);
  }
  Capture(const Capture&) = delete;
  Capture& operator=(const Capture&) = delete;

  std::string text() {
    restore();
    std::string result;
    std::rewind(file_);
    for (int c = std::fgetc(file_); c != EOF; c = std::fgetc(file_)) {
      result.push_back(static_cast<char>(c));
    }
    return result;
  }

 private:
  void restore() {
    std::fflush(nullptr);
    for (const int stream : {STDOUT_FILENO, STDERR_FILENO}) {
      if (saved_[stream] < 0) continue;
      dup2(saved_[stream], stream);
      close(saved_[stream]);
      saved_[stream] = -1;
    }
  }

  FILE* file_ = std::tmpfile();
  int saved_[3] = {-1, -1, -1};
};

TEST(Silence, CaptureSeesBothStreams) {
  Capture capture;
  std::printf("out");
  std::fflush(stdout);
  std::fprintf(stderr, "err");
  EXPECT_EQ(capture.text(), "outerr");
}

TEST(Silence, NothingIsPrinted) {
  const auto embeddings = generators::unequal_norms(65, 7, 6);
  std::vector<uint32_t> sequence(65);
  std::vector<float> matrix(size_t{65} * 65);
  std::vector<VkcResult> results;
  Capture capture;
  for (const uint32_t validation : {0U, 1U}) {
    const VkcOptions options{
        .struct_size = sizeof(VkcOptions), .validation = validation, .device = nullptr};
    VkComputeContext* ctx = nullptr;
    results.push_back(vkc_create(&options, &ctx));
    results.push_back(vkc_upload_embeddings(ctx, embeddings.values.data(), 65, 7));
    results.push_back(vkc_compute_diversity_sequence(ctx, 64, sequence.data()));
    results.push_back(vkc_compute_similarity_matrix(ctx, matrix.data()));
    // Failures are as silent.
    vkc_compute_diversity_sequence(ctx, 65, sequence.data());
    vkc_compute_similarity_rows(ctx, 64, 2, matrix.data());
    vkc_upload_embeddings(ctx, nullptr, 65, 7);
    const VkcOptions no_device{sizeof(VkcOptions), validation, "no such device"};
    VkComputeContext* none = nullptr;
    vkc_create(&no_device, &none);
    uint32_t count = 0;
    results.push_back(vkc_list_devices(nullptr, &count));
    vkc_destroy(ctx);
  }
  EXPECT_EQ(capture.text(), "");
  for (const VkcResult result : results) EXPECT_EQ(result, VKC_SUCCESS);
}

}  // namespace
