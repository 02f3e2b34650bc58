#include "train/loss/mix.h"

#include <algorithm>
#include <cmath>
#include <tuple>
#include <utility>

#include "base/random.h"

namespace riffle {
namespace {

/// Where a box of length `length` around `centre` begins and ends, within [0, size).
std::pair<int64_t, int64_t> Interval(int64_t centre, int64_t length, int64_t size) {
  return {std::clamp<int64_t>(centre - length / 2, 0, size), std::clamp<int64_t>(centre + length / 2, 0, size)};
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

}  // namespace riffle
