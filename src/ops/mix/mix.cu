#include "ops/gpu.h"
#include "ops/gpu_values.h"

namespace riffle::RIFFLE_GPU {

void MixPictures(const Execution& execution, const MixPicturesShape& shape, const riffle::MixPictures<float>& a) {
  const Mix mix = shape.mix;
  const auto own_share = static_cast<float>(mix.own_share), rest = static_cast<float>(1 - mix.own_share);
  const int64_t images = shape.plane.images, area = shape.plane.area(), pixels = shape.plane.pixels();
  const auto width = static_cast<int>(shape.plane.width);
  ForEachPixel(execution, shape.channels, shape.plane, [=] RIFFLE_LAMBDA(int c, int64_t n, int place) {
    const float *own = a.pictures[c] + n * area + place, *partner = a.pictures[c] + (images - 1 - n) * area + place;
    float& mixed = a.mixed[c][n * area + place];
    if (mix.kind == Mix::Kind::kMixup) {
      mixed = own_share * *own + rest * *partner;
    } else {
      const int y = place / width, x = place % width;
      mixed = mix.top <= y && y < mix.bottom && mix.left <= x && x < mix.right ? *partner : *own;
    }
  });
  const int64_t padding = a.mixed.stride - pixels;
  ForEach(execution, shape.channels * padding,
          [=] RIFFLE_LAMBDA(int64_t i) { a.mixed[i / padding][pixels + i % padding] = 0; });
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
