// A thread a value of the mixed pictures and their padding, a thread a pair of targets.
#include "ops/gpu.h"
#include "ops/gpu_values.h"

namespace riffle::RIFFLE_GPU {
namespace {

struct MixRow {
  static constexpr int kThreads = 256;
  struct Shared {};
  Plane plane;
  Mix mix;
  float own_share, rest;
  riffle::MixPictures<float> a;

  RIFFLE_KERNEL bool InBox(int64_t place) const {
    const int64_t y = place / plane.width, x = place % plane.width;
    return mix.top <= y && y < mix.bottom && mix.left <= x && x < mix.right;
  }
  RIFFLE_KERNEL float Mixed(const float* row, int64_t p) const {
    const int64_t area = plane.area(), n = p / area, place = p % area;
    const int64_t partner = (plane.images - 1 - n) * area + place;
    if (mix.kind == Mix::Kind::kMixup) return own_share * row[p] + rest * row[partner];
    return row[InBox(place) ? partner : p];
  }
  RIFFLE_KERNEL void operator()(Shared&) const {
    const int64_t c = blockIdx.y, p = int64_t{blockIdx.x} * kThreads + BlockThread();
    if (p < a.mixed.stride) a.mixed[c][p] = p < plane.pixels() ? Mixed(a.pictures[c], p) : 0;
  }
};

}  // namespace

void MixPictures(const Execution& execution, const MixPicturesShape& shape, const riffle::MixPictures<float>& a) {
  const Mix& mix = shape.mix;
  Launch(execution, {DivideUp(a.mixed.stride, MixRow::kThreads), shape.channels},
         MixRow{shape.plane, mix, static_cast<float>(mix.own_share), static_cast<float>(1 - mix.own_share), a});
}

void MixTargets(const Execution& execution, const LogitsShape& shape, const riffle::MixTargets<float>& a) {
  const auto own_share = static_cast<float>(a.own_share), rest = static_cast<float>(1 - a.own_share);
  const int64_t images = shape.images;
  const int classes = shape.classes;
  // A pair, so that none is read once it is mixed.
  ForEach(execution, (images + 1) / 2 * classes, [=] RIFFLE_LAMBDA(int64_t i) {
    const int64_t n = i / classes, k = i % classes;
    float &first = a.targets[i], &second = a.targets[(images - 1 - n) * classes + k];
    const float x = first, y = second;
    first = own_share * x + rest * y;
    second = own_share * y + rest * x;
  });
}

}  // namespace riffle::RIFFLE_GPU
