// The reference backend: one entry for each op.
#include "ops/arena/arena_ref.h"
#include "ops/average_pool/average_pool_ref.h"
#include "ops/batch_norm/batch_norm_ref.h"
#include "ops/binary_cross_entropy/binary_cross_entropy_ref.h"
#include "ops/cross_entropy/cross_entropy_ref.h"
#include "ops/depthwise_conv/depthwise_conv_ref.h"
#include "ops/distillation/distillation_ref.h"
#include "ops/flip/flip_ref.h"
#include "ops/global_average_pool/global_average_pool_ref.h"
#include "ops/gram/gram_ref.h"
#include "ops/group_conv/group_conv_chain_ref.h"
#include "ops/group_conv/group_conv_ref.h"
#include "ops/jensen_shannon/jensen_shannon_ref.h"
#include "ops/linear/linear_ref.h"
#include "ops/max_pool/max_pool_ref.h"
#include "ops/mix/mix_ref.h"
#include "ops/op_table.h"
#include "ops/pictures/pictures_ref.h"
#include "ops/product_norm/product_norm_ref.h"
#include "ops/relu/relu_ref.h"
#include "ops/shared_moments/shared_moments_ref.h"
#include "ops/stem_conv/stem_conv_ref.h"
#include "ops/update/update_ref.h"

namespace riffle {

template <class T>
const OpTable<T>& ReferenceOps() {
  static const OpTable<T> table = {
      .stem_conv_forward = ReferenceStemConvForward<T>,
      .stem_conv_backward = ReferenceStemConvBackward<T>,
      .max_pool_forward = ReferenceMaxPoolForward<T>,
      .max_pool_backward = ReferenceMaxPoolBackward<T>,
      .group_conv_prepared_values = ReferenceGroupConvPreparedValues,
      .group_conv_prepare = ReferenceGroupConvPrepare<T>,
      .group_conv_forward = ReferenceGroupConvForward<T>,
      .group_conv_backward = ReferenceGroupConvBackward<T>,
      .group_conv_chain_forward = ReferenceGroupConvChainForward<T>,
      .group_conv_chain_backward = ReferenceGroupConvChainBackward<T>,
      .depthwise_conv_forward = ReferenceDepthwiseConvForward<T>,
      .depthwise_conv_backward = ReferenceDepthwiseConvBackward<T>,
      .average_pool_forward = ReferenceAveragePoolForward<T>,
      .average_pool_backward = ReferenceAveragePoolBackward<T>,
      .batch_norm_forward = ReferenceBatchNormForward<T>,
      .batch_norm_backward = ReferenceBatchNormBackward<T>,
      .sums_of_moments = ReferenceSumsOfMoments<T>,
      .moments_of_sums = ReferenceMomentsOfSums<T>,
      .gram = ReferenceGram<T>,
      .product_moments = ReferenceProductMoments<T>,
      .product_fold = ReferenceProductFold<T>,
      .product_sums = ReferenceProductSums<T>,
      .product_gradients = ReferenceProductGradients<T>,
      .product_pull_back = ReferenceProductPullBack<T>,
      .relu_forward = ReferenceReluForward<T>,
      .global_average_pool_forward = ReferenceGlobalAveragePoolForward<T>,
      .global_average_pool_backward = ReferenceGlobalAveragePoolBackward<T>,
      .linear_forward = ReferenceLinearForward<T>,
      .linear_backward = ReferenceLinearBackward<T>,
      .cross_entropy = ReferenceCrossEntropy<T>,
      .binary_cross_entropy = ReferenceBinaryCrossEntropy<T>,
      .jensen_shannon = ReferenceJensenShannon<T>,
      .distillation = ReferenceDistillation<T>,
      .resample_pictures = ReferenceResamplePictures,
      .finish_pictures = ReferenceFinishPictures<T>,
      .mix_pictures = ReferenceMixPictures<T>,
      .mix_targets = ReferenceMixTargets<T>,
      .flip = ReferenceFlip<T>,
      .flip_mean = ReferenceFlipMean<T>,
      .accumulate = ReferenceAccumulate<T>,
      .squared_norms = ReferenceSquaredNorms<T>,
      .clip_norm = ReferenceClipNorm<T>,
      .update = ReferenceUpdate<T>,
      .approach = ReferenceApproach<T>,
      .all_finite = ReferenceAllFinite<T>,
  };
  return table;
}

template const OpTable<float>& ReferenceOps<float>();
template const OpTable<double>& ReferenceOps<double>();
template const OpTable<std::complex<double>>& ReferenceOps<std::complex<double>>();

}  // namespace riffle
