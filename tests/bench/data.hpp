// The embeddings that are measured: real ones, or more of their like.
#pragma once

#include <cstdint>
#include <string>

#include "reference.hpp"

namespace bench {

struct Data {
  reference::Embeddings embeddings{};
  std::string description{};  // for the report: which data it is
};

// The first n rows of real embeddings (0: all), in d dimensions (0: as they are).
//
// Where d is more than theirs, they are turned into as many dimensions by an isometry, which keeps
// cosines to within the rounding of float32; where it is less, they are projected by a seeded
// random matrix of signs, which keeps them to within about 1 / sqrt(d). Where n is more than they
// are, further rows are mixes of two of them with a little noise, of a norm between theirs. The
// same on every machine.
Data real_like(const reference::Embeddings& real, const std::string& name, uint32_t n, uint32_t d);

// Writes a version 1.0 .npy file, float32 in C order. Throws std::runtime_error.
void write_npy(const std::string& path, const reference::Embeddings& embeddings);

}  // namespace bench
