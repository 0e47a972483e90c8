// The library's one exception, and the thread-local message behind vkc_last_error().
#pragma once

#include <exception>
#include <sstream>
#include <string>
#include <utility>

#include "vulkan_compute.h"

namespace vkc {

class Error : public std::exception {
 public:
  Error(VkcResult code, std::string message) : code_(code), message_(std::move(message)) {}

  [[nodiscard]] VkcResult code() const noexcept { return code_; }
  [[nodiscard]] const char* what() const noexcept override { return message_.c_str(); }

 private:
  VkcResult code_;
  std::string message_;
};

// Throws an Error whose message is the parts, streamed one after the other.
template <typename... Parts>
[[noreturn]] void fail(VkcResult code, const Parts&... parts) {
  std::ostringstream message;
  (message << ... << parts);
  throw Error(code, message.str());
}

// "123456 bytes (0.1 MB)": sizes in messages are exact and readable.
std::string format_bytes(unsigned long long bytes);

void set_last_error(const char* message) noexcept;
const char* last_error() noexcept;

const char* result_name(VkcResult result) noexcept;

}  // namespace vkc
