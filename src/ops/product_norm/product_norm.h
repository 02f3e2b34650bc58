// A group convolution between two batch norms, where nothing is non-linear: what stands in for its raw output and for
// the gradients of its input and output, none of which is ever stored. Only small matrices are touched here.
//
//   a ── batch norm ── z ── weight ── p ── batch norm ── y        a: in rows, K a group; p, y: out rows
//   z = in_scale·(a − in_mean) + in_beta,   p = weight·z,   y = out_scale·p + out_shift
//
// With V = weight·in_scale, C the covariances of a (gram.h) over n pixels, and g the gradient of y:
//   forward    mean(p) = weight·in_beta,   variance(p) = diag(V C Vᵀ),   y = out_scale·V·a + bias
//   backward   Σ g·(p − mean(p)) = Σ_k V·D,   D = Σ_pixels g·(a − in_mean)ᵀ: with Σ g, all that batch norm needs
//              B = out_scale·D + raw_factor·n·V·C = Σ_pixels dp·(a − in_mean)ᵀ
//              dweight = in_scale·B,   Σ dz = 0,   Σ dz·(a − in_mean) = Σ_out weight·B
//              da = (out_scale·V)ᵀ·g + Q·a + bias,   Q = Vᵀ·diag(raw_factor)·V + diag(in_raw_factor)
// out_scale and raw_factor are those of p's PullBack, in_raw_factor that of a's. docs/backward.md derives all of it.
//
// Shapes are those of the convolution. Where several processes share a batch, its pixels, C and D are a process's own,
// about the means of all; so are the moments, from which those of all are combined as any batch norm's, and the sums
// and the gradient of the weights, which are its share of them. Matrices of a group lie one behind the other, as its
// weights.
#pragma once

#include <type_traits>

#include "base/bfloat16.h"
#include "ops/group_conv/group_conv.h"

namespace riffle {

/// A weight as convolutions of maps of this type multiply with it: rounded to bfloat16, where maps are of it.
template <class Map, class T, class Wide>
constexpr T WeightFor(const Wide& weight) {
  const T value = static_cast<T>(weight);
  if constexpr (std::is_same_v<Map, Bfloat16>)
    return static_cast<float>(Bfloat16(value));
  else
    return value;
}

/// Before the second batch norm: its moments, from those of a.
template <class T>
struct ProductMoments {
  Moments<T>* moments = nullptr;  ///< [out_channels], of p; no variance is below zero, however it is rounded
  T* covariances = nullptr;       ///< [out_channels][in_per_group], V·C: of p's rows with a's
  const T* comoments = nullptr;   ///< [in_channels][in_per_group], n·C
  const T* weight = nullptr;      ///< [out_channels][in_per_group]
  const T* in_scale = nullptr;    ///< [in_channels]
  const T* in_beta = nullptr;
  const int* in_parameter_row = nullptr;  ///< row k of a has in_beta[in_parameter_row[k]] (null: k)
};

/// Behind it: the convolution from a to y, with weights as group_conv_prepare takes them. The bias is of the weights as
/// they are written, rounded for maps of type Map: at the mean of a rounding changes nothing, however far it is from 0.
template <class T, class Map = T>
struct ProductFold {
  T* weight = nullptr;             ///< [out_channels][in_per_group], WeightFor<Map>(out_scale·V)
  T* bias = nullptr;               ///< [out_channels]
  const T* conv_weight = nullptr;  ///< [out_channels][in_per_group]
  const T* in_scale = nullptr;     ///< [in_channels], of z = in_scale·a + in_shift
  const T* in_shift = nullptr;
  const T* in_beta = nullptr;             ///< z where a is its mean
  const int* in_parameter_row = nullptr;  ///< as in ProductMoments
  const T* out_scale = nullptr;           ///< [out_channels]
  const T* out_shift = nullptr;
};

/// Where a row is its mean; where its scale is 0, nobody asks.
template <class T>
constexpr T MeanOf(const T& scale, const T& shift, const T& beta) {
  return scale == T(0) ? T(0) : (beta - shift) / scale;
}

/// Backward, before the second batch norm's: its sums.
template <class T>
struct ProductSums {
  GradientSums<T>* sums = nullptr;  ///< [out_channels], of g and p
  const T* dy_sums = nullptr;       ///< [out_channels], Σ g
  const T* dots = nullptr;          ///< [out_channels][in_per_group], D
  const T* weight = nullptr;
  const T* in_scale = nullptr;
};

/// Behind it: the gradient of the weights, and what the first batch norm's backward takes.
template <class T>
struct ProductGradients {
  T* dweight = nullptr;             ///< [out_channels][in_per_group]; holds D before
  GradientSums<T>* sums = nullptr;  ///< [in_channels], of dz and a
  const T* weight = nullptr;
  const T* in_scale = nullptr;
  const PullBack<T>* pull_back = nullptr;  ///< [out_channels], of p
  const T* covariances = nullptr;          ///< as ProductMoments wrote them
};

/// Behind the first batch norm's: the rest of da, as weights and bias of a convolution of a.
template <class T, class Map = T>
struct ProductPullBack {
  T* weight = nullptr;               ///< [in_channels][in_per_group], WeightFor<Map>(Q)
  T* bias = nullptr;                 ///< [in_channels]: makes the mean of da zero, with the weights as they are written
  const T* folded_weight = nullptr;  ///< as ProductFold wrote it
  const T* conv_weight = nullptr;
  const T* in_scale = nullptr;
  const Moments<T>* in_moments = nullptr;     ///< [in_channels], of a
  const PullBack<T>* in_pull_back = nullptr;  ///< [in_channels], of a
  const Moments<T>* moments = nullptr;        ///< [out_channels], of p
  const PullBack<T>* pull_back = nullptr;     ///< [out_channels], of p
};

/// Of p's pull-back: less the mean of g, which is what folded weights multiply.
template <class T, class Wide = T>
constexpr Wide LessMeanGradient(const PullBack<T>& pull_back, const Moments<T>& moments) {
  if (pull_back.dz_factor == T(0)) return Wide(0);
  return (Wide(pull_back.raw_factor) * Wide(moments.mean) + Wide(pull_back.constant)) / Wide(pull_back.dz_factor);
}

}  // namespace riffle
