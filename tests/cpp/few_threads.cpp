// Preloaded into a program, gives it no more threads than the environment variable
// VKC_FAULT_THREADS says, as limits on processes do.
#include <dlfcn.h>
#include <pthread.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>

extern "C" __attribute__((visibility("default"))) int pthread_create(
    pthread_t* thread, const pthread_attr_t* attributes, void* (*start)(void*), void* argument) {
  static const char* const most = std::getenv("VKC_FAULT_THREADS");
  static std::atomic<int> left = most != nullptr ? std::atoi(most) : 0;
  static const auto create =
      reinterpret_cast<decltype(&pthread_create)>(dlsym(RTLD_NEXT, "pthread_create"));
  if (most != nullptr && --left < 0) return EAGAIN;
  return create(thread, attributes, start, argument);
}
