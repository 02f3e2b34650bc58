// 3×3 max-pool with stride 2 on channel-major maps (max_pool.h).
//
// Forward compares the rows as they are stored and applies batch norm and ReLU to the winners only: both are monotone,
// so the greatest value wins before as after; where the scale is negative, the least.
//
// Backward finds the winners again: for each line of windows, which of the nine won (kind) and the gradient that goes
// there. An input pixel belongs to at most four windows; each line of dx is gathered from the one or two lines of
// windows above it, even and odd columns apart. Nothing is scattered, so each value of dx is written once, in order.
#include "backend/execution.h"
#include "ops/cpu.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/max_pool/max_pool_cpu.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "ops/max_pool/pool-inl.h"
#include "ops/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace riffle::cpu::HWY_NAMESPACE {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

void Forward(const Execution& execution, const PoolShape& shape, const riffle::MaxPoolForward<float>& args) {
  const PoolGeometry g(shape);
  ForPictures(execution, shape.channels, g.in, [&](int64_t c, int64_t first, int64_t end) HWY_ATTR {
    Scratch scratch;
    const bool least = args.in.scale && args.in.scale[c] < 0;
    const float pad = least ? kInfinity : -kInfinity;
    const PoolLines lines(scratch, kPoolBand, g.in.width + 2, pad);
    const ActivationVector in = ActivationOf(args.in, c);
    const auto finish = [&](int64_t, int64_t, V v) HWY_ATTR { return in(v); };
    for (int64_t n = first; n < end; ++n) {
      const float* x = args.x[c] + n * g.in.area();
      float* y = args.y[c] + n * g.out.area();
      const int64_t readable = g.in.pixels() - n * g.in.area(), room = (end - n) * g.out.area();
      if (least) {
        PoolPicture(
            g, x, readable, pad, [](V a, V b) HWY_ATTR { return hn::Min(a, b); }, finish, lines, room, y);
      } else {
        PoolPicture(
            g, x, readable, pad, [](V a, V b) HWY_ATTR { return hn::Max(a, b); }, finish, lines, room, y);
      }
    }
  });
}

/// What the backward of one channel keeps in scratch memory.
struct BackwardMemory {
  BackwardMemory(const PoolGeometry& g, Scratch& scratch)
      : even(scratch, 2 * kPoolBand + 1, g.out.width, -kInfinity),
        odd(scratch, 2 * kPoolBand + 1, g.out.width, -kInfinity),
        kind(scratch, g.out.height, g.out.width, 0),
        dy(scratch, g.out.height, g.out.width, 0) {}

  PoolLines even, odd;  // of a band's input lines, activated: the picture's own columns; minus infinity around them
  PoolLines kind;       // which of its nine pixels each window chose, 0 … 8 in reading order
  PoolLines dy;         // and what gradient it gets: zero at index −1 and from out.width on
};

/// Brings padded line `padded` of the picture at x into line k; `readable` values from x on may be read.
HWY_INLINE void LoadSplitLine(const PoolGeometry& g, const float* x, int64_t readable, int64_t padded,
                              const ActivationVector& in, const BackwardMemory& memory, int64_t k) {
  const int64_t h = padded - g.top;
  float *even = memory.even[k], *odd = memory.odd[k];
  if (h < 0 || h >= g.in.height) {
    std::fill_n(even, g.out.width + 1, -kInfinity);
    std::fill_n(odd, g.out.width + 1, -kInfinity);
    return;
  }
  SplitColumns(x + h * g.in.width, g.in.width, readable - h * g.in.width, in, even, odd);
  even[(g.in.width + 1) / 2] = -kInfinity;
  odd[g.in.width / 2] = -kInfinity;
}

/// Window line i, of which the first input line is line k.
HWY_INLINE void FindWinners(const PoolGeometry& g, const float* dy, V off, const BackwardMemory& memory, int64_t k,
                            int64_t i) {
  // Padded column 2j is an odd one of the picture where there is padding at the left.
  const PoolLines& two_j = g.left == 0 ? memory.even : memory.odd;
  const PoolLines& two_j_1 = g.left == 0 ? memory.odd : memory.even;
  for (int64_t j = 0; j < g.out.width; j += kLanes) {
    V best = hn::Set(D(), -kInfinity), kind = hn::Zero(D());
    const auto compare = [&](int tap, const float* candidates) HWY_ATTR {
      const V v = hn::LoadU(D(), candidates + j);
      kind = hn::IfThenElse(hn::Gt(v, best), hn::Set(D(), static_cast<float>(tap)), kind);
      best = hn::Max(best, v);
    };
    for (int u = 0; u < 3; ++u) {
      compare(3 * u, two_j[k + u] - g.left);
      compare(3 * u + 1, two_j_1[k + u]);
      compare(3 * u + 2, two_j[k + u] - g.left + 1);
    }
    const int64_t n = std::min(kLanes, g.out.width - j);
    hwy::Prefetch(dy + i * g.out.width + j + kPrefetchFloats);
    const V gradient = KeepFirst(LoadFirst(dy + i * g.out.width + j, n), n);
    hn::StoreU(kind, D(), memory.kind[i] + j);
    hn::StoreU(hn::IfThenElseZero(hn::Gt(best, off), gradient), D(), memory.dy[i] + j);
  }
}

/// Gradients that windows (i, j …) give to the pixel of their line u and column v.
HWY_INLINE V GradientTo(const BackwardMemory& memory, int64_t i, int u, int v, int64_t j) {
  const V wins = hn::Set(D(), static_cast<float>(3 * u + v));
  return hn::IfThenElseZero(hn::Eq(hn::LoadU(D(), memory.kind[i] + j), wins), hn::LoadU(D(), memory.dy[i] + j));
}

/// Line h of dx, the picture's start, from the window lines that it belongs to.
HWY_INLINE void StoreLine(const PoolGeometry& g, const BackwardMemory& memory, int64_t h, int64_t room, float* dx) {
  // Line u of window line i; a line that two window lines share is line 2 of the one above, too.
  const int64_t padded = h + g.top, i = padded / 2;
  const int u = static_cast<int>(padded % 2);
  const bool here = i < g.out.height, above = u == 0 && i > 0;
  StoreGradientLine(
      g, h,
      [&](int64_t j, V* even, V* odd) HWY_ATTR {
        *even = *odd = hn::Zero(D());
        if (here) {
          *even = hn::Add(GradientTo(memory, i, u, 0, j), GradientTo(memory, i, u, 2, j - 1));
          *odd = GradientTo(memory, i, u, 1, j);
        }
        if (above) {
          const V shared = hn::Add(GradientTo(memory, i - 1, 2, 0, j), GradientTo(memory, i - 1, 2, 2, j - 1));
          *even = hn::Add(*even, shared);
          *odd = hn::Add(*odd, GradientTo(memory, i - 1, 2, 1, j));
        }
      },
      room, dx);
}

/// dx of one picture, from which on, as from x on, `room` values may be read and overwritten. Calls
/// stored(begin, count) for runs of its pixels that are, band by band while they are in L1.
template <class Stored>
void BackwardPicture(const PoolGeometry& g, const float* x, const float* dy, const ActivationVector& in, V off,
                     const BackwardMemory& memory, int64_t room, float* dx, const Stored& stored) {
  int64_t h = 0;
  for (int64_t band = 0; band < g.out.height; band += kPoolBand) {
    const int64_t end = std::min(band + kPoolBand, g.out.height), first = h;
    for (int64_t k = 0; k <= 2 * (end - band); ++k) LoadSplitLine(g, x, room, 2 * band + k, in, memory, k);
    for (int64_t i = band; i < end; ++i) FindWinners(g, dy, off, memory, 2 * (i - band), i);
    // The last line of a band's last windows is the next band's, too.
    const int64_t last = end == g.out.height ? g.in.height : 2 * end - g.top;
    for (; h < last; ++h) StoreLine(g, memory, h, room, dx);
    stored(first * g.in.width, (h - first) * g.in.width);
  }
}

void Backward(const Execution& execution, const PoolShape& shape, const riffle::MaxPoolBackward<float>& args) {
  const PoolGeometry g(shape);
  execution.pool.ParallelFor(shape.channels, [&](int64_t c) HWY_ATTR {
    Scratch scratch;
    const BackwardMemory memory(g, scratch);
    const ActivationVector in = ActivationOf(args.in, c);
    const V off = hn::Set(D(), args.in.relu ? 0.0f : -kInfinity);
    GradientRowSums sums(args.dx.raw ? args.dx.moments[c].mean : 0);
    for (int64_t n = 0; n < g.in.images; ++n) {
      const int64_t at = n * g.in.area();
      float* dx = args.dx.dz[c] + at;
      BackwardPicture(g, args.x[c] + at, args.dy[c] + n * g.out.area(), in, off, memory, g.in.pixels() - at, dx,
                      [&](int64_t begin, int64_t count) HWY_ATTR {
                        if (args.dx.raw) sums.Add(dx + begin, args.dx.raw[c] + at + begin, count);
                      });
    }
    if (args.dx.raw) args.dx.sums[c] = sums.Result();
  });
}

}  // namespace
}  // namespace riffle::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace riffle::cpu {

HWY_EXPORT(Forward);
HWY_EXPORT(Backward);

void MaxPoolForward(const Execution& execution, const PoolShape& shape, const riffle::MaxPoolForward<float>& args) {
  HWY_DYNAMIC_DISPATCH(Forward)(execution, shape, args);
}

void MaxPoolBackward(const Execution& execution, const PoolShape& shape, const riffle::MaxPoolBackward<float>& args) {
  HWY_DYNAMIC_DISPATCH(Backward)(execution, shape, args);
}

}  // namespace riffle::cpu
#endif
