// Row sums: a block a row, in two passes over it, so that means that are large against deviations cost no digits.
#include "ops/gpu_values.h"

namespace riffle::RIFFLE_GPU {
namespace {

constexpr int kRowThreads = 512;

template <class Map>
struct MomentsOfRows {
  static constexpr int kThreads = kRowThreads;
  using Shared = BlockSums<double, kThreads>;
  int64_t pixels;
  Rows<const Map> y;
  Moments<float>* moments;

  RIFFLE_KERNEL void operator()(Shared& shared) const {
    const Map* row = y[blockIdx.x];
    float sum = 0, squares = 0;
    // About the row's first value: sums stay as small as deviations.
    const float origin = float(row[0]);
    for (int64_t p = BlockThread(); p < pixels; p += kThreads) sum += float(row[p]) - origin;
    const float mean = static_cast<float>(BlockSum<double, kThreads>(sum, shared) / static_cast<double>(pixels));
    for (int64_t p = BlockThread(); p < pixels; p += kThreads) {
      const float distance = float(row[p]) - origin - mean;
      squares += distance * distance;
    }
    const double all = BlockSum<double, kThreads>(squares, shared);
    if (BlockThread() == 0)
      moments[blockIdx.x] = {origin + mean, static_cast<float>(all / static_cast<double>(pixels))};
  }
};

template <class Map>
struct SumsOfRows {
  static constexpr int kThreads = kRowThreads;
  using Shared = BlockSums<double, kThreads>;
  int64_t pixels;
  GradientSink<float, Map> dx;

  RIFFLE_KERNEL void operator()(Shared& shared) const {
    const int64_t r = blockIdx.x;
    const Map *dz = dx.dz[r], *raw = dx.raw[r];
    const float mean = dx.moments[r].mean;
    float sum = 0, centred = 0;
    for (int64_t p = BlockThread(); p < pixels; p += kThreads) {
      sum += float(dz[p]);
      centred += float(dz[p]) * (float(raw[p]) - mean);
    }
    const auto all = static_cast<float>(BlockSum<double, kThreads>(sum, shared));
    const auto all_centred = static_cast<float>(BlockSum<double, kThreads>(centred, shared));
    if (BlockThread() == 0) dx.sums[r] = {all, all_centred};
  }
};

}  // namespace

template <class Map>
void GatherMoments(const Execution& execution, int64_t rows, int64_t pixels, Rows<const Map> y,
                   Moments<float>* moments) {
  if (moments) Launch(execution, {rows}, MomentsOfRows<Map>{pixels, y, moments});
}

template <class Map>
void GatherSums(const Execution& execution, int64_t rows, int64_t pixels, const GradientSink<float, Map>& dx) {
  if (dx.raw) Launch(execution, {rows}, SumsOfRows<Map>{pixels, dx});
}

template void GatherMoments(const Execution&, int64_t, int64_t, Rows<const float>, Moments<float>*);
template void GatherMoments(const Execution&, int64_t, int64_t, Rows<const Bfloat16>, Moments<float>*);
template void GatherSums(const Execution&, int64_t, int64_t, const GradientSink<float>&);
template void GatherSums(const Execution&, int64_t, int64_t, const GradientSink<float, Bfloat16>&);

}  // namespace riffle::RIFFLE_GPU
