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

#include "ops/group_conv/group_conv.h"

namespace riffle {

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

/// Behind it: the convolution from a to y, with weights as group_conv_prepare takes them.
template <class T>
struct ProductFold {
  T* weight = nullptr;             ///< [out_channels][in_per_group], out_scale·V
  T* bias = nullptr;               ///< [out_channels]
  const T* conv_weight = nullptr;  ///< [out_channels][in_per_group]
  const T* in_scale = nullptr;     ///< [in_channels], of z = in_scale·a + in_shift
  const T* in_shift = nullptr;
  const T* out_scale = nullptr;  ///< [out_channels]
  const T* out_shift = nullptr;
};

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
template <class T>
struct ProductPullBack {
  T* weight = nullptr;  ///< [in_channels][in_per_group], Q
  T* bias = nullptr;    ///< [in_channels]: makes the mean of da zero
  const T* conv_weight = nullptr;
  const T* in_scale = nullptr;
  const Moments<T>* in_moments = nullptr;     ///< [in_channels], of a
  const PullBack<T>* in_pull_back = nullptr;  ///< [in_channels], of a
  const Moments<T>* moments = nullptr;        ///< [out_channels], of p
  const PullBack<T>* pull_back = nullptr;     ///< [out_channels], of p
};

}  // namespace riffle
