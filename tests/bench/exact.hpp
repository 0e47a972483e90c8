// What is measured is also right: samples of it, compared with the reference definition.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "peer.hpp"
#include "reference.hpp"

namespace bench {

class Exact {
 public:
  Exact(const reference::Embeddings& embeddings, bool center, unsigned threads);

  [[nodiscard]] const reference::Rows<int32_t>& units() const { return units_; }

  // Unit vectors in float32, as the peers multiply them.
  [[nodiscard]] std::vector<float> float_units() const;

  // What choosing item i adds to every sum, for all i, n x n, made by a peer.
  std::vector<int32_t> contributions(const Peer& peer);

  // These throw std::runtime_error, naming the place, where a value differs from the reference, by
  // more than `tolerance` for float32 peers. Of matrices, n x n, some rows are compared; of a walk
  // its first compared_items().
  void check_matrix(const float* matrix, float tolerance = 0);
  void check_cosines(const int32_t* matrix);  // as Peer::similarity_int gives them
  void check_walk(const uint32_t* sequence, uint32_t length);
  void check_away(const uint32_t* sequence, uint32_t length, float lambda);  // of that order
  void check_neighbors(const uint32_t* ids, uint32_t k);  // n x k, of the sampled items
  [[nodiscard]] uint32_t compared_items(uint32_t length) const;

 private:
  const std::vector<int32_t>& cosines(uint32_t item);
  [[nodiscard]] std::vector<uint32_t> sampled_rows() const;

  unsigned threads_;
  std::vector<double> norms_;
  reference::Rows<int32_t> units_;
  std::vector<int64_t> weights_;
  std::unordered_map<uint32_t, std::vector<int32_t>> cosines_;  // rows computed so far
};

}  // namespace bench
