// Mixup and CutMix: each picture of a batch is mixed with the one at the same place of the reversed batch, and so are
// their targets. Mixup: Zhang et al., arXiv 1710.09412; CutMix: Yun et al., arXiv 1905.04899; as in MindCV and timm,
// "batch" mode. With n' = images − 1 − n:
//   Mixup   mixed[n] = own_share · x[n] + (1 − own_share) · x[n']
//   CutMix  mixed[n] = x[n'] inside the box, x[n] outside it
// and for both targets[n] = own_share · targets[n] + (1 − own_share) · targets[n'], of those before.
#pragma once

#include "ops/common.h"

namespace riffle {

/// How a batch is mixed. The middle picture of an odd batch is its own partner.
struct Mix {
  enum class Kind { kNone, kMixup, kCutMix };
  Kind kind = Kind::kNone;
  double own_share = 1;  ///< of the picture's own target; CutMix: exactly the share of its pixels outside the box
  int64_t top = 0, bottom = 0, left = 0, right = 0;  ///< CutMix: rows [top, bottom), columns [left, right)
  bool operator==(const Mix&) const = default;
};

/// REQUIRES: mix.kind is not kNone.
struct MixPicturesShape {
  int channels = 0;
  Plane plane;
  Mix mix;
};

template <class T>
struct MixPictures {
  Rows<T> mixed;  ///< other memory than pictures; what lies behind the pixels of its rows, their padding, becomes zero
  Rows<const T> pictures;
};

template <class T>
struct MixTargets {
  T* targets = nullptr;  ///< [images][classes], mixed in place
  double own_share = 1;
};

}  // namespace riffle
