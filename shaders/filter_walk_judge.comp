// The third kernel of a step: what each candidate is chosen by, exactly as the definition has it. A
// workgroup takes some candidates of a walk, with a part of the items chosen; nothing to do where
// there is only one candidate.
#version 460
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require
#extension GL_GOOGLE_include_directive : require
#include "filter_walk.glsl"

layout(constant_id = WORKGROUP_SIZE_ID) const uint INVOCATIONS = 64;
layout(constant_id = PARTS_ID) const uint PARTS = 1;
layout(constant_id = JUDGES_ID) const uint JUDGES = 1;
layout(local_size_x_id = WORKGROUP_SIZE_ID) in;

shared int64_t values[INVOCATIONS];

int64_t product_of(uint a, uint b) {
  UnitVector x = unit_vector(a);
  UnitVector y = unit_vector(b);
  int64_t sum = 0;
  for (uint v = 0; v < push.units_pitch / 4; v += 4) {
    [[unroll]] for (uint i = 0; i < 4; ++i) {
      const ivec4 p = x.at[v + i];
      const ivec4 q = y.at[v + i];
      [[unroll]] for (uint k = 0; k < 4; ++k) sum += int64_t(p[k]) * int64_t(q[k]);
    }
  }
  return sum;
}

int64_t joined(int64_t a, int64_t b) { return SCORES ? max(a, b) : a + b; }

void judge(uint walk, uint candidate, uint part, uint count) {
  const uint invocation = gl_LocalInvocationIndex;
  const uint row = candidates_of(walk).at[candidate];
  Uints chosen = chosen_of(walk);
  Ints weights = Ints(push.weights);

  // No cosine is less than -2^30.
  int64_t value = SCORES ? -int64_t(FIXED_POINT_ONE) : int64_t(0);
  for (uint i = part * INVOCATIONS + invocation; i < count; i += PARTS * INVOCATIONS) {
    const uint other = chosen.at[i];
    const int c = cosine(product_of(row, other), row, other);
    if (SCORES && i == 0) with_start_of(walk).at[candidate] = c;
    // In `toward` the start does not count.
    if (SCORES && i == 0 && push.toward == 1) continue;
    value = joined(value, SCORES ? int64_t(c) : from_product(int64_t(c) * int64_t(weights.at[other])));
  }
  values[invocation] = value;
  barrier();
  for (uint half_way = INVOCATIONS / 2; half_way > 0; half_way /= 2) {
    if (invocation < half_way) {
      value = joined(value, values[invocation + half_way]);
      values[invocation] = value;
    }
    barrier();
  }
  if (invocation == 0) parts_of(walk).at[candidate * MOST_PARTS + part] = value;
}

void main() {
  const uint part = gl_WorkGroupID.x % PARTS;
  const uint first = gl_WorkGroupID.x / PARTS % JUDGES;
  const uint walk = gl_WorkGroupID.x / PARTS / JUDGES;
  const FilterWalkHead head = Head(state_of(walk)).head;
  if (head.condition != push.condition) return;
  if (head.candidates == 1 && head.condition == WALK_STEPS) return;
  for (uint c = first; c < head.candidates; c += JUDGES) judge(walk, c, part, head.count);
}
