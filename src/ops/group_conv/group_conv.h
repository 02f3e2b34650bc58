// Pointwise group convolution (paper, Section 3.1): a block-diagonal matrix product. Group g's rows of x times group
// g's weights give group g's rows of y. Plain 1×1 convolution is groups = 1.
//   y[g·M + m][p] = Σ_k weight[g·M + m][k] · x[g·K + k][p]      K = in_channels / groups, M = out_channels / groups
#pragma once

#include "backend/execution.h"
#include "ops/common.h"

namespace riffle {

struct GroupConvShape {
  int groups = 1;
  int in_channels = 0;   ///< of all groups together
  int out_channels = 0;  ///< of all groups together
  int64_t pixels = 0;    ///< of a row

  constexpr int in_per_group() const { return in_channels / groups; }
  constexpr int out_per_group() const { return out_channels / groups; }
  constexpr int64_t weights() const { return int64_t{out_channels} * in_per_group(); }
};

/// What is prepared: y = weight·x + bias.
template <class T>
struct GroupConvWeights {
  const T* weight = nullptr;  ///< [out_channels][in_per_group]
  const T* bias = nullptr;    ///< [out_channels], or null for 0
};

/// Values that prepared weights take; their layout is the backend's own.
using GroupConvPreparedValues = int64_t (*)(const GroupConvShape&);

/// Packs them. Training prepares at each step, inference once.
template <class T>
using GroupConvPrepare = void (*)(const Execution&, const GroupConvShape&, T* prepared, const GroupConvWeights<T>&);

template <class T, class Map = T>
struct GroupConvForward {
  Rows<Map> y;
  Rows<const Map> x;
  const T* prepared = nullptr;
  Rows<const Map> residual;  ///< added before the ReLU, or null; may be y itself
  bool relu = false;
  Moments<T>* moments = nullptr;  ///< [out_channels] of the stored rows, or null; with neither residual nor ReLU
};

template <class T, class Map = T>
struct GroupConvBackward {
  GradientSink<T, Map> dx;  ///< Wᵀ·dy; its dz is null where the input needs no gradient
  T* dweight = nullptr;     ///< [out_channels][in_per_group], overwritten
  T* dy_sums = nullptr;     ///< [out_channels], Σ dy; or null
  GradientSource<T, Map> dy;
  Rows<const Map> x;                      ///< as forward read it
  const Moments<T>* x_moments = nullptr;  ///< [in_channels]: dweight is Σ dy·(x − mean); null: Σ dy·x
  bool relu = false;                      ///< x is the output of a ReLU: dx is zero where x ≤ 0
  const T* weight = nullptr;
};

}  // namespace riffle
