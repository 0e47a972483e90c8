// OpenBLAS, where this machine has it: found at run time, so that the program needs it nowhere.
#pragma once

#include <cstdint>
#include <string>

namespace bench {

class OpenBlas {
 public:
  OpenBlas();  // looks for libopenblas.so.0

  [[nodiscard]] bool found() const { return sgemm_ != nullptr; }
  [[nodiscard]] const std::string& version() const { return version_; }
  void set_threads(int threads) const { set_threads_(threads); }

  // out: n x n products of rows with rows. rows: n x d.
  void similarity(const float* rows, uint32_t n, uint32_t d, float* out) const;

 private:
  using Sgemm = void (*)(int order, int trans_a, int trans_b, int m, int n, int k, float alpha,
                         const float* a, int lda, const float* b, int ldb, float beta, float* c,
                         int ldc);
  Sgemm sgemm_ = nullptr;
  void (*set_threads_)(int) = nullptr;
  std::string version_;
};

}  // namespace bench
