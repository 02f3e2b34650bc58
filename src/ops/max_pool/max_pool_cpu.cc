// 3×3 max-pool with stride 2 on channel-major maps (max_pool.h).
//
// Forward compares the rows as they are stored and applies batch norm and ReLU to the winners only: both are monotone,
// so the greatest value wins before as after; where the scale is negative, the least.
//
// Backward finds the winners again: for each line of windows, which of the nine won (kind) and the gradient that goes
// there. An input pixel belongs to at most four windows; each line of dx is gathered from the one or two lines of
// windows above it, even and odd columns apart. Nothing is scattered, so each value of dx is written once, in order.
#include "base/threads.h"
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

void Forward(const PoolShape& shape, const riffle::MaxPoolForward<float>& args) {
  const PoolGeometry g(shape);
  ForPictures(shape.channels, g.in, [&](int64_t c, int64_t first, int64_t end) HWY_ATTR {
    Scratch scratch;
    const bool least = args.in.scale && args.in.scale[c] < 0;
    const float pad = least ? kInfinity : -kInfinity;
    float* line = g.NewLine(scratch, g.in.width + 2, pad);
    const ActivationVector in = ActivationOf(args.in, c);
    const auto finish = [&](int64_t, int64_t, V v) HWY_ATTR { return in(v); };
    for (int64_t n = first; n < end; ++n) {
      const float* x = args.x[c] + n * g.in.area();
      float* y = args.y[c] + n * g.out.area();
      const int64_t room = (end - n) * g.out.area();
      if (least) {
        PoolPicture(
            g, x, pad, [](V a, V b) HWY_ATTR { return hn::Min(a, b); }, finish, line, room, y);
      } else {
        PoolPicture(
            g, x, pad, [](V a, V b) HWY_ATTR { return hn::Max(a, b); }, finish, line, room, y);
      }
    }
  });
}

/// An input line, activated: padded column 2j at two_j[j], 2j + 1 at two_j_1[j], minus infinity in the padding.
struct SplitLine {
  float* even;  // of the picture's own columns
  float* odd;
  const float* two_j;
  const float* two_j_1;
};

SplitLine NewSplitLine(const PoolGeometry& g, Scratch& scratch) {
  SplitLine line{g.NewLine(scratch, g.out.width, -kInfinity), g.NewLine(scratch, g.out.width, -kInfinity), nullptr,
                 nullptr};
  line.two_j = g.left == 0 ? line.even : line.odd - 1;
  line.two_j_1 = g.left == 0 ? line.odd : line.even;
  return line;
}

/// Brings padded line `padded` of the picture at x, from where on `readable` values may be read.
HWY_INLINE void LoadSplitLine(const PoolGeometry& g, const float* x, int64_t readable, int64_t padded,
                              const ActivationVector& in, const SplitLine& line) {
  const int64_t h = padded - g.top;
  if (h < 0 || h >= g.in.height) {
    std::fill_n(line.even, g.out.width + 1, -kInfinity);
    std::fill_n(line.odd, g.out.width + 1, -kInfinity);
    return;
  }
  SplitColumns(x + h * g.in.width, g.in.width, readable - h * g.in.width, in, line.even, line.odd);
  line.even[(g.in.width + 1) / 2] = -kInfinity;
  line.odd[g.in.width / 2] = -kInfinity;
}

/// A line of windows: which of the nine pixels won, 0 … 8 in reading order, and the gradient that it gets. Gradients
/// are zero at index −1 and from out.width on.
struct WindowLine {
  float* kind;
  float* dy;
};

HWY_INLINE void FindWinners(const PoolGeometry& g, const SplitLine (&lines)[3], const float* dy, V off,
                            const WindowLine& windows) {
  for (int64_t j = 0; j < g.out.width; j += kLanes) {
    V best = hn::LoadU(D(), lines[0].two_j + j), kind = hn::Zero(D());
    const auto compare = [&](int k, const float* candidates) HWY_ATTR {
      const V v = hn::LoadU(D(), candidates + j);
      kind = hn::IfThenElse(hn::Gt(v, best), hn::Set(D(), static_cast<float>(k)), kind);
      best = hn::Max(best, v);
    };
    for (int u = 0; u < 3; ++u) {
      if (u > 0) compare(3 * u, lines[u].two_j);
      compare(3 * u + 1, lines[u].two_j_1);
      compare(3 * u + 2, lines[u].two_j + 1);
    }
    const V gradient = LoadFirst(dy + j, std::min(kLanes, g.out.width - j));
    hn::StoreU(kind, D(), windows.kind + j);
    hn::StoreU(hn::IfThenElseZero(hn::Gt(best, off), gradient), D(), windows.dy + j);
  }
}

/// The gradients that windows (…, j) give to their column v in window line u.
HWY_INLINE V GradientTo(const WindowLine& windows, int u, int v, int64_t j) {
  const V wins = hn::Set(D(), static_cast<float>(3 * u + v));
  return hn::IfThenElseZero(hn::Eq(hn::LoadU(D(), windows.kind + j), wins), hn::LoadU(D(), windows.dy + j));
}

/// What one channel's backward keeps in scratch memory.
struct BackwardMemory {
  BackwardMemory(const PoolGeometry& g, Scratch& scratch) {
    for (SplitLine& line : lines) line = NewSplitLine(g, scratch);
    for (WindowLine& line : windows) {
      line = {g.NewLine(scratch, g.out.width, 0), g.NewLine(scratch, g.out.width, 0)};
    }
    two_j = g.NewLine(scratch, g.out.width, 0);
    two_j_1 = g.NewLine(scratch, g.out.width, 0);
  }
  SplitLine lines[3];
  WindowLine windows[2];  // of lines i and i − 1 in turn
  float* two_j;           // padded columns of a line of dx
  float* two_j_1;
};

/// Padded line of dx from the windows that it is line u of, and, where it is the last line of others too, from those.
HWY_INLINE void StoreGradientLine(const PoolGeometry& g, int64_t padded, const WindowLine& windows, int u,
                                  const WindowLine* above, const BackwardMemory& memory, int64_t room, float* dx) {
  const int64_t h = padded - g.top;
  if (h < 0 || h >= g.in.height) return;
  for (int64_t j = 0; j <= g.out.width; j += kLanes) {
    V even = hn::Add(GradientTo(windows, u, 0, j), GradientTo(windows, u, 2, j - 1));
    V odd = GradientTo(windows, u, 1, j);
    if (above) {
      even = hn::Add(even, hn::Add(GradientTo(*above, 2, 0, j), GradientTo(*above, 2, 2, j - 1)));
      odd = hn::Add(odd, GradientTo(*above, 2, 1, j));
    }
    hn::StoreU(even, D(), memory.two_j + j);
    hn::StoreU(odd, D(), memory.two_j_1 + j);
  }
  StorePaddedColumns(g, memory.two_j, memory.two_j_1, room - h * g.in.width, dx + h * g.in.width);
}

/// dx of one picture; `room` values from x on may be read, and from dx on overwritten.
void BackwardPicture(const PoolGeometry& g, const float* x, const float* dy, const ActivationVector& in, V off,
                     BackwardMemory& memory, int64_t room, float* dx) {
  LoadSplitLine(g, x, room, 0, in, memory.lines[0]);
  for (int64_t i = 0; i < g.out.height; ++i) {
    LoadSplitLine(g, x, room, 2 * i + 1, in, memory.lines[1]);
    LoadSplitLine(g, x, room, 2 * i + 2, in, memory.lines[2]);
    const WindowLine& windows = memory.windows[i % 2];
    const WindowLine* above = i > 0 ? &memory.windows[(i - 1) % 2] : nullptr;
    FindWinners(g, memory.lines, dy + i * g.out.width, off, windows);
    StoreGradientLine(g, 2 * i, windows, 0, above, memory, room, dx);
    StoreGradientLine(g, 2 * i + 1, windows, 1, nullptr, memory, room, dx);
    if (i + 1 == g.out.height) StoreGradientLine(g, 2 * i + 2, windows, 2, nullptr, memory, room, dx);
    std::swap(memory.lines[0], memory.lines[2]);
  }
}

void Backward(const PoolShape& shape, const riffle::MaxPoolBackward<float>& args) {
  const PoolGeometry g(shape);
  ParallelFor(shape.channels, [&](int64_t c) HWY_ATTR {
    Scratch scratch;
    BackwardMemory memory(g, scratch);
    const ActivationVector in = ActivationOf(args.in, c);
    const V off = hn::Set(D(), args.in.relu ? 0.0f : -kInfinity);
    GradientRowSums sums(args.dx.raw ? args.dx.moments[c].mean : 0);
    for (int64_t n = 0; n < g.in.images; ++n) {
      const int64_t at = n * g.in.area();
      BackwardPicture(g, args.x[c] + at, args.dy[c] + n * g.out.area(), in, off, memory, g.in.pixels() - at,
                      args.dx.dz[c] + at);
      if (args.dx.raw) sums.Add(args.dx.dz[c] + at, args.dx.raw[c] + at, g.in.area());
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

void MaxPoolForward(const PoolShape& shape, const riffle::MaxPoolForward<float>& args) {
  HWY_DYNAMIC_DISPATCH(Forward)(shape, args);
}

void MaxPoolBackward(const PoolShape& shape, const riffle::MaxPoolBackward<float>& args) {
  HWY_DYNAMIC_DISPATCH(Backward)(shape, args);
}

}  // namespace riffle::cpu
#endif
