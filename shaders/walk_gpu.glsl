// What the walk kernels for GPUs share.

// Steps between two looks for vectors without candidates, which need not be read any more.
const uint LOOK = 64;

layout(buffer_reference, std430, buffer_reference_align = 16) readonly buffer MatrixRow {
  ivec4 at[];
};

// The best of each subgroup, of two steps in turn: a subgroup may write the next step's while
// another still reads this step's. Subgroups have four invocations or more.
shared Candidate subgroup_best[2][INVOCATIONS / 4];

// The address of an item's row. Each step waits for it, so the first block's, which is often the
// only one, is not loaded every time.
uint64_t row_address(uint item, uint64_t first_block) {
  const uint b = item >> push.block_shift;
  const uint64_t block = b == 0 ? first_block : Addresses(push.blocks).at[b];
  return block + uint64_t(item & ((1u << push.block_shift) - 1)) * push.matrix_pitch * 4;
}

Candidate best_of_workgroup(Candidate mine, uint step) {
  const uint turn = step & 1;
  const Candidate ours = best_of_subgroup(mine);
  if (subgroupElect()) subgroup_best[turn][gl_SubgroupID] = ours;
  barrier();
  Candidate best = no_candidate();
  // Not gl_SubgroupSize: drivers may fill a part of each subgroup (Intel's report 32 and may use 8).
  const uint filled = INVOCATIONS / gl_NumSubgroups;
  if (gl_NumSubgroups <= filled) {  // the usual case, without a loop
    if (gl_SubgroupInvocationID < gl_NumSubgroups) {
      best = subgroup_best[turn][gl_SubgroupInvocationID];
    }
  } else {
    for (uint s = gl_SubgroupInvocationID; s < gl_NumSubgroups; s += filled) {
      best = better(best, subgroup_best[turn][s]);
    }
  }
  return best_of_subgroup(best);
}
