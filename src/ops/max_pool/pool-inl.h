// The walk of both 3×3 stride-2 pools over one picture, in PADDED coordinates: line and column 0 are the padding, where
// there is some before the picture, so that window (i, j) always covers lines 2i … 2i + 2 and columns 2j … 2j + 2.
// Both pools are separable: three lines are combined first, along whole vectors, then three columns of the result.
#include "backend/scratch.h"
#include "hwy/cache_control.h"
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
/// Lines of windows that go through a step together. Steps read vectors at other places than the step before has stored
/// them; a processor waits when such a store is still on its way, so it gets time.
constexpr int64_t kPoolBand = 8;

/// Lines in scratch memory, with room for a vector before each and for three behind it.
struct PoolLines {
  PoolLines(Scratch& scratch, int64_t lines, int64_t width, float fill) : pitch(width + 4 * kLanes) {
    data = scratch.Floats(lines * pitch);
    std::fill_n(data, lines * pitch, fill);
    data += kLanes;
  }
  float* operator[](int64_t line) const { return data + line * pitch; }

  int64_t pitch;
  float* data;
};

struct PoolGeometry {
  explicit PoolGeometry(const PoolShape& s)
      : in(s.in), out(s.out()), top(s.before(s.in.height)), left(s.before(s.in.width)) {}
  Plane in, out;
  int64_t top, left;  // padding before the picture, 0 or 1
};

/// The three lines of window line i of the picture at x, combined column by column, into padded columns of `line`. From
/// x on `readable` values may be read.
template <class Combine>
HWY_INLINE void CombineLines(const PoolGeometry& g, const float* HWY_RESTRICT x, int64_t readable, int64_t i, float pad,
                             const Combine& combine, float* HWY_RESTRICT line) {
  const int64_t width = g.in.width;
  const int64_t top = std::max<int64_t>(2 * i - g.top, 0), bottom = std::min(2 * i - g.top + 3, g.in.height) - 1;
  const float* HWY_RESTRICT first = x + top * width;
  const float* HWY_RESTRICT second = x + std::min(top + 1, bottom) * width;
  const float* HWY_RESTRICT third = x + bottom * width;
  const int64_t lines = bottom - top + 1;
  const auto combined = [&](const auto& load) HWY_ATTR {
    V v = load(first);
    if (lines > 1) v = combine(v, load(second));
    if (lines > 2) v = combine(v, load(third));
    return v;
  };
  int64_t p = 0;
  for (; p + kLanes <= width; p += kLanes) {
    hwy::Prefetch(second + p + kPrefetchFloats);
    hwy::Prefetch(third + p + kPrefetchFloats);
    const V v = combined([p](const float* from) HWY_ATTR { return hn::LoadU(D(), from + p); });
    hn::StoreU(v, D(), line + g.left + p);
  }
  if (p < width) {
    // A masked load costs as much as a whole line of 14 pixels, so only the picture at the row's end gets one.
    const bool whole = bottom * width + p + kLanes <= readable;
    const V v = whole ? combined([p](const float* from) HWY_ATTR { return hn::LoadU(D(), from + p); })
                      : combined([p, width](const float* from) HWY_ATTR { return LoadFirst(from + p, width - p); });
    hn::StoreU(v, D(), line + g.left + p);
  }
  hn::StoreU(hn::Set(D(), pad), D(), line + g.left + width);
}

/// y = finish(i, j, combine of the window) for one picture. `lines`: kPoolBand lines of the padded width, filled with
/// `pad`, which is neutral for combine. finish gets and returns a vector of windows (i, j …). From x on
/// `readable` values may be read, from y on `room` values overwritten.
template <class Combine, class Finish>
HWY_INLINE void PoolPicture(const PoolGeometry& g, const float* x, int64_t readable, float pad, const Combine& combine,
                            const Finish& finish, const PoolLines& lines, int64_t room, float* HWY_RESTRICT y) {
  for (int64_t band = 0; band < g.out.height; band += kPoolBand) {
    const int64_t end = std::min(band + kPoolBand, g.out.height);
    for (int64_t i = band; i < end; ++i) CombineLines(g, x, readable, i, pad, combine, lines[i - band]);
    for (int64_t i = band; i < end; ++i, y += g.out.width, room -= g.out.width) {
      const float* HWY_RESTRICT line = lines[i - band];
      for (int64_t j = 0; j < g.out.width; j += kLanes) {
        V a, b, c, unused;
        hn::LoadInterleaved2(D(), line + 2 * j, a, b);
        hn::LoadInterleaved2(D(), line + 2 * j + 2, c, unused);
        StoreFirst(finish(i, j, combine(combine(a, b), c)), y + j, g.out.width - j, room - j);
      }
    }
  }
}

/// Stores line h of dx. columns(j, even, odd) gives vectors of the gradients of padded columns 2j … and 2j + 1 …;
/// `room` values from dx, the picture's start, on may be overwritten.
template <class Columns>
HWY_INLINE void StoreGradientLine(const PoolGeometry& g, int64_t h, const Columns& columns, int64_t room, float* dx) {
  dx += h * g.in.width;
  room -= h * g.in.width;
  for (int64_t p = 0; p < g.in.width; p += 2 * kLanes) {
    PrefetchToWrite(dx + p + kPrefetchFloats);
    PrefetchToWrite(dx + p + kPrefetchFloats + kCacheLineFloats);
    V even, odd;
    if (g.left == 0) {
      columns(p / 2, &even, &odd);
      StoreJoined(even, odd, dx + p, std::min(2 * kLanes, g.in.width - p), room - p);
    } else {  // column p is padded column p + 1
      V next, unused;
      columns(p / 2, &even, &odd);
      columns(p / 2 + 1, &next, &unused);
      StoreJoined(odd, next, dx + p, std::min(2 * kLanes, g.in.width - p), room - p);
    }
  }
}

/// Calls task(channel, first picture, end) for blocks of pictures of one channel, in parallel.
template <class Task>
void ForPictures(const Execution& execution, int64_t channels, const Plane& in, const Task& task) {
  const int64_t pictures = std::max<int64_t>(1, kPoolTaskPixels / in.area());
  const int64_t blocks = (in.images + pictures - 1) / pictures;
  execution.pool.ParallelFor(channels * blocks, [&](int64_t i) HWY_ATTR {
    const int64_t first = i % blocks * pictures;
    task(i / blocks, first, std::min(first + pictures, in.images));
  });
}

}  // namespace riffle::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // RIFFLE_OPS_POOL_INL_H_
