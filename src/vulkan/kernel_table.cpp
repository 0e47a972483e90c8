#include "vulkan/kernel_table.hpp"

#include "shaders/filter_decide.h"
#include "shaders/filter_product_float.h"
#include "shaders/filter_product_matrix.h"
#include "shaders/filter_product_texel.h"
#include "shaders/filter_rows.h"
#include "shaders/filter_threshold.h"
#include "shaders/filter_units.h"
#include "shaders/filter_walk_candidates.h"
#include "shaders/filter_walk_choose.h"
#include "shaders/filter_walk_judge.h"
#include "shaders/filter_walk_matrix.h"
#include "shaders/filter_walk_product.h"
#include "shaders/filter_walk_scores.h"
#include "shaders/filter_walk_texel.h"
#include "shaders/halve.h"
#include "shaders/interface.h"
#include "shaders/neighbors.h"
#include "shaders/pairs.h"
#include "shaders/similarity_shared.h"
#include "shaders/similarity_texel.h"
#include "shaders/walk_i64_cpu.h"
#include "shaders/walk_i64_gpu.h"
#include "shaders/walk_scores_cpu.h"
#include "shaders/walk_scores_gpu.h"
#include "shaders/walk_u32_cpu.h"
#include "shaders/walk_u32_gpu.h"

namespace vkc::kernels {

const KernelCode filter_decide{::filter_decide, sizeof(FilterDecidePush)};
const KernelCode filter_product_float{::filter_product_float, sizeof(FilterProductPush)};
const KernelCode filter_product_matrix{::filter_product_matrix, sizeof(FilterProductPush)};
const KernelCode filter_product_texel{::filter_product_texel, sizeof(FilterProductPush)};
const KernelCode filter_rows{::filter_rows, sizeof(FilterRowsPush)};
const KernelCode filter_threshold{::filter_threshold, sizeof(FilterThresholdPush)};
const KernelCode halve{::halve, sizeof(HalvePush)};
const KernelCode filter_units{::filter_units, sizeof(FilterUnitsPush)};
const KernelCode filter_walk_candidates{::filter_walk_candidates, sizeof(FilterWalkPush)};
const KernelCode filter_walk_choose{::filter_walk_choose, sizeof(FilterWalkPush)};
const KernelCode filter_walk_judge{::filter_walk_judge, sizeof(FilterWalkPush)};
const KernelCode filter_walk_matrix{::filter_walk_matrix, sizeof(FilterWalkPush)};
const KernelCode filter_walk_product{::filter_walk_product, sizeof(FilterWalkPush)};
const KernelCode filter_walk_scores{::filter_walk_scores, sizeof(FilterWalkPush)};
const KernelCode filter_walk_texel{::filter_walk_texel, sizeof(FilterWalkPush)};
const KernelCode neighbors{::neighbors, sizeof(NeighborsPush)};
const KernelCode pairs{::pairs, sizeof(PairsPush)};
const KernelCode similarity_shared{::similarity_shared, sizeof(SimilarityPush)};
const KernelCode similarity_texel{::similarity_texel, sizeof(SimilarityPush)};
const KernelCode walk_i64_cpu{::walk_i64_cpu, sizeof(WalkPush)};
const KernelCode walk_i64_gpu{::walk_i64_gpu, sizeof(WalkPush)};
const KernelCode walk_scores_cpu{::walk_scores_cpu, sizeof(WalkPush)};
const KernelCode walk_scores_gpu{::walk_scores_gpu, sizeof(WalkPush)};
const KernelCode walk_u32_cpu{::walk_u32_cpu, sizeof(WalkPush)};
const KernelCode walk_u32_gpu{::walk_u32_gpu, sizeof(WalkPush)};

}  // namespace vkc::kernels
