// Embeddings for tests: the same numbers on every machine.
#pragma once

#include <cmath>
#include <cstdint>
#include <random>

#include "reference.hpp"

namespace generators {

using reference::Embeddings;

// The standard fixes what the engine gives, but not what its distributions make of it, so these are
// made by hand.
class Random {
 public:
  explicit Random(uint64_t seed) : engine_(seed) {}

  uint32_t below(uint32_t limit) { return static_cast<uint32_t>(engine_() % limit); }

  // In [-1, 1).
  float uniform() {
    return std::ldexp(static_cast<float>(static_cast<int32_t>(below(1U << 24)) - (1 << 23)), -23);
  }

 private:
  std::mt19937_64 engine_;
};

// Rows whose norms lie far apart.
inline Embeddings unequal_norms(uint32_t n, uint32_t d, uint64_t seed) {
  Random random(seed);
  Embeddings embeddings{n, d, {}};
  for (uint32_t i = 0; i < n; ++i) {
    const float scale = std::ldexp(1.0F, static_cast<int>(random.below(5)) - 2);
    for (uint32_t k = 0; k < d; ++k) embeddings.values.push_back(scale * random.uniform());
  }
  return embeddings;
}

// Rows of norm 1, as near as float32 comes.
inline Embeddings unit_norms(uint32_t n, uint32_t d, uint64_t seed) {
  Embeddings embeddings = unequal_norms(n, d, seed);
  for (uint32_t i = 0; i < n; ++i) {
    double sum = 0;
    for (uint32_t k = 0; k < d; ++k) sum += double{embeddings.row(i)[k]} * embeddings.row(i)[k];
    for (uint32_t k = 0; k < d; ++k) {
      embeddings.row(i)[k] = static_cast<float>(embeddings.row(i)[k] / std::sqrt(sum));
    }
  }
  return embeddings;
}

// Rows of -1, 0 and 1: full of exact ties, duplicates, opposite rows and zero rows.
inline Embeddings ties(uint32_t n, uint32_t d, uint64_t seed) {
  Random random(seed);
  Embeddings embeddings{n, d, {}};
  for (size_t i = 0; i < size_t{n} * d; ++i) {
    embeddings.values.push_back(static_cast<float>(random.below(3)) - 1);
  }
  return embeddings;
}

// As unequal_norms, with every third row a copy of an earlier one.
inline Embeddings duplicates(uint32_t n, uint32_t d, uint64_t seed) {
  Embeddings embeddings = unequal_norms(n, d, seed);
  Random random(seed + 1);
  for (uint32_t i = 2; i < n; i += 3) {
    const uint32_t original = random.below(i);
    for (uint32_t k = 0; k < d; ++k) embeddings.row(i)[k] = embeddings.row(original)[k];
  }
  return embeddings;
}

// As unequal_norms, with every fifth row zero, the first one too.
inline Embeddings zero_rows(uint32_t n, uint32_t d, uint64_t seed) {
  Embeddings embeddings = unequal_norms(n, d, seed);
  for (uint32_t i = 0; i < n; i += 5) {
    for (uint32_t k = 0; k < d; ++k) embeddings.row(i)[k] = 0;
  }
  return embeddings;
}

// Rows in pairs that differ in the last bit of one number.
inline Embeddings last_bits(uint32_t n, uint32_t d, uint64_t seed) {
  Embeddings embeddings = generators::unequal_norms(n, d, seed);
  for (uint32_t i = 1; i < n; i += 2) {
    for (uint32_t k = 0; k < d; ++k) embeddings.row(i)[k] = embeddings.row(i - 1)[k];
    embeddings.row(i)[i % d] = std::nextafter(embeddings.row(i)[i % d], 2.0F);
  }
  return embeddings;
}

// Rows around one direction, all so near it that float16 cannot tell them apart.
inline Embeddings near_ties(uint32_t n, uint32_t d, uint64_t seed) {
  Embeddings embeddings = generators::unequal_norms(n, d, seed);
  for (uint32_t i = 0; i < n; ++i) {
    for (uint32_t k = 0; k < d; ++k) {
      embeddings.row(i)[k] = 1 + std::ldexp(embeddings.row(i)[k], -12);
    }
  }
  return embeddings;
}

// Norms from 1e-20 to 1e20.
inline Embeddings norms_of_any_size(uint32_t n, uint32_t d, uint64_t seed) {
  Embeddings embeddings = generators::unequal_norms(n, d, seed);
  for (uint32_t i = 0; i < n; ++i) {
    for (uint32_t k = 0; k < d; ++k) {
      embeddings.row(i)[k] *= std::pow(10.0F, static_cast<float>(i % 41) - 20);
    }
  }
  return embeddings;
}

// Every row the same.
inline Embeddings equal_rows(uint32_t n, uint32_t d, uint64_t seed) {
  Embeddings embeddings = unequal_norms(n, d, seed);
  for (uint32_t i = 1; i < n; ++i) {
    for (uint32_t k = 0; k < d; ++k) embeddings.row(i)[k] = embeddings.row(0)[k];
  }
  return embeddings;
}

inline Embeddings all_zero(uint32_t n, uint32_t d, uint64_t /*seed*/) {
  return {n, d, std::vector<float>(size_t{n} * d, 0.0F)};
}

}  // namespace generators
