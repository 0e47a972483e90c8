#include "large.hpp"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>

#include "exact.hpp"
#include "measuring.hpp"
#include "peer.hpp"

namespace bench {

namespace {

using reference::Embeddings;

constexpr float kLambda = 0.5F;

// How much of what a peer found is ours, which rounds nothing.
std::string same_text(const std::vector<uint32_t>& ours, const std::vector<uint32_t>& theirs) {
  std::size_t same = 0;
  for (std::size_t i = 0; i < theirs.size(); ++i) same += ours[i] == theirs[i] ? 1 : 0;
  return std::to_string(100 * same / theirs.size()) + " % of its items are ours";
}

class Large : Measuring {
 public:
  Large(const Options& options, const Embeddings& items, const Embeddings& queries, bool center,
        WarmUp* warm_up)
      : Measuring(options, center, warm_up),
        items_(items),
        queries_(queries),
        exact_(items, center, options.threads) {
    if (!options.peers) return;
    for (const Peer* peer : {&baseline_peer, &native_peer}) {
      if (peer->runs_here()) peers_.push_back(peer);
    }
    units_ = exact_.float_units();
    weights_ = exact_.float_weights();
  }

  std::vector<Figure> all(const nlohmann::json& torch) {
    upload(ctx_, items_, center_);
    std::vector<Figure> figures;
    for (const WalkSize& size : options_.walks) figures.push_back(walks(size));
    figures.push_back(away_walks(options_.walks.front(), figures.front()));
    figures.push_back(neighbors());
    if (queries_.n > 0) figures.push_back(nearest());
    for (Figure& figure : figures) add_torch(figure, torch);
    return figures;
  }

 private:
  [[nodiscard]] Subject subject(uint32_t starts = 0, uint32_t length = 0) const {
    return {items_.n, items_.d, center_, starts, length};
  }

  static std::string text_of(const WalkSize& size) {
    return std::to_string(size.count) + " of " + std::to_string(size.length) + " items";
  }

  // Native peers beside ours, by what they write into `found`, which is compared with `ours`.
  template <typename Compute>
  void add_peers(std::vector<Contender>& contenders, std::vector<uint32_t>& found,
                 Compute compute) {
    for (const Peer* peer : peers_) {
      contenders.push_back({"native C++, float32, plain loops, " + std::string(peer->target),
                            [&found, peer, compute] {
                              return wall_seconds([&] { compute(*peer, found.data()); });
                            }});
    }
  }

  Figure with_peers(const std::string& name, const Subject& subject,
                    std::vector<Contender> contenders, const std::vector<uint32_t>& ours,
                    const std::vector<uint32_t>& theirs) {
    Figure figure = measure(name, subject, std::move(contenders));
    if (!peers_.empty()) figure.yardsticks.back().note = same_text(ours, theirs);
    return figure;
  }

  // The order `centroid`. The first after an upload makes the filter's units, too.
  Figure walks(const WalkSize& size) {
    const std::vector<uint32_t> starts = spread_starts(items_.n, size.count);
    std::vector<uint32_t> ours(std::size_t{size.count} * size.length);
    std::vector<uint32_t> theirs(ours.size());
    const auto walk = [&] {
      require(vkc_compute_diversity_sequences(ctx_, starts.data(), size.count, size.length,
                                              ours.data()));
    };
    upload(ctx_, items_, center_);
    warm_up();
    const double first = timed_call(walk);
    std::vector<Contender> contenders = {
        {.name = "ours", .run = [&] { return timed_call(walk); }, .note = text_of(size)}};
    add_peers(contenders, theirs, [&](const Peer& peer, uint32_t* out) {
      peer.walks_by_sums(units_.data(), weights_.data(), items_.n, items_.d, starts.data(),
                         size.count, size.length, out, options_.threads);
    });
    Figure figure = with_peers("large_walks", subject(size.count, size.length),
                               std::move(contenders), ours, theirs);
    figure.yardsticks.push_back(
        {"the same after a fresh upload", {first}, median(figure.seconds) / first, ""});
    for (const std::size_t w : {0U, size.count - 1}) {
      exact_.check_walk(ours.data() + w * size.length, size.length);
    }
    return figure;
  }

  Figure away_walks(const WalkSize& size, const Figure& centroid) {
    const std::vector<uint32_t> starts = spread_starts(items_.n, size.count);
    std::vector<uint32_t> ours(std::size_t{size.count} * size.length);
    const VkcSequenceOptions order{sizeof order, VKC_ORDER_AWAY, kLambda, 0};
    const auto walk = [&] {
      require(vkc_compute_diversity_sequences_with(ctx_, starts.data(), size.count, size.length,
                                                   &order, ours.data()));
    };
    Figure figure =
        measure("large_away_walks", subject(size.count, size.length),
                {{.name = "ours", .run = [&] { return timed_call(walk); }, .note = text_of(size)}});
    figure.yardsticks.push_back({"in the order `centroid`", centroid.seconds,
                                 median(figure.seconds) / median(centroid.seconds), ""});
    exact_.check_away(ours.data(), size.length, kLambda);
    return figure;
  }

  Figure neighbors() {
    const uint32_t k = std::min(options_.k, items_.n - 1);
    const uint32_t count = std::min(options_.rows, items_.n);
    std::vector<uint32_t> ours(std::size_t{count} * k);
    std::vector<uint32_t> theirs(ours.size());
    std::vector<float> similarities(ours.size());
    const auto find = [&] {
      require(
          vkc_compute_nearest_neighbors_of(ctx_, 0, count, k, ours.data(), similarities.data()));
    };
    std::vector<Contender> contenders = {
        {.name = "ours",
         .run = [&] { return timed_call(find); },
         .note = "k = " + std::to_string(k) + ", of " + std::to_string(count) + " items"}};
    add_peers(contenders, theirs, [&](const Peer& peer, uint32_t* out) {
      peer.nearest(units_.data(), items_.n, items_.d, units_.data(), count, 0, k, out,
                   options_.threads);
    });
    Figure figure = with_peers("large_neighbors", subject(), std::move(contenders), ours, theirs);
    exact_.check_neighbors(ours.data(), count, k);
    return figure;
  }

  Figure nearest() {
    const uint32_t k = std::min(options_.k, items_.n);
    const uint32_t count = queries_.n;
    const auto rows = reference::queries_in_double(queries_, items_, center_);
    const auto units = reference::unit_vectors(rows, reference::norms(rows));
    std::vector<float> vectors(units.values.size());
    std::transform(units.values.begin(), units.values.end(), vectors.begin(),
                   [](int32_t q) { return static_cast<float>(q) * 0x1p-30F; });
    std::vector<uint32_t> ours(std::size_t{count} * k);
    std::vector<uint32_t> theirs(ours.size());
    std::vector<float> similarities(ours.size());
    const auto find = [&] {
      require(vkc_find_nearest(ctx_, queries_.values.data(), count, queries_.d, k, ours.data(),
                               similarities.data()));
    };
    std::vector<Contender> contenders = {
        {.name = "ours",
         .run = [&] { return timed_call(find); },
         .note = "k = " + std::to_string(k) + ", of " + std::to_string(count) + " queries"}};
    add_peers(contenders, theirs, [&](const Peer& peer, uint32_t* out) {
      peer.nearest(units_.data(), items_.n, items_.d, vectors.data(), count, items_.n, k, out,
                   options_.threads);
    });
    Figure figure = with_peers("large_queries", subject(), std::move(contenders), ours, theirs);
    exact_.check_nearest(units, ours.data(), k);
    return figure;
  }

  const Embeddings& items_;
  const Embeddings& queries_;
  Exact exact_;
  std::vector<const Peer*> peers_;
  std::vector<float> units_;
  std::vector<float> weights_;
};

Embeddings rows_of(const Embeddings& rows, uint32_t first, uint32_t count) {
  const auto begin = rows.values.begin() + std::ptrdiff_t{first} * rows.d;
  return {count, rows.d, {begin, begin + std::ptrdiff_t{count} * rows.d}};
}

}  // namespace

Embeddings large_items(const Options& options, const Embeddings& rows) {
  return rows_of(rows, 0, rows.n - options.queries);
}

std::vector<Figure> measure_large(const Options& options, const Embeddings& rows, bool center,
                                  WarmUp* warm_up, const nlohmann::json& torch) {
  const Embeddings items = large_items(options, rows);
  const Embeddings queries = rows_of(rows, items.n, options.queries);
  return Large(options, items, queries, center, warm_up).all(torch);
}

}  // namespace bench
