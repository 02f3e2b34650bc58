// A backend is a table of functions, one for each op and direction, bound when a plan is built. Each is enqueued on the
// Execution that it takes first, in the order of the calls; what it wrote is there after Synchronize().
#pragma once

#include "backend/execution.h"
#include "base/bfloat16.h"
#include "ops/arena/arena.h"
#include "ops/average_pool/average_pool.h"
#include "ops/batch_norm/batch_norm.h"
#include "ops/binary_cross_entropy/binary_cross_entropy.h"
#include "ops/cross_entropy/cross_entropy.h"
#include "ops/depthwise_conv/depthwise_conv.h"
#include "ops/depthwise_conv/depthwise_gram.h"
#include "ops/distillation/distillation.h"
#include "ops/flip/flip.h"
#include "ops/global_average_pool/global_average_pool.h"
#include "ops/gram/gram.h"
#include "ops/group_conv/group_conv.h"
#include "ops/group_conv/group_conv_chain.h"
#include "ops/jensen_shannon/jensen_shannon.h"
#include "ops/kernel_target.h"
#include "ops/linear/linear.h"
#include "ops/max_pool/max_pool.h"
#include "ops/mix/mix.h"
#include "ops/pictures/pictures.h"
#include "ops/product_norm/product_norm.h"
#include "ops/relu/relu.h"
#include "ops/shared_moments/shared_moments.h"
#include "ops/stem_conv/stem_conv.h"
#include "ops/update/update.h"

namespace riffle {

/// Maps hold values of type Map; parameters, statistics, pictures, features and logits are of type T.
template <class T, class Map = T>
struct OpTable {
  void (*stem_conv_forward)(const Execution&, const StemConvShape&, const StemConvForward<T, Map>&);
  void (*stem_conv_backward)(const Execution&, const StemConvShape&, const StemConvBackward<T, Map>&);
  void (*max_pool_forward)(const Execution&, const PoolShape&, const MaxPoolForward<T, Map>&);
  void (*max_pool_backward)(const Execution&, const PoolShape&, const MaxPoolBackward<T, Map>&);
  GroupConvPreparedValues group_conv_prepared_values;
  GroupConvPrepare<T> group_conv_prepare;
  void (*group_conv_forward)(const Execution&, const GroupConvShape&, const GroupConvForward<T, Map>&);
  void (*group_conv_backward)(const Execution&, const GroupConvShape&, const GroupConvBackward<T, Map>&);
  void (*group_conv_chain_forward)(const Execution&, const GroupConvChainShape&, const GroupConvChainForward<T, Map>&);
  void (*group_conv_chain_backward)(const Execution&, const GroupConvChainShape&,
                                    const GroupConvChainBackward<T, Map>&);
  void (*depthwise_conv_forward)(const Execution&, const DepthwiseConvShape&, const DepthwiseConvForward<T, Map>&);
  void (*depthwise_conv_backward)(const Execution&, const DepthwiseConvShape&, const DepthwiseConvBackward<T, Map>&);
  void (*average_pool_forward)(const Execution&, const AveragePoolShape&, const AveragePoolForward<T, Map>&);
  void (*average_pool_backward)(const Execution&, const AveragePoolShape&, const AveragePoolBackward<T, Map>&);
  void (*batch_norm_forward)(const Execution&, const BatchNormShape&, const BatchNormForward<T>&);
  void (*batch_norm_backward)(const Execution&, const BatchNormShape&, const BatchNormBackward<T>&);
  void (*sums_of_moments)(const Execution&, const SharedMomentsShape&, const SumsOfMoments<T>&);
  void (*moments_of_sums)(const Execution&, const SharedMomentsShape&, const MomentsOfSums<T>&);
  void (*gram)(const Execution&, const GramShape&, const Gram<T, Map>&);
  void (*product_moments)(const Execution&, const GroupConvShape&, const ProductMoments<T>&);
  void (*product_fold)(const Execution&, const GroupConvShape&, const ProductFold<T, Map>&);
  void (*product_sums)(const Execution&, const GroupConvShape&, const ProductSums<T>&);
  void (*product_gradients)(const Execution&, const GroupConvShape&, const ProductGradients<T>&);
  void (*product_pull_back)(const Execution&, const GroupConvShape&, const ProductPullBack<T, Map>&);
  void (*relu_forward)(const Execution&, const ReluShape&, const ReluForward<T, Map>&);
  void (*global_average_pool_forward)(const Execution&, const GlobalAveragePoolShape&,
                                      const GlobalAveragePoolForward<T, Map>&);
  void (*global_average_pool_backward)(const Execution&, const GlobalAveragePoolShape&,
                                       const GlobalAveragePoolBackward<T, Map>&);
  void (*linear_forward)(const Execution&, const LinearShape&, const LinearForward<T>&);
  void (*linear_backward)(const Execution&, const LinearShape&, const LinearBackward<T>&);

  // Losses: each picture's, and the gradient of the logits.
  void (*cross_entropy)(const Execution&, const LogitsShape&, const CrossEntropy<T>&);
  void (*binary_cross_entropy)(const Execution&, const LogitsShape&, const BinaryCrossEntropy<T>&);
  void (*jensen_shannon)(const Execution&, const JensenShannonShape&, const JensenShannon<T>&);
  void (*distillation)(const Execution&, const LogitsShape&, const Distillation&, const DistillationLoss<T>&);

  // What is done to pictures, targets and logits around a network.
  void (*resample_pictures)(const Execution&, const PicturesShape&, const ResamplePictures&);
  void (*finish_pictures)(const Execution&, const PicturesShape&, const FinishPictures<T>&);
  void (*mix_pictures)(const Execution&, const MixPicturesShape&, const MixPictures<T>&);
  void (*mix_targets)(const Execution&, const LogitsShape&, const MixTargets<T>&);
  void (*flip)(const Execution&, const FlipShape&, const Flip<T>&);
  void (*flip_mean)(const Execution&, const LogitsShape&, const FlipMean<T>&);

  // What is done to arenas of parameters: from gradients to a step. The first number counts values, or ranges.
  void (*accumulate)(const Execution&, int64_t count, const Accumulate<T>&);
  void (*squared_norms)(const Execution&, int64_t ranges, const SquaredNorms<T>&);
  void (*clip_norm)(const Execution&, int64_t count, const ClipNorm<T>&);
  void (*update)(const Execution&, UpdateKind, const Update<T>&);  // the kind of *step
  void (*approach)(const Execution&, int64_t count, const Approach<T>&);
  void (*all_finite)(const Execution&, int64_t count, const AllFinite<T>&);

  /// Null: the backend has no pass for both, and they run one after the other.
  void (*depthwise_gram)(const Execution&, const DepthwiseGramShape&, const DepthwiseGram<T, Map>&) = nullptr;

  /// The same backend's ops on maps of bfloat16; null: it has none.
  const OpTable<T, Bfloat16>* bfloat16 = nullptr;
};

/// Loops as in the paper, for float, double and std::complex<double>; the oracle for every other backend.
template <class T>
const OpTable<T>& ReferenceOps();

/// Highway kernels for this machine's instruction set.
const OpTable<float>& CpuOps();

}  // namespace riffle
