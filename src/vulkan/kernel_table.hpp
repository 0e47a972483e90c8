// Every kernel of the library: its code and what is pushed to it. Which kernel runs, with which
// constants and sizes of workgroups, is chosen where it is used: walk_kernels.cpp, similarity.cpp,
// neighbors.cpp, filtered_neighbors.cpp, half_vectors.cpp, pairs.cpp.
#pragma once

#include "vulkan/kernel.hpp"

namespace vkc::kernels {

extern const KernelCode filter_decide;
extern const KernelCode filter_product_float;
extern const KernelCode filter_product_matrix;
extern const KernelCode filter_product_texel;  // where shaders run on the CPU
extern const KernelCode filter_rows;
extern const KernelCode filter_threshold;
extern const KernelCode halve;
extern const KernelCode filter_units;
extern const KernelCode filter_walk_candidates;
extern const KernelCode filter_walk_choose;
extern const KernelCode filter_walk_judge;
extern const KernelCode filter_walk_matrix;
extern const KernelCode filter_walk_product;
extern const KernelCode filter_walk_scores;
extern const KernelCode filter_walk_texel;  // where shaders run on the CPU
extern const KernelCode neighbors;
extern const KernelCode pairs;
extern const KernelCode similarity_shared;  // for GPUs
extern const KernelCode similarity_texel;   // where shaders run on the CPU
extern const KernelCode walk_i64_cpu;
extern const KernelCode walk_i64_gpu;
extern const KernelCode walk_scores_cpu;
extern const KernelCode walk_scores_gpu;
extern const KernelCode walk_u32_cpu;
extern const KernelCode walk_u32_gpu;

}  // namespace vkc::kernels
