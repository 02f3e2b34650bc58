// The cpu backend: one entry for each op.
#include "ops/cpu.h"

namespace riffle {

const OpTable<float>& CpuOps() {
  static const OpTable<float> table = {
      .stem_conv_forward = cpu::StemConvForward,
      .stem_conv_backward = cpu::StemConvBackward,
      .max_pool_forward = cpu::MaxPoolForward,
      .max_pool_backward = cpu::MaxPoolBackward,
      .group_conv_prepared_values = cpu::GroupConvPreparedValues,
      .group_conv_prepare = cpu::GroupConvPrepare,
      .group_conv_forward = cpu::GroupConvForward,
      .group_conv_backward = cpu::GroupConvBackward,
      .depthwise_conv_forward = cpu::DepthwiseConvForward,
      .depthwise_conv_backward = cpu::DepthwiseConvBackward,
      .average_pool_forward = cpu::AveragePoolForward,
      .average_pool_backward = cpu::AveragePoolBackward,
      .batch_norm_forward = cpu::BatchNormForward,
      .batch_norm_backward = cpu::BatchNormBackward,
      .gram = cpu::Gram,
      .product_moments = cpu::ProductMoments,
      .product_fold = cpu::ProductFold,
      .product_sums = cpu::ProductSums,
      .product_gradients = cpu::ProductGradients,
      .product_pull_back = cpu::ProductPullBack,
      .relu_forward = cpu::ReluForward,
      .global_average_pool_forward = cpu::GlobalAveragePoolForward,
      .global_average_pool_backward = cpu::GlobalAveragePoolBackward,
      .linear_forward = cpu::LinearForward,
      .linear_backward = cpu::LinearBackward,
      .cross_entropy = cpu::CrossEntropyForwardBackward,
      .binary_cross_entropy = cpu::BinaryCrossEntropyForwardBackward,
      .jensen_shannon = cpu::JensenShannonForwardBackward,
      .distillation = cpu::DistillationForwardBackward,
      .mix_pictures = cpu::MixPictures,
      .mix_targets = cpu::MixTargets,
      .flip = cpu::Flip,
      .flip_mean = cpu::FlipMean,
      .accumulate = cpu::Accumulate,
      .squared_norms = cpu::SquaredNorms,
      .clip_norm = cpu::ClipNorm,
      .update = cpu::Update,
      .approach = cpu::Approach,
      .all_finite = cpu::AllFinite,
  };
  return table;
}

}  // namespace riffle
