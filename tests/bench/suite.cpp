#include "suite.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "api/context.hpp"
#include "base/available_memory.hpp"
#include "data.hpp"
#include "exact.hpp"
#include "large.hpp"
#include "measuring.hpp"
#include "memory.hpp"
#include "npy.hpp"
#include "openblas.hpp"
#include "vulkan/device.hpp"
#include "vulkan/staging.hpp"
#include "warm_up.hpp"

namespace bench {

namespace {

// Peers, and on a CPU sizes that are only tabled, get less time than what the benchmark is about.
double brief_seconds(const Options& options) { return options.seconds / 3; }

std::string of_all(uint32_t count, uint32_t n) {
  return count == n ? "" : std::to_string(count) + " of " + std::to_string(n);
}

std::string allocations_text(const vkc::DeviceMatrix& matrix) {
  const std::size_t count = matrix.blocks().size();
  return "into " + std::to_string(count) + (count == 1 ? " allocation" : " allocations");
}

// The measurements of one set of embeddings, on a context of their own.
class Measurement : Measuring {
 public:
  Measurement(const Options& options, const Report& report, const reference::Embeddings& embeddings,
              bool center, WarmUp* warm_up)
      : Measuring(options, center, warm_up),
        report_(report),
        embeddings_(embeddings),
        n_(embeddings.n),
        length_(options.length == 0 ? n_ : std::min(options.length, n_)),
        exact_(embeddings, center, options.threads) {}

  // Everything, beside the peers; torch: what torch_walks.py wrote.
  std::vector<Figure> all(const OpenBlas& openblas, const nlohmann::json& torch) {
    use_peers(openblas);
    std::vector<Figure> figures = {similarity_kernel(), measure_upload(), similarity_to_memory()};
    for (Figure& figure : walks()) figures.push_back(std::move(figure));
    const Figure all_walks = figures.back();
    figures.push_back(walks_without_reuse(all_walks));
    for (Figure& figure : away_walks(all_walks)) figures.push_back(std::move(figure));
    if (n_ > 1) {
      for (Figure& figure : nearest_neighbors(figures.front()))
        figures.push_back(std::move(figure));
    }
    for (Figure& figure : figures) add_torch(figure, torch);
    return figures;
  }

  // What is tabled against n, without peers.
  std::vector<Figure> of_size() {
    std::vector<Figure> figures = {similarity_kernel()};
    upload(ctx_, embeddings_, center_);
    for (Figure& figure : walks()) figures.push_back(std::move(figure));
    return figures;
  }

 private:
  void use_peers(const OpenBlas& openblas) {
    if (!options_.peers) return;
    // Two of theirs and one of ours.
    const uint64_t needed = 3 * matrix_elements() * sizeof(float);
    if (needed > vkc::available_host_bytes() / 2) {
      std::fprintf(stderr, "peers left out: their matrices take too much of the host's memory\n");
      return;
    }
    for (const Peer* peer : {&baseline_peer, &native_peer}) {
      if (peer->runs_here()) native_.push_back(peer);
    }
    if (openblas.found()) openblas_ = &openblas;
  }

  [[nodiscard]] uint64_t matrix_elements() const { return uint64_t{n_} * n_; }

  [[nodiscard]] Subject subject(uint32_t starts = 0, uint32_t length = 0) const {
    return {n_, embeddings_.d, center_, starts, length};
  }

  // A time worked out from a bandwidth.
  static void add_floor(Figure& figure, const std::string& name, double bytes,
                        double bytes_per_second) {
    const double seconds = bytes / bytes_per_second;
    figure.yardsticks.insert(figure.yardsticks.begin(),
                             {name, {seconds}, median(figure.seconds) / seconds, ""});
  }

  void add_walk_floors(Figure& figure) {
    const std::string floor = "streaming floor";
    const double bytes =
        static_cast<double>(n_) * sizeof(int32_t) * figure.subject.length * figure.subject.starts;
    if (ctx_->device().limits().is_cpu) {
      add_floor(figure, floor + " by memcpy", bytes, report_.host_copy.bytes_per_second);
    }
    add_floor(figure, floor, bytes, report_.device_copy.bytes_per_second);
  }

  // The similarity in float32 from the peers, into `out`.
  void add_float_peers(std::vector<Contender>& contenders, const std::vector<float>& units,
                       std::vector<float>& out) {
    constexpr float kTolerance = 1e-4F;
    const auto add = [&](const std::string& name, auto compute) {
      contenders.push_back({name, [this, &out, compute] {
                              const double seconds = wall_seconds(compute);
                              exact_.check_matrix(out.data(), kTolerance);
                              return seconds;
                            }});
    };
    for (const Peer* peer : native_) {
      add("native C++, float32, plain loops, " + std::string(peer->target), [&, peer] {
        peer->similarity_plain(units.data(), n_, embeddings_.d, out.data(), options_.threads);
      });
      add("native C++, float32, register tiles, " + std::string(peer->target), [&, peer] {
        peer->similarity_tiled(units.data(), n_, embeddings_.d, out.data(), options_.threads);
      });
    }
    if (openblas_ != nullptr) {
      add("OpenBLAS sgemm, float32",
          [&] { openblas_->similarity(units.data(), n_, embeddings_.d, out.data()); });
    }
  }

  Figure similarity_kernel() {
    const vkc::Device& device = ctx_->device();
    vkc::Staging staging(device);
    const vkc::DeviceEmbeddings resident(staging, embeddings_.values.data(), n_, embeddings_.d,
                                         center_);
    vkc::Similarity similarity(device, resident);
    const vkc::DeviceMatrix matrix(staging, n_, n_);
    const auto fill = [&] {
      device.take_work();
      similarity.fill(matrix);
      const vkc::DeviceWork work = device.take_work();
      longest_ = std::max(longest_, work.longest_seconds);
      return work.seconds;
    };
    std::vector<Contender> contenders = {
        {.name = "ours", .run = fill, .note = allocations_text(matrix)}};
    std::vector<float> units;
    std::vector<float> products;
    std::vector<int32_t> cosines;
    if (!native_.empty()) {
      units = exact_.float_units();
      products.resize(matrix_elements());
      cosines.resize(matrix_elements());
    }
    add_float_peers(contenders, units, products);
    for (const Peer* peer : native_) {
      contenders.push_back({"native C++, integer, " + std::string(peer->target), [&, peer] {
                              const double seconds = wall_seconds([&] {
                                peer->similarity_int(exact_.units().values.data(), n_,
                                                     embeddings_.d, cosines.data(),
                                                     options_.threads);
                              });
                              exact_.check_cosines(cosines.data());
                              return seconds;
                            }});
    }
    return measure("similarity_kernel", subject(), std::move(contenders));
  }

  Figure measure_upload() {
    Figure figure = measure(
        "upload", subject(),
        {{"ours", [&] { return timed_call([&] { upload(ctx_, embeddings_, center_); }); }}});
    add_floor(figure, "memcpy of the embeddings",
              2.0 * static_cast<double>(embeddings_.values.size() * sizeof(float)),
              report_.host_copy.bytes_per_second);
    return figure;
  }

  Figure similarity_to_memory() {
    std::vector<float> output(matrix_elements());
    const auto compute = [&] { require(vkc_compute_similarity_matrix(ctx_, output.data())); };
    std::vector<Contender> contenders = {
        after_upload([&, compute] { return timed_call(compute); })};
    std::vector<float> units;
    std::vector<float> products;
    if (!native_.empty()) {
      units = exact_.float_units();
      products.resize(matrix_elements());
    }
    add_float_peers(contenders, units, products);
    Figure figure = measure("similarity_to_memory", subject(), std::move(contenders));
    exact_.check_matrix(output.data());
    return figure;
  }

  // Ours, where the matrix would be there from the last time.
  Contender after_upload(std::function<double()> run) {
    return {.name = "ours", .run = std::move(run), .prepare = [this] {
              upload(ctx_, embeddings_, center_);
            }};
  }

  double walk_once(const std::vector<uint32_t>& starts, std::vector<uint32_t>& output) {
    return timed_call([&] {
      require(vkc_compute_diversity_sequences(
          ctx_, starts.data(), static_cast<uint32_t>(starts.size()), length_, output.data()));
    });
  }

  // As many starts as the time allows, of those asked for. On a GPU, all of them where it allows
  // one run: better fewer runs than some of the walks, which do not show what all cost.
  std::vector<uint32_t> affordable_starts() {
    const uint32_t wanted = options_.starts == 0 ? n_ : std::min(options_.starts, n_);
    constexpr double kEnoughToJudge = 0.3;
    double seconds = 0;
    uint32_t count = 1;
    warm_up();
    for (;; count = std::min(2 * count, wanted)) {
      const std::vector<uint32_t> starts = spread_starts(n_, count);
      std::vector<uint32_t> output(std::size_t{count} * length_);
      seconds = walk_once(starts, output);
      if (count < wanted && seconds <= kEnoughToJudge) continue;
      seconds = walk_once(starts, output);  // the one before may have compiled, or made the matrix
      if (count == wanted || seconds > kEnoughToJudge) break;
    }
    const double each = seconds / count;
    const bool is_cpu = ctx_->device().limits().is_cpu;
    if (!is_cpu && each * wanted <= options_.seconds) return spread_starts(n_, wanted);
    const double affordable = std::max(options_.seconds / options_.repeat / each, 1.0);
    return spread_starts(n_, static_cast<uint32_t>(std::min<double>(wanted, affordable)));
  }

  std::vector<Figure> walks() {
    const std::vector<uint32_t> starts = affordable_starts();
    const auto count = static_cast<uint32_t>(starts.size());
    const std::vector<uint32_t> first = {starts.front()};
    std::vector<uint32_t> output(std::size_t{count} * length_);
    std::vector<uint32_t> walk(length_);
    std::vector<Contender> one = {{"ours", [&] { return walk_once(first, walk); }}};
    std::vector<Contender> many = {{"ours", [&] { return walk_once(starts, output); },
                                    static_cast<double>(count), of_all(count, n_)}};

    // Peers that take too long walk from some of the same starts.
    std::vector<int32_t> contributions;
    std::vector<PeerWalks> peer_walks(native_.size());
    if (!native_.empty()) contributions = exact_.contributions(*native_.back());
    for (std::size_t p = 0; p < native_.size(); ++p) {
      const Peer* peer = native_[p];
      PeerWalks& of_peer = peer_walks[p];
      std::vector<uint32_t> peer_walk(length_);
      const auto walk_from = [&, peer](const std::vector<uint32_t>& from, uint32_t* out) {
        return wall_seconds([&] {
          peer->walks(contributions.data(), n_, from.data(), static_cast<uint32_t>(from.size()),
                      length_, out, options_.threads);
        });
      };
      const double each = walk_from(first, peer_walk.data()) / options_.threads;
      const double affordable =
          std::max<double>(brief_seconds(options_) / options_.repeat / each, options_.threads);
      of_peer.indices =
          spread_starts(count, static_cast<uint32_t>(std::min<double>(count, affordable)));
      for (const uint32_t index : of_peer.indices) of_peer.starts.push_back(starts[index]);
      of_peer.output.resize(of_peer.starts.size() * length_);
      const std::string name = "native C++, integer, " + std::string(peer->target);
      one.push_back({name, [&, walk_from] { return walk_from(first, walk.data()); }});
      const auto walked = static_cast<uint32_t>(of_peer.starts.size());
      many.push_back(
          {name, [&of_peer, walk_from] { return walk_from(of_peer.starts, of_peer.output.data()); },
           static_cast<double>(walked), of_all(walked, n_)});
    }

    std::vector<Figure> figures = {measure("one_walk", subject(1, length_), std::move(one)),
                                   measure("all_walks", subject(count, length_), std::move(many))};
    for (Figure& figure : figures) add_walk_floors(figure);
    check_walks(output, peer_walks);
    return figures;
  }

  // All walks to their ends, though some have met: beside the figure that makes use of it.
  Figure walks_without_reuse(const Figure& all_walks) {
    const vkc::Device& device = ctx_->device();
    vkc::Staging staging(device);
    const vkc::DeviceEmbeddings resident(staging, embeddings_.values.data(), n_, embeddings_.d,
                                         center_);
    const vkc::DeviceMatrix matrix(staging, n_, n_);
    vkc::Similarity(device, resident).fill(matrix);
    const bool merging = false;
    vkc::Walks walks(device, resident, matrix, vkc::fastest_variant(resident), merging);
    const uint32_t count = all_walks.subject.starts;
    const std::vector<uint32_t> starts = spread_starts(n_, count);
    std::vector<uint32_t> output(std::size_t{count} * length_);
    const auto walk = [&] { walks.walk(starts, length_, {}, output.data()); };
    Figure figure = measure("all_walks_without_reuse", all_walks.subject,
                            {{"ours", [&] { return timed_call(walk); }, static_cast<double>(count),
                              of_all(count, n_)}});
    add_walk_floors(figure);
    figure.yardsticks.push_back(
        {"with reuse", all_walks.seconds, median(figure.seconds) / median(all_walks.seconds), ""});
    check_walks(output, {});
    return figure;
  }

  // In the order `away`, as short as a page of links takes them and as long as the other walks.
  std::vector<Figure> away_walks(const Figure& all_walks) {
    constexpr uint32_t kPage = 11;
    constexpr float kLambda = 0.5F;
    std::vector<Figure> figures;
    const auto add = [&](const std::string& name, uint32_t count, uint32_t length) {
      const std::vector<uint32_t> starts = spread_starts(n_, count);
      std::vector<uint32_t> output(std::size_t{count} * length);
      const VkcSequenceOptions options{sizeof options, VKC_ORDER_AWAY, kLambda, 0};
      const auto walk = [&] {
        require(vkc_compute_diversity_sequences_with(ctx_, starts.data(), count, length, &options,
                                                     output.data()));
      };
      Figure figure = measure(
          name, subject(count, length),
          {{"ours", [&] { return timed_call(walk); }, static_cast<double>(count),
            "length " + std::to_string(length) + (count == n_ ? "" : ", " + of_all(count, n_))}});
      add_walk_floors(figure);
      for (const std::size_t w : {0U, count / 2, count - 1}) {
        exact_.check_away(output.data() + w * length, length, kLambda);
      }
      figures.push_back(std::move(figure));
    };
    add("away_walks_short", n_, std::min(kPage, length_));
    add("away_walks", all_walks.subject.starts, length_);
    return figures;
  }

  // With the matrix, and with what makes it or its rows.
  std::vector<Figure> nearest_neighbors(const Figure& similarity_kernel) {
    constexpr uint32_t kNeighbors = 100;
    const uint32_t k = std::min(kNeighbors, n_ - 1);
    std::vector<uint32_t> ids(std::size_t{n_} * k);
    std::vector<float> similarities(ids.size());
    const auto find = [&] {
      require(vkc_compute_nearest_neighbors(ctx_, k, ids.data(), similarities.data()));
    };
    const auto run = [&] { return timed_call(find); };
    const std::string note = "k = " + std::to_string(k);
    std::vector<Figure> figures;
    const auto add = [&](const std::string& name, Contender ours) {
      std::fill(ids.begin(), ids.end(), n_);
      Figure figure = measure(name, subject(), {std::move(ours)});
      figure.yardsticks.push_back({"similarity kernel alone", similarity_kernel.seconds,
                                   median(figure.seconds) / median(similarity_kernel.seconds), ""});
      exact_.check_neighbors(ids.data(), n_, k);
      figures.push_back(std::move(figure));
    };
    const uint32_t start = 0;
    uint32_t walk = 0;
    require(vkc_compute_diversity_sequences(ctx_, &start, 1, 1, &walk));  // makes the matrix
    add("nearest_neighbors_of_matrix",
        {.name = "ours", .run = run, .note = note + ", the matrix is there"});
    Contender fresh = after_upload(run);
    fresh.note = note + ", after a fresh upload";
    add("nearest_neighbors", std::move(fresh));
    return figures;
  }

  struct PeerWalks {
    std::vector<uint32_t> indices{};  // into ours
    std::vector<uint32_t> starts{};
    std::vector<uint32_t> output{};
  };

  void check_walks(const std::vector<uint32_t>& output, const std::vector<PeerWalks>& peers) {
    const std::size_t count = output.size() / length_;
    for (const std::size_t walk : {std::size_t{0}, count / 2, count - 1}) {
      exact_.check_walk(output.data() + walk * length_, length_);
    }
    for (const PeerWalks& peer : peers) {
      for (std::size_t i = 0; i < peer.indices.size(); ++i) {
        const auto theirs = peer.output.begin() + static_cast<std::ptrdiff_t>(i * length_);
        if (!std::equal(theirs, theirs + length_,
                        output.begin() + std::ptrdiff_t{peer.indices[i]} * length_)) {
          throw std::runtime_error("the walk from item " + std::to_string(peer.starts[i]) +
                                   " is not that of the native peer");
        }
      }
    }
  }

  const Report& report_;
  const reference::Embeddings& embeddings_;
  uint32_t n_;
  uint32_t length_;
  Exact exact_;
  std::vector<const Peer*> native_;
  const OpenBlas* openblas_ = nullptr;
};

// What a program pays once: each beside the same on the same context later.
std::vector<Figure> first_use(const Options& options, const reference::Embeddings& embeddings) {
  Subject subject;
  subject.n = embeddings.n;
  subject.d = embeddings.d;
  subject.center = options.center.front();
  std::vector<uint32_t> walk(embeddings.n);
  Context ctx(nullptr, vkc_destroy);
  const double creation = wall_seconds([&] { ctx = make_context(options); });
  const auto upload_once = [&] {
    return wall_seconds([&] { upload(ctx.get(), embeddings, subject.center); });
  };
  const auto walk_once = [&] {
    return wall_seconds(
        [&] { require(vkc_compute_diversity_sequence(ctx.get(), 0, walk.data())); });
  };
  const double first_upload = upload_once();
  const double first_walk = walk_once();
  const double later_upload = upload_once();
  const double later_walk = walk_once();
  subject.starts = 1;
  subject.length = embeddings.n;
  return {
      Figure{.name = "context_creation", .subject = subject, .seconds = {creation}},
      Figure{.name = "first_upload",
             .subject = subject,
             .seconds = {first_upload},
             .yardsticks = {{"the next upload", {later_upload}, first_upload / later_upload}}},
      Figure{.name = "first_walk",
             .subject = subject,
             .seconds = {first_walk},
             .yardsticks = {{"the first after it", {later_walk}, first_walk / later_walk}}},
  };
}

MemoryUse measure_memory(const Options& options, const reference::Embeddings& embeddings,
                         const Subject& subject) {
  const Context ctx = make_context(options);
  const std::vector<uint32_t> starts = spread_starts(subject.n, subject.starts);
  std::vector<uint32_t> output(std::size_t{subject.starts} * subject.length, 1);
  const VkcPlanRequest request{sizeof(VkcPlanRequest), VKC_WORK_DIVERSITY, subject.n, subject.d,
                               subject.starts,         subject.length};
  VkcMemoryPlan plan{};
  plan.struct_size = sizeof(plan);
  require(vkc_plan_memory(ctx.get(), &request, &plan));
  const PeakMemory peak;
  upload(ctx.get(), embeddings, subject.center);
  give_back_free_memory();
  require(vkc_compute_diversity_sequences(ctx.get(), starts.data(), subject.starts, subject.length,
                                          output.data()));
  return {subject, plan, ctx->device().buffer_memory().most.device, peak.host_bytes()};
}

// Of torch_walks.py or torch_large.py.
std::string torch_sizes(const Options& options) {
  if (!options.large) {
    return " --starts " + std::to_string(options.starts) + " --length " +
           std::to_string(options.length);
  }
  std::string walks;
  for (const WalkSize& size : options.walks) {
    if (!walks.empty()) walks.append(",");
    walks.append(std::to_string(size.count)).append("x").append(std::to_string(size.length));
  }
  return " --walks " + walks + " --rows " + std::to_string(options.rows) + " --queries " +
         std::to_string(options.queries) + " --k " + std::to_string(options.k);
}

// Runs PyTorch's script on the same embeddings, or reads what it wrote.
nlohmann::json torch_figures(const Options& options, const reference::Embeddings& embeddings) {
  if (options.torch.empty()) return nullptr;
  std::string path = options.torch;
  if (options.torch == "run") {
    path = options.json.empty() ? "torch_walks.json" : options.json + ".torch.json";
    const std::string rows = path + ".npy";
    write_npy(rows, embeddings);
    const std::string command = "python3 '" + source_directory() + "/tests/bench/" +
                                (options.large ? "torch_large.py" : "torch_walks.py") +
                                "' --embeddings '" + rows + "' --json '" + path + "' --repeat " +
                                std::to_string(options.repeat) + " --seconds " +
                                std::to_string(brief_seconds(options)) + torch_sizes(options);
    const int status = std::system(command.c_str());
    std::remove(rows.c_str());
    if (status != 0) throw std::runtime_error("failed: " + command);
  }
  std::ifstream file(path);
  if (!file) throw std::runtime_error(path + ": cannot be opened");
  return nlohmann::json::parse(file);
}

reference::Embeddings first_rows(const reference::Embeddings& embeddings, uint32_t n) {
  const auto end = embeddings.values.begin() + std::ptrdiff_t{n} * embeddings.d;
  return {n, embeddings.d, {embeddings.values.begin(), end}};
}

}  // namespace

Report run_suite(const Options& options) {
  const reference::Embeddings real = npy::read<float>(options.embeddings);
  const std::string name = options.embeddings.substr(options.embeddings.rfind('/') + 1);
  const uint32_t queries = options.large ? options.queries : 0;
  const Data data =
      real_like(real, name, (options.n == 0 ? real.n : options.n) + queries, options.d);
  if (!options.write_embeddings.empty()) write_npy(options.write_embeddings, data.embeddings);

  Report report;
  report.threads = options.threads;
  report.host = describe_host(options.threads);
  report.data = data.description;
  const OpenBlas openblas;
  if (openblas.found()) openblas.set_threads(static_cast<int>(options.threads));
  report.openblas = openblas.found() ? openblas.version() : "not found (Debian: libopenblas0)";
  const nlohmann::json torch = torch_figures(options, data.embeddings);
  report.torch = torch.is_null() ? "not asked for" : torch.at("program").get<std::string>();

  if (!options.large) report.first_use = first_use(options, data.embeddings);
  const Context ctx = make_context(options);
  report.device.struct_size = sizeof(report.device);
  require(vkc_get_device_info(ctx.get(), &report.device));
  const bool is_cpu = ctx->device().limits().is_cpu;
  std::unique_ptr<WarmUp> warm_up;
  if (!is_cpu) warm_up = std::make_unique<WarmUp>(ctx->device());
  {
    DeviceCopy copy(ctx->device(), is_cpu ? 256ULL << 20 : 1ULL << 30);
    if (warm_up) warm_up->run();
    report.device_copy = copy.best_bandwidth();
  }
  report.host_copy = memcpy_bandwidth(options.threads);

  if (options.large) {
    for (const bool center : options.center) {
      for (Figure& figure : measure_large(options, data.embeddings, center, warm_up.get(), torch)) {
        report.figures.push_back(std::move(figure));
      }
      const reference::Embeddings items = large_items(options, data.embeddings);
      const WalkSize& size = options.walks.front();
      report.memory.push_back(
          measure_memory(options, items, {items.n, items.d, center, size.count, size.length}));
    }
    return report;
  }
  for (const bool center : options.center) {
    for (Figure& figure : Measurement(options, report, data.embeddings, center, warm_up.get())
                              .all(openblas, torch)) {
      report.figures.push_back(std::move(figure));
    }
    const auto walks = std::find_if(report.figures.rbegin(), report.figures.rend(),
                                    [](const Figure& f) { return f.name == "all_walks"; });
    report.memory.push_back(measure_memory(options, data.embeddings, walks->subject));
  }
  if (options.sizes.empty()) return report;
  Options brief = options;
  if (is_cpu) brief.seconds = brief_seconds(options);
  const Data sized = real_like(real, name, options.sizes.back(), options.d);
  for (const bool center : options.center) {
    for (const uint32_t n : options.sizes) {
      const reference::Embeddings rows = first_rows(sized.embeddings, n);
      for (Figure& figure : Measurement(brief, report, rows, center, warm_up.get()).of_size()) {
        report.by_size.push_back(std::move(figure));
      }
    }
  }
  return report;
}

}  // namespace bench
