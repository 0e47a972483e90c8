// Walks that keep 64 bits for each item, its state. walk_i64.glsl and walk_scores.glsl say what the
// state is and which item comes next; walk_gpu.glsl and walk_cpu.glsl take the steps.
#include "walk.glsl"

layout(buffer_reference, std430, buffer_reference_align = 16) buffer States {
  i64vec4 at[];
};

// In reductions of 32 bits, which devices have instructions for, where one of 64 bits would be a
// tree of shuffles.
int64_t least_of_subgroup(int64_t mine) {
  const int high = int(mine >> 32);
  const int least_high = subgroupMin(high);
  const uint low = high == least_high ? uint(mine) : 0xffffffffu;
  const uint least_low = subgroupMin(low);
  return (int64_t(least_high) << 32) | int64_t(uint64_t(least_low));
}
