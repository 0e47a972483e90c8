// What the walk kernels for GPUs share.

// Steps between two looks for vectors without candidates, which need not be read any more.
const uint LOOK = 64;

// The best of each subgroup, of two steps in turn: a subgroup may write the next step's while
// another still reads this step's. Subgroups have four invocations or more.
shared Candidate subgroup_best[2][INVOCATIONS / 4];

// The latest item's row of the matrix. Each step waits for its address, so that of the first block,
// which is often the only one, is not loaded every time.
MatrixRow row_of_matrix(uint row, uint64_t first_block) {
  const uint block = block_of(row);
  return MatrixRow(row_address(block == 0 ? first_block : block_address(block), row));
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
