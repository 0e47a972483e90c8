#include "walks/orders.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <string>

#include "base/error.hpp"
#include "shaders/interface.h"

namespace vkc {

static_assert(ORDER_TOWARD == VKC_ORDER_TOWARD);

namespace {

struct Name {
  const char* name;
  bool has_lambda;
};

// By VkcOrder.
constexpr auto kNames = std::to_array<Name>(
    {{"VKC_ORDER_CENTROID", false}, {"VKC_ORDER_AWAY", true}, {"VKC_ORDER_TOWARD", true}});

// As few digits as tell it apart: just above 1 is not 1.
std::string text_of(float number) {
  std::array<char, 32> text{};
  const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), number);
  return {text.data(), end};
}

}  // namespace

constinit const uint32_t kOrders = kNames.size();

VkcOrder require_order(uint32_t order, const char* of) {
  if (order < kOrders) return static_cast<VkcOrder>(order);
  std::string all;
  for (uint32_t i = 0; i < kOrders; ++i) {
    if (i > 0) all += i + 1 == kOrders ? " or " : ", ";
    all += std::to_string(i) + " (" + kNames.at(i).name + ")";
  }
  fail(VKC_ERROR_INVALID_ARGUMENT, of, ".order is ", order, " and must be a VkcOrder: ", all);
}

Order make_order(const VkcSequenceOptions& options) {
  const VkcOrder rule = require_order(options.order, "VkcSequenceOptions");
  const auto& [name, has_lambda] = kNames.at(rule);
  if (!has_lambda && options.lambda != 0) {
    fail(VKC_ERROR_INVALID_ARGUMENT, "VkcSequenceOptions.lambda is ", text_of(options.lambda),
         " and must be 0: ", name, " has none");
  }
  const bool is_share = options.lambda >= 0 && options.lambda <= 1;  // NaN is none
  if (!is_share) {
    fail(VKC_ERROR_INVALID_ARGUMENT, "VkcSequenceOptions.lambda is ", text_of(options.lambda),
         " and must be a number from 0 to 1");
  }
  const double one = uint32_t{1} << FIXED_POINT_BITS;
  return {rule, static_cast<int32_t>(std::llrint(options.lambda * one))};
}

}  // namespace vkc
