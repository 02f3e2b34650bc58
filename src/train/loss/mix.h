// Mixup and CutMix: each picture of a batch is mixed with the one at the same place of the reversed batch, and so are
// their targets. Mixup: Zhang et al., arXiv 1710.09412; CutMix: Yun et al., arXiv 1905.04899; as in MindCV and timm,
// "batch" mode.
#pragma once

#include <cstdint>

#include "backend/execution.h"
#include "base/rows.h"
#include "data/batch.h"

namespace riffle {

/// The options of the same names.
struct MixOptions {
  double mixup = 0, cutmix = 0;
  double cutmix_prob = 1;
  uint64_t seed = 42;

  bool mixes() const { return mixup > 0 || cutmix > 0; }
};

/// How a batch is mixed: picture n becomes own_share·n + (1 − own_share)·partner, or keeps what lies outside the box
/// and takes what lies inside it from its partner. The middle picture of an odd batch is its own partner.
struct Mix {
  enum class Kind { kNone, kMixup, kCutMix };
  Kind kind = Kind::kNone;
  double own_share = 1;  ///< of the picture's own target; CutMix: exactly the share of its pixels
  int64_t top = 0, bottom = 0, left = 0, right = 0;  ///< CutMix: rows [top, bottom), columns [left, right)
  bool operator==(const Mix&) const = default;
};

/// Draws how the batch at a position is mixed, a function of (options.seed, position) alone:
///   with probability cutmix_prob it is mixed; where both alphas are above 0, CutMix with probability ½;
///   λ from Beta(alpha, alpha); the box of CutMix has sides of √(1 − λ) of the picture's, a centre that is uniform in
///   the picture, and is cut at the picture's edges, after which λ is what it left.
Mix DrawMix(const MixOptions& options, LoaderPosition position, int64_t height, int64_t width);

/// [channels][images·height·width], as base/rows.h says; `mixed` is other memory, its padding becomes zero.
/// REQUIRES: mix.kind is not kNone.
void MixPictures(const Execution& execution, const Mix& mix, int channels, int64_t images, int64_t height,
                 int64_t width, Rows<const float> pictures, Rows<float> mixed);

/// targets: [images][classes], mixed in place.
void MixTargets(const Mix& mix, int64_t images, int64_t classes, float* targets);

}  // namespace riffle
