#include "train/loss/mix.h"

#include <algorithm>
#include <cmath>
#include <tuple>
#include <utility>
#include <vector>

#include "base/random.h"

namespace riffle {
namespace {

/// Where a box of length `length` around `centre` begins and ends, within [0, size).
std::pair<int64_t, int64_t> Interval(int64_t centre, int64_t length, int64_t size) {
  return {std::clamp<int64_t>(centre - length / 2, 0, size), std::clamp<int64_t>(centre + length / 2, 0, size)};
}

/// mixed = share·own + (1 − share)·partner
void Blend(double share, int64_t count, const float* own, const float* partner, float* mixed) {
  const float a = static_cast<float>(share), b = static_cast<float>(1 - share);
  for (int64_t i = 0; i < count; ++i) mixed[i] = a * own[i] + b * partner[i];
}

}  // namespace

Mix DrawMix(const MixOptions& options, LoaderPosition position, int64_t height, int64_t width) {
  RandomStream random(options.seed, RandomPurpose::kMix, static_cast<uint32_t>(position.epoch),
                      static_cast<uint32_t>(position.batch));
  const bool both = options.mixup > 0 && options.cutmix > 0;
  if (!options.mixes() || !random.Chance(options.cutmix_prob)) return {};
  const bool cutmix = both ? random.Chance(0.5) : options.cutmix > 0;
  const double alpha = cutmix ? options.cutmix : options.mixup, lambda = random.Beta(alpha, alpha);
  if (!cutmix) return {.kind = Mix::Kind::kMixup, .own_share = lambda};
  Mix mix{.kind = Mix::Kind::kCutMix};
  const double side = std::sqrt(1 - lambda);
  const auto interval = [&](int64_t size) {
    const int64_t centre = random.Below(static_cast<uint32_t>(size));
    return Interval(centre, static_cast<int64_t>(side * static_cast<double>(size)), size);
  };
  std::tie(mix.top, mix.bottom) = interval(height);
  std::tie(mix.left, mix.right) = interval(width);
  const auto box = static_cast<double>((mix.bottom - mix.top) * (mix.right - mix.left));
  mix.own_share = 1 - box / static_cast<double>(height * width);
  return mix;
}

void MixPictures(const Execution& execution, const Mix& mix, int channels, int64_t images, int64_t height,
                 int64_t width, Rows<const float> pictures, Rows<float> mixed) {
  const int64_t area = height * width;
  for (int c = 0; c < channels; ++c) std::fill(mixed[c] + images * area, mixed[c] + mixed.stride, 0.0f);
  execution.pool.ParallelFor(channels * images, [&](int64_t task) {
    const int64_t channel = task / images, n = task % images;
    const float* own = pictures[channel] + n * area;
    const float* partner = pictures[channel] + (images - 1 - n) * area;
    float* to = mixed[channel] + n * area;
    if (mix.kind == Mix::Kind::kMixup) return Blend(mix.own_share, area, own, partner, to);
    std::copy_n(own, area, to);
    for (int64_t y = mix.top; y < mix.bottom; ++y)
      std::copy_n(partner + y * width + mix.left, mix.right - mix.left, to + y * width + mix.left);
  });
}

void MixTargets(const Mix& mix, int64_t images, int64_t classes, float* targets) {
  const std::vector<float> before(targets, targets + images * classes);
  for (int64_t n = 0; n < images; ++n)
    Blend(mix.own_share, classes, &before[n * classes], &before[(images - 1 - n) * classes], targets + n * classes);
}

}  // namespace riffle
