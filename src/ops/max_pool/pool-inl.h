// The walk of both 3×3 stride-2 pools over one picture, in PADDED coordinates: line and column 0 are the padding, where
// there is some before the picture, so that window (i, j) always covers lines 2i … 2i + 2 and columns 2j … 2j + 2.
// Both pools are separable: three lines are combined first, along whole vectors, then three columns of the result.
#include "base/scratch.h"
#include "ops/max_pool/max_pool.h"

#if defined(RIFFLE_OPS_POOL_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef RIFFLE_OPS_POOL_INL_H_
#undef RIFFLE_OPS_POOL_INL_H_
#else
#define RIFFLE_OPS_POOL_INL_H_
#endif

#include "ops/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace riffle::cpu::HWY_NAMESPACE {

/// Pixels that make a task worth handing to a thread.
constexpr int64_t kPoolTaskPixels = 8192;

struct PoolGeometry {
  explicit PoolGeometry(const PoolShape& s)
      : in(s.in), out(s.out()), top(s.before(s.in.height)), left(s.before(s.in.width)) {}

  /// A line of `out.width` values and one more on each side, rounded up for whole vectors, in scratch memory; the
  /// returned pointer is at index 0, and all values are `fill`.
  float* NewLine(Scratch& scratch, int64_t width, float fill) const {
    const int64_t size = width + 4 * kLanes;
    float* line = scratch.Floats(size);
    std::fill_n(line, size, fill);
    return line + kLanes;
  }

  Plane in, out;
  int64_t top, left;  // padding before the picture, 0 or 1
};

/// y = finish(i, j, combine of the window) for one picture; `line` is a NewLine of the padded width, filled with `pad`,
/// which is neutral for combine; `room` values from y on may be overwritten. finish gets and returns a vector of
/// windows (i, j …).
template <class Combine, class Finish>
HWY_INLINE void PoolPicture(const PoolGeometry& g, const float* HWY_RESTRICT x, float pad, const Combine& combine,
                            const Finish& finish, float* HWY_RESTRICT line, int64_t room, float* HWY_RESTRICT y) {
  const int64_t width = g.in.width;
  for (int64_t i = 0; i < g.out.height; ++i, y += g.out.width, room -= g.out.width) {
    const int64_t first = std::max<int64_t>(2 * i - g.top, 0), last = std::min(2 * i - g.top + 3, g.in.height);
    const float* HWY_RESTRICT from = x + first * width;
    const int64_t second = last - first > 1 ? width : 0, third = (last - first - 1) * width;
    int64_t p = 0;
    for (; p + kLanes <= width; p += kLanes) {
      V v = hn::LoadU(D(), from + p);
      if (second) v = combine(v, hn::LoadU(D(), from + p + second));
      if (third > second) v = combine(v, hn::LoadU(D(), from + p + third));
      hn::StoreU(v, D(), line + g.left + p);
    }
    if (p < width) {
      V v = LoadFirst(from + p, width - p);
      if (second) v = combine(v, LoadFirst(from + p + second, width - p));
      if (third > second) v = combine(v, LoadFirst(from + p + third, width - p));
      hn::StoreU(v, D(), line + g.left + p);
    }
    hn::StoreU(hn::Set(D(), pad), D(), line + g.left + width);
    for (int64_t j = 0; j < g.out.width; j += kLanes) {
      V a, b, c, unused;
      hn::LoadInterleaved2(D(), line + 2 * j, a, b);
      hn::LoadInterleaved2(D(), line + 2 * j + 2, c, unused);
      const V v = finish(i, j, combine(combine(a, b), c));
      StoreFirst(v, y + j, g.out.width - j, room - j);
    }
  }
}

/// Stores a line of dx from its padded columns: two_j[j] of column 2j, two_j_1[j] of column 2j + 1. `room` values from
/// dx on may be overwritten.
HWY_INLINE void StorePaddedColumns(const PoolGeometry& g, const float* two_j, const float* two_j_1, int64_t room,
                                   float* dx) {
  if (g.left == 0) {
    JoinColumns(two_j, two_j_1, g.in.width, room, dx);
  } else {
    JoinColumns(two_j_1, two_j + 1, g.in.width, room, dx);
  }
}

/// Calls task(channel, first picture, end) for blocks of pictures of one channel, in parallel.
template <class Task>
void ForPictures(int64_t channels, const Plane& in, const Task& task) {
  const int64_t pictures = std::max<int64_t>(1, kPoolTaskPixels / in.area());
  const int64_t blocks = (in.images + pictures - 1) / pictures;
  ParallelFor(channels * blocks, [&](int64_t i) HWY_ATTR {
    const int64_t first = i % blocks * pictures;
    task(i / blocks, first, std::min(first + pictures, in.images));
  });
}

}  // namespace riffle::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // RIFFLE_OPS_POOL_INL_H_
