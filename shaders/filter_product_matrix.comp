// Products of a tile of unit vectors by cooperative matrices: float16, summed up in float32. A
// subgroup of 32 has 32 x 64 of them.
#version 460
#pragma use_vulkan_memory_model
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_EXT_shader_explicit_arithmetic_types : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_memory_scope_semantics : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_NV_cooperative_matrix : require
#include "filter_product.glsl"

layout(local_size_x = 256) in;

const uint SLICE = HALVES_PER_SLICE;
const uint PITCH = SLICE / 8 + 1;  // vectors of eight, padded, so that rows spread over the banks
const uint ITEMS = 32;             // items whose vectors invocations bring at a time, 8 each

shared uvec4 row_slice[SIDE * PITCH];
shared uvec4 column_slice[SIDE * PITCH];
shared float products[8 * 16 * 16];  // a matrix of each subgroup

void main() {
  const uvec2 first = tile_of_workgroup();
  const uint local = gl_LocalInvocationIndex;
  const uint subgroup = gl_SubgroupID;
  const uint item = local / 8;
  const uint eighth = local % 8;

  fcoopmatNV<32, gl_ScopeSubgroup, 16, 16> sums[2][4];
  [[unroll]] for (uint i = 0; i < 2; ++i) {
    [[unroll]] for (uint j = 0; j < 4; ++j) {
      sums[i][j] = fcoopmatNV<32, gl_ScopeSubgroup, 16, 16>(0.0);
    }
  }
  uvec4 row_next[4];
  uvec4 column_next[4];
  [[unroll]] for (uint q = 0; q < 4; ++q) {
    row_next[q] = row_halves(first.x + item + ITEMS * q).at[eighth];
    column_next[q] = item_halves(first.y + item + ITEMS * q).at[eighth];
  }
  const uint eighths = push.halves_pitch / 8;
  for (uint slice = 0; slice < eighths; slice += SLICE / 8) {
    [[unroll]] for (uint q = 0; q < 4; ++q) {
      row_slice[(item + ITEMS * q) * PITCH + eighth] = row_next[q];
      column_slice[(item + ITEMS * q) * PITCH + eighth] = column_next[q];
    }
    barrier();
    // The next slice travels while this one is multiplied; the last one is read again for nothing.
    const uint ahead = min(slice + SLICE / 8, eighths - SLICE / 8) + eighth;
    [[unroll]] for (uint q = 0; q < 4; ++q) {
      row_next[q] = row_halves(first.x + item + ITEMS * q).at[ahead];
      column_next[q] = item_halves(first.y + item + ITEMS * q).at[ahead];
    }
    [[unroll]] for (uint k = 0; k < SLICE / 16; ++k) {
      fcoopmatNV<16, gl_ScopeSubgroup, 16, 16> rows[2];
      fcoopmatNV<16, gl_ScopeSubgroup, 16, 16> columns;
      [[unroll]] for (uint i = 0; i < 2; ++i) {
        coopMatLoadNV(rows[i], row_slice, (subgroup / 2 * 2 + i) * 16 * PITCH + k * 2, PITCH, false);
      }
      [[unroll]] for (uint j = 0; j < 4; ++j) {
        coopMatLoadNV(columns, column_slice, (subgroup % 2 * 4 + j) * 16 * PITCH + k * 2, PITCH, true);
        [[unroll]] for (uint i = 0; i < 2; ++i) {
          sums[i][j] = coopMatMulAddNV(rows[i], columns, sums[i][j]);
        }
      }
    }
    barrier();
  }

  // Which element an invocation has is not known: by way of memory it is. Half a row each.
  const uint lane = gl_SubgroupInvocationID;
  [[unroll]] for (uint i = 0; i < 2; ++i) {
    const uint row = first.x + (subgroup / 2 * 2 + i) * 16 + lane / 2;
    const float threshold = threshold_of(row);
    [[unroll]] for (uint j = 0; j < 4; ++j) {
      coopMatStoreNV(sums[i][j], products, subgroup * 256, 16, false);
      controlBarrier(gl_ScopeSubgroup, gl_ScopeSubgroup, gl_StorageSemanticsShared,
                     gl_SemanticsAcquireRelease);
      const uint column = first.y + (subgroup % 2 * 4 + j) * 16 + lane % 2 * 8;
      for (uint c = 0; c < 8; ++c) {
        const float product = products[subgroup * 256 + lane * 8 + c];
        if (product >= threshold) add_candidate(row, column + c, product);
      }
      controlBarrier(gl_ScopeSubgroup, gl_ScopeSubgroup, gl_StorageSemanticsShared,
                     gl_SemanticsAcquireRelease);
    }
  }
}
