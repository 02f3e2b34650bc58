// What kernels make of stored values, as common.h defines it. Maps hold values of type Map, which are read as float(x)
// and written as Map(y).
#pragma once

#include "backend/cuda/kernel.h"
#include "base/bfloat16.h"
#include "ops/common.h"

namespace riffle::RIFFLE_GPU {

/// Calls f(channel, image, place) for each value of a map, `place` being a pixel of the picture.
template <class F>
struct ForEachPixelKernel {
  static constexpr int kThreads = 256, kOfThread = 4;
  struct Shared {};
  Plane plane;
  F f;
  RIFFLE_KERNEL void operator()(Shared&) const {
    const int64_t first = int64_t{blockIdx.x} * kThreads * kOfThread, left = plane.pixels() - first;
    const int64_t image = first / plane.area();
    const auto area = static_cast<int>(plane.area()), begin = static_cast<int>(first - image * area);
    for (int i = BlockThread(); i < kThreads * kOfThread && i < left; i += kThreads) {
      const int images = (begin + i) / area;
      f(static_cast<int>(blockIdx.y), image + images, begin + i - images * area);
    }
  }
};

/// f is `[=] RIFFLE_LAMBDA(int channel, int64_t image, int place) { … }`.
template <class F>
void ForEachPixel(const Execution& execution, int64_t channels, const Plane& plane, const F& f) {
  using Kernel = ForEachPixelKernel<F>;
  Launch(execution, {DivideUp(plane.pixels(), Kernel::kThreads * Kernel::kOfThread), channels}, Kernel{plane, f});
}

/// max(0, x); a NaN stays a NaN.
RIFFLE_KERNEL float Relu(float x) { return x < 0 ? 0 : x; }

/// An Activation of one row.
struct RowActivation {
  float scale, shift;
  bool relu;

  RIFFLE_KERNEL RowActivation(const Activation<float>& in, int64_t row)
      : scale(in.scale ? in.scale[row] : 1), shift(in.scale ? in.shift[row] : 0), relu(in.relu) {}
  RIFFLE_KERNEL float operator()(float x) const {
    const float z = scale * x + shift;
    return relu ? Relu(z) : z;
  }
  /// The gradient of z from that of its activation, which is `active`.
  RIFFLE_KERNEL float Mask(float active, float gradient) const { return relu && !(active > 0) ? 0 : gradient; }
};

}  // namespace riffle::RIFFLE_GPU
