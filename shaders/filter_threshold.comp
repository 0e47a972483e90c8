// Raises the thresholds of the filter to what can still be among the k greatest, and drops the candidates
// below: a row a workgroup.
#version 460
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require
#extension GL_GOOGLE_include_directive : require
#include "interface.h"

layout(constant_id = WORKGROUP_SIZE_ID) const uint INVOCATIONS = 64;  // a power of two
layout(local_size_x_id = WORKGROUP_SIZE_ID) in;

layout(push_constant, std430) uniform Push { FilterThresholdPush push; };

#include "filter_candidates.glsl"
#include "sort.glsl"

layout(buffer_reference, std430, buffer_reference_align = 4) buffer Thresholds {
  float at[];
};

float product_of(uint64_t key) {
  const uint order = uint(key >> 32);
  return uintBitsToFloat((order >> 31) == 1 ? order : ~order & 0x7fffffffu);
}

const uint64_t NO_CANDIDATE = ~uint64_t(0);  // as in filter_product.glsl

shared uint kept;

void main() {
  const uint row = gl_WorkGroupID.x;
  const uint count = Counts(push.counts).at[row];
  if (count > MOST_CANDIDATES) {
    if (gl_LocalInvocationIndex == 0) {
      Thresholds(push.thresholds).at[row] = uintBitsToFloat(0x7f800000u);  // no more of this row
    }
    return;
  }
  Candidates candidates = candidates_of_row();
  for (uint i = gl_LocalInvocationIndex; i < count; i += INVOCATIONS) sorted[i] = candidates.at[i];
  if (gl_LocalInvocationIndex == 0) kept = 0;
  sort(count, capacity_for(count));
  // As long as there are no k candidates, all are kept.
  float threshold = uintBitsToFloat(0xff800000u);
  if (count >= push.k && sorted[push.k - 1] != NO_CANDIDATE) {
    threshold = product_of(sorted[push.k - 1]) - push.margin;
  }
  for (uint i = gl_LocalInvocationIndex; i < count; i += INVOCATIONS) {
    if (sorted[i] != NO_CANDIDATE && product_of(sorted[i]) >= threshold) atomicMax(kept, i + 1);
  }
  barrier();
  for (uint i = gl_LocalInvocationIndex; i < kept; i += INVOCATIONS) candidates.at[i] = sorted[i];
  if (gl_LocalInvocationIndex == 0) {
    Thresholds(push.thresholds).at[row] = threshold;
    Counts(push.counts).at[row] = kept;
  }
}
