// What is measured is also right: samples of it, compared with the reference definition.
#pragma once

#include <cstdint>
#include <string>
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
  [[nodiscard]] std::vector<float> float_weights() const;

  // What choosing item i adds to every sum, for all i, n x n, made by a peer.
  std::vector<int32_t> contributions(const Peer& peer);

  // These throw std::runtime_error, naming the place, where a value differs from the reference, by
  // more than `tolerance` for float32 peers. Of matrices, n x n, some rows are compared; of a walk
  // its first compared_items().
  void check_matrix(const float* matrix, float tolerance = 0);
  void check_cosines(const int32_t* matrix);  // as Peer::similarity_int gives them
  void check_walk(const uint32_t* sequence, uint32_t length);
  void check_away(const uint32_t* sequence, uint32_t length, float lambda);  // of that order
  // Of the first `count` items, count x k; some of them are compared.
  void check_neighbors(const uint32_t* ids, uint32_t count, uint32_t k);
  // Of queries, likewise.
  void check_nearest(const reference::Rows<int32_t>& query_units, const uint32_t* ids, uint32_t k);
  [[nodiscard]] uint32_t compared_items(uint32_t length) const;

 private:
  const std::vector<int32_t>& cosines(uint32_t item);
  // Throws where `ids` are not the k items of greatest cosine.
  void check_greatest(const std::vector<int32_t>& cosines, uint32_t left_out, const uint32_t* ids,
                      uint32_t k, const std::string& of) const;

  unsigned threads_;
  std::vector<double> norms_;
  reference::Rows<int32_t> units_;
  std::vector<int64_t> weights_;
  std::unordered_map<uint32_t, std::vector<int32_t>> cosines_;  // rows computed so far
};

}  // namespace bench
