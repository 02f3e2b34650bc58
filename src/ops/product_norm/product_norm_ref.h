// The reference of product_norm.h.
#pragma once

#include "ops/common_ref.h"
#include "ops/product_norm/product_norm.h"

namespace riffle {

template <class T>
void ReferenceProductMoments(const Execution&, const GroupConvShape& shape, const ProductMoments<T>& a) {
  const int64_t K = shape.in_per_group(), M = shape.out_per_group();
  const T n(static_cast<double>(shape.pixels));
  for (int64_t c = 0; c < shape.out_channels; ++c) {
    const int64_t first = c / M * K;
    const T* weight = a.weight + c * K;
    a.moments[c] = {};
    for (int64_t k = 0; k < K; ++k) {
      const int64_t beta = a.in_parameter_row ? a.in_parameter_row[first + k] : first + k;
      T covariance = 0;
      for (int64_t j = 0; j < K; ++j)
        covariance += weight[j] * a.in_scale[first + j] * a.comoments[(first + j) * K + k] / n;
      a.covariances[c * K + k] = covariance;
      a.moments[c].mean += weight[k] * a.in_beta[beta];
      a.moments[c].variance += weight[k] * a.in_scale[first + k] * covariance;
    }
    a.moments[c].variance = Relu(a.moments[c].variance);
  }
}

template <class T>
void ReferenceProductFold(const Execution&, const GroupConvShape& shape, const ProductFold<T>& a) {
  const int64_t K = shape.in_per_group(), M = shape.out_per_group();
  for (int64_t c = 0; c < shape.out_channels; ++c) {
    a.bias[c] = a.out_shift[c];
    for (int64_t k = 0; k < K; ++k) {
      const int64_t row = c / M * K + k, beta = a.in_parameter_row ? a.in_parameter_row[row] : row;
      const T weight = a.out_scale[c] * a.conv_weight[c * K + k], folded = weight * a.in_scale[row];
      a.weight[c * K + k] = WeightFor<T, T>(folded);
      a.bias[c] += weight * a.in_shift[row] +
                   (folded - a.weight[c * K + k]) * MeanOf(a.in_scale[row], a.in_shift[row], a.in_beta[beta]);
    }
  }
}

template <class T>
void ReferenceProductSums(const Execution&, const GroupConvShape& shape, const ProductSums<T>& a) {
  const int64_t K = shape.in_per_group(), M = shape.out_per_group();
  for (int64_t c = 0; c < shape.out_channels; ++c) {
    a.sums[c] = {a.dy_sums[c], T(0)};
    for (int64_t k = 0; k < K; ++k)
      a.sums[c].dz_centred += a.weight[c * K + k] * a.in_scale[c / M * K + k] * a.dots[c * K + k];
  }
}

template <class T>
void ReferenceProductGradients(const Execution&, const GroupConvShape& shape, const ProductGradients<T>& a) {
  const int64_t K = shape.in_per_group(), M = shape.out_per_group();
  const T n(static_cast<double>(shape.pixels));
  for (int64_t k = 0; k < shape.in_channels; ++k) a.sums[k] = {};
  for (int64_t c = 0; c < shape.out_channels; ++c)
    for (int64_t k = 0; k < K; ++k) {
      T& dweight = a.dweight[c * K + k];
      const T b = a.pull_back[c].dz_factor * dweight + a.pull_back[c].raw_factor * n * a.covariances[c * K + k];
      dweight = a.in_scale[c / M * K + k] * b;
      a.sums[c / M * K + k].dz_centred += a.weight[c * K + k] * b;
    }
}

template <class T>
void ReferenceProductPullBack(const Execution&, const GroupConvShape& shape, const ProductPullBack<T>& a) {
  const int64_t K = shape.in_per_group(), M = shape.out_per_group();
  for (int64_t row = 0; row < shape.in_channels; ++row) {
    const int64_t first = row / K * K, k = row % K, outs = row / K * M;
    a.bias[row] = 0;
    for (int64_t j = 0; j < K; ++j) {
      T q = j == k ? a.in_pull_back[row].raw_factor : T(0);
      for (int64_t c = outs; c < outs + M; ++c)
        q += a.conv_weight[c * K + k] * a.in_scale[row] * a.pull_back[c].raw_factor * a.conv_weight[c * K + j] *
             a.in_scale[first + j];
      a.weight[row * K + j] = WeightFor<T, T>(q);
      a.bias[row] -= a.weight[row * K + j] * a.in_moments[first + j].mean;
    }
    for (int64_t c = outs; c < outs + M; ++c)
      a.bias[row] += a.folded_weight[c * K + k] * LessMeanGradient(a.pull_back[c], a.moments[c]);
  }
}

}  // namespace riffle
