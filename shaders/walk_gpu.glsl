// What the walk kernels for GPUs share.
layout(buffer_reference, std430, buffer_reference_align = 16) readonly buffer MatrixRow {
  ivec4 at[];
};

// The best of each subgroup, of two steps in turn: a subgroup may write the next step's while
// another still reads this step's. Subgroups have four invocations or more.
shared Candidate subgroup_best[2][INVOCATIONS / 4];

uint64_t row_address(uint item) {
  const uint64_t block = Addresses(push.blocks).at[item >> push.block_shift];
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
  for (uint s = gl_SubgroupInvocationID; s < gl_NumSubgroups; s += filled) {
    best = better(best, subgroup_best[turn][s]);
  }
  return best_of_subgroup(best);
}
