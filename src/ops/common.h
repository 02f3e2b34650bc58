// What the contracts of all ops share: how maps, activations and gradients are stored.
//
// Maps are channel-major (base/rows.h). A convolution stores its output RAW, before batch norm. The batch norm and ReLU
// that follow are never a pass over memory of their own: whoever reads the row applies them on load (Activation). The
// same holds backward: for a raw map `a` with z = scale·a + shift, the gradient dz of the batch norm's output is stored
// (already zero where a ReLU was off), and whoever reads it turns it into da on load (PullBack). Row sums that batch
// norm needs, forward and backward, are gathered by the op that writes the row; docs/backward.md derives them. T is
// float; the reference backend also runs on double and std::complex<double>.
#pragma once

#include <cstdint>

#include "base/rows.h"

namespace riffle {

/// Pictures of one size. Rows of a map hold images·height·width values.
struct Plane {
  int64_t images = 0;
  int64_t height = 0;
  int64_t width = 0;
  constexpr int64_t area() const { return height * width; }
  constexpr int64_t pixels() const { return images * height * width; }
  bool operator==(const Plane&) const = default;
};

/// Size along one axis after a 3×3 window with padding 1 in all and the given stride; the same for "same" padding.
constexpr int64_t OutSize(int64_t in, int64_t stride) { return (in + stride - 1) / stride; }

/// The plane after a 3×3 convolution or pool with this stride.
constexpr Plane OutPlane(Plane in, int64_t stride) {
  return {in.images, OutSize(in.height, stride), OutSize(in.width, stride)};
}

/// What the head gives: [images][classes]. Losses and what they compare with have this shape.
struct LogitsShape {
  int64_t images = 0;
  int classes = 0;
  constexpr int64_t values() const { return images * classes; }
};

/// How max-pool and average pool (3×3, stride 2) treat the border.
enum class PoolPadding {
  kSymmetric,  ///< one row and column of padding on each side
  kSame,       ///< TensorFlow's and MindSpore's "same": at even sizes the padding is at the bottom and right only
};

/// Divisor of the average pool.
enum class AverageDivisor {
  kNine,        ///< padding counts as zeros (PyTorch's default)
  kTruePixels,  ///< padding does not count (MindSpore's "same")
};

/// What a stored row stands for: scale[c]·x + shift[c], then max(0, ·) if relu. Null scale: the row as it is (relu
/// still counts).
template <class T>
struct Activation {
  const T* scale = nullptr;
  const T* shift = nullptr;
  bool relu = false;
};

/// Mean and biased variance of a row, gathered where it is stored.
template <class T>
struct Moments {
  T mean;
  T variance;
};

/// da = dz·dz_factor + a·raw_factor + constant: the gradient of a raw row from that of its batch norm's output
/// (batch_norm.h).
template <class T>
struct PullBack {
  T dz_factor;
  T raw_factor;
  T constant;
};

/// Where a backward reads the gradient of its raw output. Null pull_back: dz is that gradient already, and raw is not
/// read.
template <class T, class Map = T>
struct GradientSource {
  Rows<const Map> dz;
  Rows<const Map> raw;
  const PullBack<T>* pull_back = nullptr;
};

/// Σ dz and Σ dz·(raw − mean) over a row: what batch norm's backward needs.
template <class T>
struct GradientSums {
  T dz;
  T dz_centred;
};

/// Where a backward stores the gradient of its input, and what it gathers on the way.
template <class T, class Map = T>
struct GradientSink {
  Rows<Map> dz;
  Rows<const Map> add;  ///< added before the ReLU mask: the gradient from another branch; may be dz itself; or null
  Rows<const Map> raw;  ///< the raw map behind the input's batch norm, for the sums; null: none are wanted
  const Moments<T>* moments = nullptr;  ///< of raw
  GradientSums<T>* sums = nullptr;      ///< one for each row of dz
};

}  // namespace riffle
