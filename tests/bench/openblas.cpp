#include "openblas.hpp"

#include <dlfcn.h>

namespace bench {

OpenBlas::OpenBlas() {
  void* library = dlopen("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return;
  const auto config = reinterpret_cast<const char* (*)()>(dlsym(library, "openblas_get_config"));
  set_threads_ = reinterpret_cast<void (*)(int)>(dlsym(library, "openblas_set_num_threads"));
  if (config == nullptr || set_threads_ == nullptr) return;
  version_ = config();
  sgemm_ = reinterpret_cast<Sgemm>(dlsym(library, "cblas_sgemm"));
}

void OpenBlas::similarity(const float* rows, uint32_t n, uint32_t d, float* out) const {
  // As in cblas.h.
  constexpr int kRowMajor = 101;
  constexpr int kNoTrans = 111;
  constexpr int kTrans = 112;
  const auto size = static_cast<int>(n);
  const auto depth = static_cast<int>(d);
  sgemm_(kRowMajor, kNoTrans, kTrans, size, size, depth, 1.0F, rows, depth, rows, depth, 0.0F, out,
         size);
}

}  // namespace bench
