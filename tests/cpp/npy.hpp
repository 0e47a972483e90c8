// Reads two-dimensional NumPy files: little-endian float32 or uint32, C order.
#pragma once

#include <bit>
#include <cstdint>
#include <fstream>
#include <regex>
#include <stdexcept>
#include <string>
#include <type_traits>

#include "reference.hpp"

namespace npy {

static_assert(std::endian::native == std::endian::little,
              "values are read as they lie in the file");

template <typename T>
reference::Rows<T> read(const std::string& path) {
  static_assert(std::is_same_v<T, float> || std::is_same_v<T, uint32_t>);
  const std::string descr = std::is_same_v<T, float> ? "<f4" : "<u4";
  const auto fail = [&path](const std::string& why) {
    throw std::runtime_error(path + ": " + why);
  };

  std::ifstream file(path, std::ios::binary);
  if (!file) fail("cannot be opened");
  // Magic string, version 1.0, length of the header in two bytes.
  std::string start(10, '\0');
  file.read(start.data(), static_cast<std::streamsize>(start.size()));
  if (!file || start.compare(0, 8, std::string("\x93NUMPY\x01\x00", 8)) != 0) {
    fail("is not an .npy file of version 1.0");
  }
  const auto low = static_cast<unsigned char>(start[8]);
  const auto high = static_cast<unsigned char>(start[9]);
  std::string header(static_cast<size_t>(low + 256 * high), '\0');
  file.read(header.data(), static_cast<std::streamsize>(header.size()));

  std::smatch match;
  if (header.find("'descr': '" + descr + "'") == std::string::npos) fail("does not hold " + descr);
  if (header.find("'fortran_order': False") == std::string::npos) fail("is not in C order");
  if (!std::regex_search(header, match, std::regex(R"('shape': \((\d+), (\d+)\))"))) {
    fail("is not two-dimensional");
  }
  reference::Rows<T> rows{
      static_cast<uint32_t>(std::stoul(match[1])), static_cast<uint32_t>(std::stoul(match[2])), {}};
  rows.values.resize(size_t{rows.n} * rows.d);
  file.read(reinterpret_cast<char*>(rows.values.data()),
            static_cast<std::streamsize>(rows.values.size() * sizeof(T)));
  if (!file) fail("ends too early");
  if (file.peek() != std::ifstream::traits_type::eof()) fail("holds more than its shape says");
  return rows;
}

}  // namespace npy
