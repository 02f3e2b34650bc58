// Row sums: a block a row, in two passes over it, so that means that are large against deviations cost no digits.
#include "ops/gpu_values.h"

namespace riffle::RIFFLE_GPU {
namespace {

constexpr int kRowThreads = 512;

struct MomentsOfRows {
  static constexpr int kThreads = kRowThreads;
  using Shared = BlockSums<double, kThreads>;
  int64_t pixels;
  Rows<const float> y;
  Moments<float>* moments;

  RIFFLE_KERNEL void operator()(Shared& shared) const {
    const float* row = y[blockIdx.x];
    float sum = 0, squares = 0;
    // About the row's first value: sums stay as small as deviations.
    const float origin = row[0];
    for (int64_t p = BlockThread(); p < pixels; p += kThreads) sum += row[p] - origin;
    const float mean = static_cast<float>(BlockSum<double, kThreads>(sum, shared) / static_cast<double>(pixels));
    for (int64_t p = BlockThread(); p < pixels; p += kThreads) {
      const float distance = row[p] - origin - mean;
      squares += distance * distance;
    }
    const double all = BlockSum<double, kThreads>(squares, shared);
    if (BlockThread() == 0)
      moments[blockIdx.x] = {origin + mean, static_cast<float>(all / static_cast<double>(pixels))};
  }
};

struct SumsOfRows {
  static constexpr int kThreads = kRowThreads;
  using Shared = BlockSums<double, kThreads>;
  int64_t pixels;
  GradientSink<float> dx;

  RIFFLE_KERNEL void operator()(Shared& shared) const {
    const int64_t r = blockIdx.x;
    const float *dz = dx.dz[r], *raw = dx.raw[r], mean = dx.moments[r].mean;
    float sum = 0, centred = 0;
    for (int64_t p = BlockThread(); p < pixels; p += kThreads) {
      sum += dz[p];
      centred += dz[p] * (raw[p] - mean);
    }
    const auto all = static_cast<float>(BlockSum<double, kThreads>(sum, shared));
    const auto all_centred = static_cast<float>(BlockSum<double, kThreads>(centred, shared));
    if (BlockThread() == 0) dx.sums[r] = {all, all_centred};
  }
};

}  // namespace

void GatherMoments(const Execution& execution, int64_t rows, int64_t pixels, Rows<const float> y,
                   Moments<float>* moments) {
  if (moments) Launch(execution, {rows}, MomentsOfRows{pixels, y, moments});
}

void GatherSums(const Execution& execution, int64_t rows, int64_t pixels, const GradientSink<float>& dx) {
  if (dx.raw) Launch(execution, {rows}, SumsOfRows{pixels, dx});
}

}  // namespace riffle::RIFFLE_GPU
