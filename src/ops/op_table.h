// A backend is a table of functions, one for each op and direction, bound when a plan is built. All of them return when
// the work is done.
#pragma once

#include "ops/average_pool/average_pool.h"
#include "ops/batch_norm/batch_norm.h"
#include "ops/cross_entropy/cross_entropy.h"
#include "ops/depthwise_conv/depthwise_conv.h"
#include "ops/global_average_pool/global_average_pool.h"
#include "ops/group_conv/group_conv.h"
#include "ops/linear/linear.h"
#include "ops/max_pool/max_pool.h"
#include "ops/residual/residual.h"
#include "ops/stem_conv/stem_conv.h"

namespace riffle {

template <class T>
struct OpTable {
  void (*stem_conv_forward)(const StemConvShape&, const StemConvForward<T>&);
  void (*stem_conv_backward)(const StemConvShape&, const StemConvBackward<T>&);
  void (*max_pool_forward)(const PoolShape&, const MaxPoolForward<T>&);
  void (*max_pool_backward)(const PoolShape&, const MaxPoolBackward<T>&);
  GroupConvPreparedSize group_conv_prepared_size;
  GroupConvPrepare<T> group_conv_prepare;
  void (*group_conv_forward)(const GroupConvShape&, const GroupConvForward<T>&);
  void (*group_conv_backward)(const GroupConvShape&, const GroupConvBackward<T>&);
  void (*depthwise_conv_forward)(const DepthwiseConvShape&, const DepthwiseConvForward<T>&);
  void (*depthwise_conv_backward)(const DepthwiseConvShape&, const DepthwiseConvBackward<T>&);
  void (*average_pool_forward)(const AveragePoolShape&, const AveragePoolForward<T>&);
  void (*average_pool_backward)(const AveragePoolShape&, const AveragePoolBackward<T>&);
  void (*batch_norm_forward)(const BatchNormShape&, const BatchNormForward<T>&);
  void (*batch_norm_backward)(const BatchNormShape&, const BatchNormBackward<T>&);
  void (*residual_forward)(const ResidualShape&, const ResidualForward<T>&);
  void (*residual_backward)(const ResidualShape&, const ResidualBackward<T>&);
  void (*global_average_pool_forward)(const GlobalAveragePoolShape&, const GlobalAveragePoolForward<T>&);
  void (*global_average_pool_backward)(const GlobalAveragePoolShape&, const GlobalAveragePoolBackward<T>&);
  void (*linear_forward)(const LinearShape&, const LinearForward<T>&);
  void (*linear_backward)(const LinearShape&, const LinearBackward<T>&);
  void (*cross_entropy)(const CrossEntropyShape&, const CrossEntropy<T>&);
};

/// Loops as in the paper, for float, double and std::complex<double>; the oracle for every other backend.
template <class T>
const OpTable<T>& ReferenceOps();

/// Highway kernels for this machine's instruction set.
const OpTable<float>& CpuOps();

}  // namespace riffle
