// The native peer: the same results from plain C++ on the host's cores. peer.cpp is compiled twice,
// for the compiler's usual target and for the machine that builds it.
#pragma once

#include <cstdint>

namespace bench {

struct Peer {
  const char* target;  // such as "x86-64, SSE2"

  // Whether this machine has the instructions that the compiler was allowed.
  bool (*runs_here)();

  // out: n x n products of rows with rows, float32. rows: n x d. The first as one would write it,
  // pair by pair; the second in tiles that stay in registers, as a matrix library does it.
  void (*similarity_plain)(const float* rows, uint32_t n, uint32_t d, float* out, unsigned threads);
  void (*similarity_tiled)(const float* rows, uint32_t n, uint32_t d, float* out, unsigned threads);

  // out: n x n cosines in fixed point (step 4 of the definition, but for zero rows, whose diagonal
  // is to be 0). units: n x d.
  void (*similarity_int)(const int32_t* units, uint32_t n, uint32_t d, int32_t* out,
                         unsigned threads);

  // out: count x length item ids, the walks from starts (step 6). contributions: n x n, row i what
  // choosing item i adds to every sum.
  void (*walks)(const int32_t* contributions, uint32_t n, const uint32_t* starts, uint32_t count,
                uint32_t length, uint32_t* out, unsigned threads);

  // The same without a matrix, in float32: a step multiplies every item with the sum of those
  // chosen, each times its weight. Nearly the same walks. items: n x d, of length 1. weights: n.
  void (*walks_by_sums)(const float* items, const float* weights, uint32_t n, uint32_t d,
                        const uint32_t* starts, uint32_t count, uint32_t length, uint32_t* out,
                        unsigned threads);

  // out: count x k ids, the items with the greatest products with each of `count` vectors of length
  // 1, in float32; but not item first_own + i for vector i, where first_own is below n.
  void (*nearest)(const float* items, uint32_t n, uint32_t d, const float* vectors, uint32_t count,
                  uint32_t first_own, uint32_t k, uint32_t* out, unsigned threads);
};

extern const Peer baseline_peer;
extern const Peer native_peer;

}  // namespace bench
