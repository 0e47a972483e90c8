#include "measuring.hpp"

#include <cstdio>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <utility>

namespace bench {

void require(VkcResult result) {
  if (result != VKC_SUCCESS) throw std::runtime_error(vkc_last_error());
}

Context make_context(const Options& options) {
  VkcOptions settings{};
  settings.struct_size = sizeof(settings);
  settings.device = options.device.c_str();
  VkComputeContext* ctx = nullptr;
  require(vkc_create(&settings, &ctx));
  return {ctx, vkc_destroy};
}

void upload(VkComputeContext* ctx, const reference::Embeddings& embeddings, bool center) {
  VkcUploadOptions settings{};
  settings.struct_size = sizeof(settings);
  settings.center = center ? 1 : 0;
  require(vkc_upload_embeddings_with(ctx, embeddings.values.data(), embeddings.n, embeddings.d,
                                     &settings));
}

std::vector<uint32_t> spread_starts(uint32_t n, uint32_t count) {
  std::vector<uint32_t> starts(count);
  for (uint32_t i = 0; i < count; ++i) starts[i] = static_cast<uint32_t>(uint64_t{i} * n / count);
  return starts;
}

Measuring::Measuring(const Options& options, bool center, WarmUp* warm_up)
    : owner_(make_context(options)),
      ctx_(owner_.get()),
      options_(options),
      center_(center),
      warm_up_(warm_up) {}

Figure Measuring::measure(const std::string& name, const Subject& subject,
                          std::vector<Contender> contenders) {
  std::fprintf(stderr, "n = %u, %s: %s\n", subject.n, center_ ? "centred" : "not centred",
               name.c_str());
  longest_ = 0;
  Contender& ours = contenders.front();
  // Peers, and what ours prepares, run on the host, while the device idles.
  ours.prepare = [this, prepare = std::move(ours.prepare)] {
    if (prepare) prepare();
    warm_up();
  };
  take_turns(contenders, options_.repeat, options_.seconds);
  Figure figure{.name = name, .subject = subject, .seconds = ours.seconds};
  figure.longest_submission = longest_;
  figure.note = ours.note;
  for (std::size_t i = 1; i < contenders.size(); ++i) {
    const Contender& other = contenders[i];
    figure.yardsticks.push_back({other.name, other.seconds, ratio(ours, other), other.note});
  }
  return figure;
}

void Measuring::warm_up() {
  if (warm_up_ != nullptr) warm_up_->run();
}

void Measuring::add_torch(Figure& figure, const nlohmann::json& torch) {
  if (torch.is_null()) return;
  for (const auto& other : torch.at("figures")) {
    const Subject& subject = figure.subject;
    if (other.at("name") != figure.name || other.at("n") != subject.n ||
        other.at("d") != subject.d || other.at("center") != subject.center ||
        other.value("length", 0U) != subject.length) {
      continue;
    }
    const auto seconds = other.at("seconds").get<std::vector<double>>();
    const auto starts = other.value("starts", 0U);
    const double share = starts == 0 ? 1.0 : static_cast<double>(subject.starts) / starts;
    figure.yardsticks.push_back({other.at("by").get<std::string>(), seconds,
                                 median(figure.seconds) / (median(seconds) * share),
                                 share == 1.0 ? "" : std::to_string(starts) + " walks"});
  }
}

}  // namespace bench
