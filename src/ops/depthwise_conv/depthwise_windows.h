// What kernels need of the depthwise convolution: which rows belong together, and what a window comes to.
#pragma once

#include "ops/depthwise_conv/depthwise_conv.h"
#include "ops/gpu_values.h"

namespace riffle::RIFFLE_GPU {

RIFFLE_KERNEL int64_t InRow(const DepthwiseRows& rows, int64_t r) { return rows.in_row ? rows.in_row[r] : r; }
RIFFLE_KERNEL int64_t WeightRow(const DepthwiseRows& rows, int64_t r) {
  return rows.weight_row ? rows.weight_row[r] : r;
}

/// Forward, as ops of windows are (gpu_windows.h).
template <class Map>
struct DepthwiseWindows {
  using MapValue = Map;
  static constexpr float kOutside = 0;
  riffle::DepthwiseConvForward<float, Map> a;

  struct Row {
    const Map* x;
    Map* y;
    RowActivation in;
    float weight[3][3], bias;

    RIFFLE_KERNEL Row(const DepthwiseWindows& op, int64_t r)
        : x(op.a.x[InRow(op.a.rows, r)]),
          y(op.a.y[r]),
          in(op.a.in, InRow(op.a.rows, r)),
          bias(op.a.bias ? op.a.bias[r] : 0) {
      const float* of_row = op.a.weight + 9 * WeightRow(op.a.rows, r);
      for (int u = 0; u < 3; ++u)
        for (int v = 0; v < 3; ++v) weight[u][v] = of_row[3 * u + v];
    }
    RIFFLE_KERNEL float Load(float value) const { return in(value); }
    RIFFLE_KERNEL float Result(const float (&window)[3][3], int, int) const {
      float sum = bias;
      for (int u = 0; u < 3; ++u)
        for (int v = 0; v < 3; ++v) sum += weight[u][v] * window[u][v];
      return sum;
    }
  };
};

}  // namespace riffle::RIFFLE_GPU
