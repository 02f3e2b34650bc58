// The reference of mix.h.
#pragma once

#include <algorithm>

#include "ops/common_ref.h"
#include "ops/mix/mix.h"

namespace riffle {

template <class T>
void ReferenceMixPictures(const Execution&, const MixPicturesShape& shape, const MixPictures<T>& a) {
  const Mix& mix = shape.mix;
  const Plane& plane = shape.plane;
  const T own_share(mix.own_share), rest(1 - mix.own_share);
  for (int c = 0; c < shape.channels; ++c) {
    for (int64_t n = 0; n < plane.images; ++n)
      for (int64_t y = 0; y < plane.height; ++y)
        for (int64_t x = 0; x < plane.width; ++x) {
          const auto at = [&](int64_t image) { return (image * plane.height + y) * plane.width + x; };
          const T own = a.pictures[c][at(n)], partner = a.pictures[c][at(plane.images - 1 - n)];
          const bool inside = mix.top <= y && y < mix.bottom && mix.left <= x && x < mix.right;
          a.mixed[c][at(n)] = mix.kind == Mix::Kind::kMixup ? own_share * own + rest * partner : inside ? partner : own;
        }
    std::fill(a.mixed[c] + plane.pixels(), a.mixed[c] + a.mixed.stride, T(0));
  }
}

template <class T>
void ReferenceMixTargets(const Execution&, const LogitsShape& shape, const MixTargets<T>& a) {
  const T own_share(a.own_share), rest(1 - a.own_share);
  const std::vector<T> before(a.targets, a.targets + shape.values());
  for (int64_t n = 0; n < shape.images; ++n)
    for (int k = 0; k < shape.classes; ++k)
      a.targets[n * shape.classes + k] =
          own_share * before[n * shape.classes + k] + rest * before[(shape.images - 1 - n) * shape.classes + k];
}

}  // namespace riffle
