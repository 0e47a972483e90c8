#include "vulkan/device_identifiers.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cstdio>
#include <optional>

namespace vkc {

namespace {

// A hexadecimal number that is all of the text.
std::optional<uint32_t> hexadecimal(std::string_view text) {
  constexpr int kBase = 16;
  uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, kBase);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

bool is_uuid(std::string_view text) {
  constexpr std::string_view kShape = "hhhhhhhh-hhhh-hhhh-hhhh-hhhhhhhhhhhh";
  return text.size() == kShape.size() &&
         std::equal(text.begin(), text.end(), kShape.begin(), [](unsigned char c, char shape) {
           return shape == '-' ? c == '-' : std::isxdigit(c) != 0;
         });
}

std::string canonical_pci(std::string_view text) {
  const std::size_t first = text.find(':');
  const std::size_t second =
      first == std::string_view::npos ? std::string_view::npos : text.find(':', first + 1);
  const std::size_t dot =
      second == std::string_view::npos ? std::string_view::npos : text.find('.', second + 1);
  if (dot == std::string_view::npos) return "";
  const auto domain = hexadecimal(text.substr(0, first));
  const auto bus = hexadecimal(text.substr(first + 1, second - first - 1));
  const auto device = hexadecimal(text.substr(second + 1, dot - second - 1));
  const auto function = hexadecimal(text.substr(dot + 1));
  if (!domain || !bus || !device || !function) return "";
  return pci_text(*domain, *bus, *device, *function);
}

}  // namespace

std::string uuid_text(std::span<const uint8_t, kUuidBytes> uuid) {
  if (std::all_of(uuid.begin(), uuid.end(), [](uint8_t byte) { return byte == 0; })) return "";
  constexpr std::string_view kDigits = "0123456789abcdef";
  constexpr unsigned kHalf = 4;
  constexpr unsigned kLow = 15;
  std::string text;
  for (std::size_t i = 0; i < uuid.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += kDigits[uuid[i] >> kHalf];
    text += kDigits[uuid[i] & kLow];
  }
  return text;
}

std::string pci_text(uint32_t domain, uint32_t bus, uint32_t device, uint32_t function) {
  constexpr std::size_t kMost = 48;
  std::array<char, kMost> text{};
  std::snprintf(text.data(), text.size(), "%04x:%02x:%02x.%x", domain, bus, device, function);
  return text.data();
}

std::string canonical_identifier(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  constexpr std::string_view kPrefix = "gpu-";
  const std::string_view rest =
      lower.starts_with(kPrefix) ? std::string_view(lower).substr(kPrefix.size()) : lower;
  return is_uuid(rest) ? std::string(rest) : canonical_pci(lower);
}

}  // namespace vkc
