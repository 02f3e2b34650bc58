// Forward: a warp a mean. Backward: a thread a value.
#include "ops/gpu.h"
#include "ops/gpu_values.h"

namespace riffle::RIFFLE_GPU {
namespace {

template <class Map>
struct Means {
  static constexpr int kThreads = 256, kMeans = kThreads / kWarp;
  struct Shared {};
  GlobalAveragePoolShape shape;
  riffle::GlobalAveragePoolForward<float, Map> a;

  RIFFLE_KERNEL void operator()(Shared&) const {
    const int64_t c = blockIdx.y, n = int64_t{blockIdx.x} * kMeans + Warp(), area = shape.in.area();
    if (n >= shape.in.images) return;
    const Map* x = a.x[c] + n * area;
    float sum = 0;
    for (int64_t p = Lane(); p < area; p += kWarp) sum += float(x[p]);
    sum = WarpSum(sum);
    if (Lane() == 0) a.features[n * shape.channels + c] = sum / static_cast<float>(area);
  }
};

template <class Map>
struct SpreadMean {
  GlobalAveragePoolShape shape;
  riffle::GlobalAveragePoolBackward<float, Map> a;

  RIFFLE_KERNEL void operator()(int c, int64_t n, int place) const {
    const int64_t area = shape.in.area(), p = n * area + place;
    const float dx = a.dfeatures[n * shape.channels + c] / static_cast<float>(area);
    a.dx[c][p] = Map(float(a.x[c][p]) > 0 ? dx : 0);
  }
};

template <class Map>
void Run(const Execution& execution, const GlobalAveragePoolShape& shape,
         const riffle::GlobalAveragePoolForward<float, Map>& a) {
  Launch(execution, {DivideUp(shape.in.images, Means<Map>::kMeans), shape.channels}, Means<Map>{shape, a});
}

template <class Map>
void Run(const Execution& execution, const GlobalAveragePoolShape& shape,
         const riffle::GlobalAveragePoolBackward<float, Map>& a) {
  ForEachPixel(execution, shape.channels, shape.in, SpreadMean<Map>{shape, a});
}

}  // namespace

void GlobalAveragePoolForward(const Execution& execution, const GlobalAveragePoolShape& shape,
                              const riffle::GlobalAveragePoolForward<float>& a) {
  Run(execution, shape, a);
}
void GlobalAveragePoolForward(const Execution& execution, const GlobalAveragePoolShape& shape,
                              const riffle::GlobalAveragePoolForward<float, Bfloat16>& a) {
  Run(execution, shape, a);
}
void GlobalAveragePoolBackward(const Execution& execution, const GlobalAveragePoolShape& shape,
                               const riffle::GlobalAveragePoolBackward<float>& a) {
  Run(execution, shape, a);
}
void GlobalAveragePoolBackward(const Execution& execution, const GlobalAveragePoolShape& shape,
                               const riffle::GlobalAveragePoolBackward<float, Bfloat16>& a) {
  Run(execution, shape, a);
}

}  // namespace riffle::RIFFLE_GPU
