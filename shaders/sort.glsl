// Up to MOST_SORTED keys in shared memory, which a workgroup of INVOCATIONS puts in order.

shared uint64_t sorted[MOST_SORTED];

// A bitonic sort of the first `count`, within `capacity` places, a power of two.
void sort(uint count, uint capacity) {
  for (uint i = count + gl_LocalInvocationIndex; i < capacity; i += INVOCATIONS) {
    sorted[i] = ~uint64_t(0);
  }
  barrier();
  for (uint run = 2; run <= capacity; run *= 2) {
    for (uint distance = run / 2; distance > 0; distance /= 2) {
      for (uint p = gl_LocalInvocationIndex; p < capacity / 2; p += INVOCATIONS) {
        const uint low = 2 * p - (p & (distance - 1));
        const uint high = low + distance;
        const uint64_t a = sorted[low];
        const uint64_t b = sorted[high];
        if ((a > b) == ((low & run) == 0)) {
          sorted[low] = b;
          sorted[high] = a;
        }
      }
      barrier();
    }
  }
}
