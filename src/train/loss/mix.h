// How a batch is mixed: Mixup or CutMix, which the ops mix_pictures and mix_targets (ops/mix/mix.h) then do.
#pragma once

#include <cstdint>

#include "data/batch.h"
#include "ops/mix/mix.h"

namespace riffle {

/// The options of the same names.
struct MixOptions {
  double mixup = 0, cutmix = 0;
  double cutmix_prob = 1;
  uint64_t seed = 42;

  bool mixes() const { return mixup > 0 || cutmix > 0; }
};

/// Draws how the batch at a position is mixed, a function of (options.seed, position) alone:
///   with probability cutmix_prob it is mixed; where both alphas are above 0, CutMix with probability ½;
///   λ from Beta(alpha, alpha); the box of CutMix has sides of √(1 − λ) of the picture's, a centre that is uniform in
///   the picture, and is cut at the picture's edges, after which λ is what it left.
Mix DrawMix(const MixOptions& options, LoaderPosition position, int64_t height, int64_t width);

}  // namespace riffle
