// The reference of stem_conv.h.
#pragma once

#include "ops/common_ref.h"
#include "ops/stem_conv/stem_conv.h"

namespace riffle {

template <class T>
void ReferenceStemConvForward(const Execution& execution, const StemConvShape& shape, const StemConvForward<T>& a) {
  const Plane in = shape.in, out = shape.out();
  execution.pool.ParallelFor(shape.out_channels, [&](int64_t o) {
    T* y = a.y[o];
    for (int64_t n = 0; n < out.images; ++n) {
      for (int64_t i = 0; i < out.height; ++i) {
        for (int64_t j = 0; j < out.width; ++j, ++y) {
          T sum = a.bias ? a.bias[o] : T(0);
          for (int64_t c = 0; c < shape.in_channels; ++c) {
            for (int u = 0; u < 3; ++u) {
              for (int v = 0; v < 3; ++v) {
                const int64_t h = shape.stride * i + u - 1, w = shape.stride * j + v - 1;
                if (h < 0 || h >= in.height || w < 0 || w >= in.width) continue;
                sum += a.weight[((o * shape.in_channels + c) * 3 + u) * 3 + v] *
                       a.x[c][(n * in.height + h) * in.width + w];
              }
            }
          }
          *y = a.relu ? Relu(sum) : sum;
        }
      }
    }
    if (a.moments) a.moments[o] = RowMoments(a.y[o], out.pixels());
  });
}

template <class T>
void ReferenceStemConvBackward(const Execution& execution, const StemConvShape& shape, const StemConvBackward<T>& a) {
  const Plane in = shape.in, out = shape.out();
  execution.pool.ParallelFor(shape.out_channels, [&](int64_t o) {
    for (int64_t c = 0; c < shape.in_channels; ++c) {
      for (int u = 0; u < 3; ++u) {
        for (int v = 0; v < 3; ++v) {
          T sum = 0;
          for (int64_t p = 0; p < out.pixels(); ++p) {
            const int64_t n = p / out.area(), i = p % out.area() / out.width, j = p % out.width;
            const int64_t h = shape.stride * i + u - 1, w = shape.stride * j + v - 1;
            if (h < 0 || h >= in.height || w < 0 || w >= in.width) continue;
            sum += RawGradient(a.dy, o, p) * a.x[c][(n * in.height + h) * in.width + w];
          }
          a.dweight[((o * shape.in_channels + c) * 3 + u) * 3 + v] = sum;
        }
      }
    }
  });
}

}  // namespace riffle
