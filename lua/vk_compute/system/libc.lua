--- The functions of the C library that are called directly, declared in one place.
-- @module vk_compute.system.libc

local ffi = require("ffi")

-- Types cannot be declared twice, and outlive a reload of this module.
if not pcall(ffi.typeof, "vk_compute_sigset") then
  ffi.cdef([[
  typedef struct { unsigned long bits[16]; } vk_compute_sigset;
  struct vk_compute_timespec { long tv_sec, tv_nsec; };
  struct vk_compute_winsize { unsigned short rows, columns, x_pixels, y_pixels; };

  void *malloc(size_t bytes);
  void *realloc(void *block, size_t bytes);
  void free(void *block);
  void *memmove(void *to, const void *from, size_t bytes);
  void *memchr(const void *bytes, int byte, size_t count);
  int memcmp(const void *a, const void *b, size_t bytes);

  char *realpath(const char *path, char *resolved);
  ssize_t read(int fd, void *buffer, size_t bytes);
  ssize_t pread(int fd, void *buffer, size_t bytes, int64_t offset);
  ssize_t pwrite(int fd, const void *buffer, size_t bytes, int64_t offset);
  int ftruncate(int fd, int64_t bytes);
  int mkostemps(char *name, int suffix_bytes, int flags);
  int fchmod(int fd, unsigned mode);
  int posix_fallocate(int fd, int64_t offset, int64_t bytes);
  void *mmap(void *address, size_t bytes, int protection, int flags, int fd, int64_t offset);
  int munmap(void *address, size_t bytes);
  int madvise(void *address, size_t bytes, int advice);

  int prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d);
  int sched_getaffinity(int pid, size_t bytes, uint8_t *mask);
  int sigemptyset(vk_compute_sigset *set);
  int sigaddset(vk_compute_sigset *set, int signal);
  int sigprocmask(int how, const vk_compute_sigset *set, vk_compute_sigset *old);
  int sigtimedwait(const vk_compute_sigset *set, void *info, const struct vk_compute_timespec *timeout);

  int ioctl(int fd, unsigned long request, ...);

  void *uselocale(void *locale);
  void *newlocale(int mask, const char *name, void *base);
  double strtod_l(const char *text, char **rest, void *locale);
  ]])
end

return ffi.C
