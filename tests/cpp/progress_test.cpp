// What callers are told while a call works, and that a call that is stopped costs nothing but its
// own results.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <numeric>
#include <string>
#include <vector>

#include "checks.hpp"
#include "generators.hpp"

namespace {

using checks::Context;
using checks::failed;
using checks::make_context;
using checks::succeeded;
using Clock = std::chrono::steady_clock;

struct Told {
  VkcPhase phase;
  uint64_t done;
  uint64_t total;
  bool operator==(const Told&) const = default;
};

// Whether this may be told behind that, of the same phase.
bool may_follow(const Told& told, const Told& before) {
  return told.total == before.total && told.done >= before.done && told.done <= told.total;
}

// What a context tells, and when it is stopped.
class Listener {
 public:
  explicit Listener(VkComputeContext* ctx) : ctx_(ctx) {
    EXPECT_TRUE(succeeded(vkc_set_progress(ctx, &Listener::hear, this)));
  }
  Listener(const Listener&) = delete;
  ~Listener() { EXPECT_TRUE(succeeded(vkc_set_progress(ctx_, nullptr, nullptr))); }

  void forget() { told_.clear(); }
  void stop_at(size_t call) { stop_at_ = call; }  // of those since forget(), from 1; 0: never
  [[nodiscard]] const std::vector<Told>& told() const { return told_; }
  [[nodiscard]] Clock::duration longest_silence() const { return longest_silence_; }
  void begin_silence() { heard_at_ = Clock::now(); }

  // The phases in which something was told, in order, each once and with what was told last.
  [[nodiscard]] std::vector<Told> ends() const {
    std::vector<Told> ends;
    for (const Told& told : told_) {
      const auto end = std::ranges::find(ends, told.phase, &Told::phase);
      EXPECT_TRUE(may_follow(told, end == ends.end() ? Told{told.phase, 0, told.total} : *end));
      if (end == ends.end()) {
        EXPECT_EQ(told.done, 0U) << "phase " << told.phase << " begins";
        ends.push_back(told);
      } else {
        *end = told;
      }
    }
    return ends;
  }

 private:
  static int32_t hear(VkcPhase phase, uint64_t done, uint64_t total, void* user) {
    auto& self = *static_cast<Listener*>(user);
    self.longest_silence_ = std::max(self.longest_silence_, Clock::now() - self.heard_at_);
    self.heard_at_ = Clock::now();
    self.told_.push_back({phase, done, total});
    return self.told_.size() == self.stop_at_ ? 1 : 0;
  }

  VkComputeContext* ctx_;
  std::vector<Told> told_;
  size_t stop_at_ = 0;
  Clock::time_point heard_at_ = Clock::now();
  Clock::duration longest_silence_{};
};

constexpr uint32_t kN = 150;
constexpr uint32_t kD = 20;

uint64_t tiles_of(const std::vector<Told>& ends) { return ends.empty() ? 0 : ends.front().total; }

TEST(Progress, TellsOfEachPhaseFromBeginToEnd) {
  const auto embeddings = generators::unequal_norms(kN, kD, 1);
  const Context ctx = make_context();
  Listener listener(ctx.get());

  checks::upload(ctx.get(), embeddings, true);
  std::vector<Told> ends = listener.ends();
  ASSERT_EQ(ends.size(), 1U);
  EXPECT_EQ(ends[0].phase, VKC_PHASE_UPLOAD);
  EXPECT_EQ(ends[0].done, ends[0].total);
  EXPECT_GT(ends[0].total, kN);

  listener.forget();
  checks::similarity_rows(ctx.get(), kN, 3, 7);
  EXPECT_EQ(listener.ends(), (std::vector<Told>{{VKC_PHASE_SIMILARITIES, 7, 7}}));

  listener.forget();
  std::vector<uint32_t> first(11, 2);
  std::vector<float> pairs(11);
  EXPECT_TRUE(succeeded(
      vkc_compute_pair_similarities(ctx.get(), first.data(), first.data(), 11, pairs.data())));
  EXPECT_EQ(listener.ends(), (std::vector<Told>{{VKC_PHASE_SIMILARITIES, 11, 11}}));

  listener.forget();
  checks::sequences(ctx.get(), {1, 5, 9}, 20);
  ends = listener.ends();
  std::ranges::sort(ends, {}, &Told::phase);
  ASSERT_EQ(ends.back(), (Told{VKC_PHASE_WALKS, 3 * 19, 3 * 19}));
  ASSERT_LE(ends.size(), 2U);  // the matrix, where these walks are made with one
  EXPECT_EQ(ends.front().done, tiles_of(ends));

  listener.forget();
  std::vector<uint32_t> ids(size_t{kN} * 4);
  EXPECT_TRUE(succeeded(vkc_compute_nearest_neighbors(ctx.get(), 4, ids.data(), nullptr)));
  ends = listener.ends();
  ASSERT_FALSE(ends.empty());
  EXPECT_EQ(ends.front(), (Told{VKC_PHASE_NEIGHBORS, kN, kN}));

  listener.forget();
  EXPECT_TRUE(succeeded(
      vkc_find_nearest(ctx.get(), embeddings.values.data(), 9, kD, 4, ids.data(), nullptr)));
  ASSERT_FALSE(listener.told().empty());
  EXPECT_EQ(listener.told().back(), (Told{VKC_PHASE_NEIGHBORS, 9, 9}));

  EXPECT_TRUE(succeeded(vkc_set_progress(ctx.get(), nullptr, nullptr)));
  listener.forget();
  checks::similarity_rows(ctx.get(), kN, 3, 7);
  EXPECT_TRUE(listener.told().empty());
}

// Stops a call at the first word, at the second and so on, until it is through; returns how often.
size_t stop_everywhere(Listener& listener, const std::function<VkcResult()>& call,
                       const std::function<void()>& after_stop) {
  for (size_t stopped = 0;; ++stopped) {
    listener.forget();
    listener.stop_at(stopped + 1);
    const VkcResult result = call();
    listener.stop_at(0);
    if (result == VKC_SUCCESS) return stopped;
    EXPECT_TRUE(failed(result, VKC_ERROR_STOPPED, {"vkc_set_progress", "call again"}));
    EXPECT_EQ(listener.told().size(), stopped + 1) << "it went on";
    if (result != VKC_ERROR_STOPPED || stopped > 500) return stopped;
    after_stop();
  }
}

class StoppedEverywhere : public testing::TestWithParam<bool> {};

TEST_P(StoppedEverywhere, ResultsAfterwardsAreRight) {
  const bool alike = GetParam();
  const auto embeddings =
      alike ? generators::equal_rows(kN, kD, 2) : generators::unequal_norms(kN, kD, 2);
  const auto others = generators::unequal_norms(40, 7, 3);
  const reference::Results expected(embeddings, false);
  const reference::Results expected_of_others(others, false);
  const Context ctx = make_context();
  checks::upload(ctx.get(), others);
  Listener listener(ctx.get());

  const auto upload = [&] {
    return vkc_upload_embeddings(ctx.get(), embeddings.values.data(), kN, kD);
  };
  EXPECT_GT(stop_everywhere(listener, upload,
                            [&] {
                              EXPECT_EQ(checks::sequence(ctx.get(), others.n, 1),
                                        expected_of_others.sequence(1, others.n));
                            }),
            3U);

  // One call after the other, each on what the stopped ones before it left behind.
  std::vector<uint32_t> starts(kN);
  std::iota(starts.begin(), starts.end(), 0);
  std::vector<uint32_t> walks(size_t{kN} * kN);
  const auto walk = [&] {
    return vkc_compute_diversity_sequences(ctx.get(), starts.data(), kN, kN, walks.data());
  };
  EXPECT_GT(stop_everywhere(listener, walk, [] {}), 3U);
  for (uint32_t s = 0; s < kN; ++s) {
    const std::vector<uint32_t> sequence(walks.begin() + s * kN, walks.begin() + (s + 1) * kN);
    ASSERT_EQ(sequence, expected.sequence(s, kN)) << "from " << s;
  }
  std::vector<float> matrix(size_t{kN} * kN);
  const auto similarities = [&] { return vkc_compute_similarity_matrix(ctx.get(), matrix.data()); };
  EXPECT_GE(stop_everywhere(listener, similarities, [] {}), 2U);
  EXPECT_EQ(matrix, expected.similarity.values);

  const std::vector<uint32_t> before = checks::sequence(ctx.get(), kN, 5);
  std::vector<uint32_t> ids(size_t{kN} * 5);
  const auto neighbors = [&] {
    return vkc_compute_nearest_neighbors(ctx.get(), 5, ids.data(), nullptr);
  };
  EXPECT_GE(stop_everywhere(listener, neighbors,
                            [&] { EXPECT_EQ(checks::sequence(ctx.get(), kN, 5), before); }),
            2U);
  std::vector<uint32_t> at_once(ids.size());
  EXPECT_TRUE(succeeded(vkc_compute_nearest_neighbors(ctx.get(), 5, at_once.data(), nullptr)));
  EXPECT_EQ(ids, at_once);

  const auto search = [&] {
    return vkc_find_nearest(ctx.get(), embeddings.values.data(), 3, kD, 5, ids.data(), nullptr);
  };
  EXPECT_GE(stop_everywhere(listener, search, [] {}), 2U);
}

INSTANTIATE_TEST_SUITE_P(Rows, StoppedEverywhere, testing::Bool(),
                         [](const auto& rows) { return rows.param ? "alike" : "different"; });

// A call on the context from within is refused, and harms nothing.
TEST(Progress, ContextIsBusyMeanwhile) {
  const auto embeddings = generators::unequal_norms(kN, kD, 4);
  const Context ctx = make_context();
  checks::upload(ctx.get(), embeddings);
  const auto ask = [](VkcPhase /*phase*/, uint64_t /*done*/, uint64_t /*total*/, void* user) {
    VkcEmbeddingsInfo info{};
    info.struct_size = sizeof(info);
    auto* context = static_cast<VkComputeContext*>(user);
    return vkc_get_embeddings_info(context, &info) == VKC_ERROR_CONTEXT_BUSY ? 0 : 1;
  };
  EXPECT_TRUE(succeeded(vkc_set_progress(ctx.get(), ask, ctx.get())));
  EXPECT_EQ(checks::sequence(ctx.get(), kN, 3),
            reference::Results(embeddings, false).sequence(3, kN));
}

TEST(Progress, NeedsAContext) {
  EXPECT_TRUE(failed(vkc_set_progress(nullptr, nullptr, nullptr), VKC_ERROR_NULL_POINTER, {"ctx"}));
}

// With the matrix built in pieces, by a caller who stops each call after a while.
TEST(Progress, IsNeverLongInComingAndTheMatrixGoesOn) {
  constexpr uint32_t kMany = 3000;
  constexpr uint32_t kLong = 256;
  const auto embeddings = generators::unequal_norms(kMany, kLong, 5);
  const Context ctx = make_context();
  Listener listener(ctx.get());
  checks::upload(ctx.get(), embeddings);
  std::vector<uint32_t> sequence(kMany);
  const auto walk = [&] {
    listener.begin_silence();
    listener.forget();
    return vkc_compute_diversity_sequences(ctx.get(), sequence.data(), 1, kMany, sequence.data());
  };
  sequence[0] = 7;
  uint64_t done = 0;
  listener.stop_at(6);
  const VkcResult first = walk();
  if (!listener.told().empty() && listener.told().back().phase == VKC_PHASE_MATRIX) {
    EXPECT_EQ(first, VKC_ERROR_STOPPED);
    done = listener.told().back().done;
    EXPECT_GT(done, 0U);
  }
  listener.stop_at(0);
  sequence[0] = 7;
  EXPECT_TRUE(succeeded(walk()));
  const auto of_matrix = [](const Told& told) { return told.phase == VKC_PHASE_MATRIX; };
  const auto begun = std::ranges::find_if(listener.told(), of_matrix);
  if (begun != listener.told().end()) {
    EXPECT_GE((begun + 1)->done, done) << "what was done of it was lost";
  }
  EXPECT_LT(listener.longest_silence(), std::chrono::seconds(1));
}

}  // namespace
