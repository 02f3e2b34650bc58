// Mixup and CutMix (mix.h): copies and blends, which the compiler makes vectors of.
#include <algorithm>

#include "ops/cpu.h"

namespace riffle::cpu {

void MixPictures(const Execution& execution, const MixPicturesShape& shape, const riffle::MixPictures<float>& args) {
  const Mix& mix = shape.mix;
  const int64_t images = shape.plane.images, width = shape.plane.width, area = shape.plane.area();
  const float own_share = static_cast<float>(mix.own_share), rest = static_cast<float>(1 - mix.own_share);
  for (int c = 0; c < shape.channels; ++c)
    std::fill(args.mixed[c] + images * area, args.mixed[c] + args.mixed.stride, 0.0f);
  execution.pool.ParallelFor(shape.channels * images, [&](int64_t task) {
    const int64_t channel = task / images, n = task % images;
    const float* own = args.pictures[channel] + n * area;
    const float* partner = args.pictures[channel] + (images - 1 - n) * area;
    float* to = args.mixed[channel] + n * area;
    if (mix.kind == Mix::Kind::kMixup) {
      for (int64_t i = 0; i < area; ++i) to[i] = own_share * own[i] + rest * partner[i];
      return;
    }
    std::copy_n(own, area, to);
    for (int64_t y = mix.top; y < mix.bottom; ++y)
      std::copy_n(partner + y * width + mix.left, mix.right - mix.left, to + y * width + mix.left);
  });
}

void MixTargets(const Execution& execution, const LogitsShape& shape, const riffle::MixTargets<float>& args) {
  const float own_share = static_cast<float>(args.own_share), rest = static_cast<float>(1 - args.own_share);
  execution.pool.ParallelFor((shape.images + 1) / 2, [&](int64_t n) {  // a pair, so that none is read once it is mixed
    float* first = args.targets + n * shape.classes;
    float* second = args.targets + (shape.images - 1 - n) * shape.classes;
    for (int k = 0; k < shape.classes; ++k) {
      const float a = first[k], b = second[k];
      first[k] = own_share * a + rest * b;
      second[k] = own_share * b + rest * a;
    }
  });
}

}  // namespace riffle::cpu
