// 3×3 average pool with stride 2 on channel-major maps (average_pool.h): sums of three lines, then of three columns
// (max_pool/pool-inl.h), times the reciprocal of the number of pixels in the window. Backward is the transpose: a line
// of dx is the sum of the one or two lines of windows that it belongs to, each value spread over its columns.
#include "base/threads.h"
#include "ops/cpu.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/average_pool/average_pool_cpu.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "ops/max_pool/pool-inl.h"
#include "ops/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace riffle::cpu::HWY_NAMESPACE {
namespace {

/// Pixels of the picture in window i along one axis.
int64_t PixelsInWindow(int64_t i, int64_t before, int64_t size) {
  return std::min(2 * i - before + 3, size) - std::max<int64_t>(2 * i - before, 0);
}

/// Reciprocals of the divisors: one line of windows for each number of lines (1, 2, 3) that lie in the picture.
struct Factors {
  Factors(const PoolGeometry& g, AverageDivisor divisor, Scratch& scratch) : geometry(g) {
    for (int64_t lines = 1; lines <= 3; ++lines) {
      float* factor = of_lines[lines - 1] = g.NewLine(scratch, g.out.width, 0);
      for (int64_t j = 0; j < g.out.width; ++j) {
        const int64_t pixels = divisor == AverageDivisor::kNine ? 9 : lines * PixelsInWindow(j, g.left, g.in.width);
        factor[j] = 1.0f / static_cast<float>(pixels);
      }
    }
  }
  const float* OfLine(int64_t i) const { return of_lines[PixelsInWindow(i, geometry.top, geometry.in.height) - 1]; }
  const PoolGeometry& geometry;
  float* of_lines[3];
};

void Forward(const AveragePoolShape& shape, const riffle::AveragePoolForward<float>& args) {
  const PoolGeometry g(shape);
  Scratch shared;
  const Factors factors(g, shape.divisor, shared);
  ForPictures(shape.channels, g.in, [&](int64_t c, int64_t first, int64_t end) HWY_ATTR {
    Scratch scratch;
    float* line = g.NewLine(scratch, g.in.width + 2, 0);
    for (int64_t n = first; n < end; ++n) {
      PoolPicture(
          g, args.x[c] + n * g.in.area(), 0, [](V a, V b) HWY_ATTR { return hn::Add(a, b); },
          [&](int64_t i, int64_t j, V sum) HWY_ATTR { return hn::Mul(sum, hn::LoadU(D(), factors.OfLine(i) + j)); },
          line, (end - n) * g.out.area(), args.y[c] + n * g.out.area());
    }
  });
}

/// A line of windows, divided: zero at index −1 and from out.width on, as the factors are zero there.
HWY_INLINE void LoadDivided(const PoolGeometry& g, const float* dy, const float* factor, bool add, float* to) {
  for (int64_t j = 0; j < g.out.width; j += kLanes) {
    const V gradient = LoadFirst(dy + j, std::min(kLanes, g.out.width - j));
    const V so_far = add ? hn::LoadU(D(), to + j) : hn::Zero(D());
    hn::StoreU(hn::MulAdd(gradient, hn::LoadU(D(), factor + j), so_far), D(), to + j);
  }
}

/// dx of one picture. windows: the sum of the lines of windows that a line of dx belongs to; spread: that, for columns
/// that belong to two windows.
void BackwardPicture(const PoolGeometry& g, const Factors& factors, const float* dy, float* windows, float* spread,
                     int64_t room, float* dx) {
  for (int64_t h = 0; h < g.in.height; ++h) {
    const int64_t padded = h + g.top, i = padded / 2;
    const bool below = i < g.out.height, above = padded % 2 == 0 && i > 0;
    if (below) LoadDivided(g, dy + i * g.out.width, factors.OfLine(i), false, windows);
    if (above) LoadDivided(g, dy + (i - 1) * g.out.width, factors.OfLine(i - 1), below, windows);
    for (int64_t j = 0; j <= g.out.width; j += kLanes) {
      hn::StoreU(hn::Add(hn::LoadU(D(), windows + j), hn::LoadU(D(), windows + j - 1)), D(), spread + j);
    }
    StorePaddedColumns(g, spread, windows, room - h * g.in.width, dx + h * g.in.width);
  }
}

void Backward(const AveragePoolShape& shape, const riffle::AveragePoolBackward<float>& args) {
  const PoolGeometry g(shape);
  Scratch shared;
  const Factors factors(g, shape.divisor, shared);
  ForPictures(shape.channels, g.in, [&](int64_t c, int64_t first, int64_t end) HWY_ATTR {
    Scratch scratch;
    float* windows = g.NewLine(scratch, g.out.width, 0);
    float* spread = g.NewLine(scratch, g.out.width, 0);
    for (int64_t n = first; n < end; ++n) {
      BackwardPicture(g, factors, args.dy[c] + n * g.out.area(), windows, spread, (end - n) * g.in.area(),
                      args.dx[c] + n * g.in.area());
    }
  });
}

}  // namespace
}  // namespace riffle::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace riffle::cpu {

HWY_EXPORT(Forward);
HWY_EXPORT(Backward);

void AveragePoolForward(const AveragePoolShape& shape, const riffle::AveragePoolForward<float>& args) {
  HWY_DYNAMIC_DISPATCH(Forward)(shape, args);
}

void AveragePoolBackward(const AveragePoolShape& shape, const riffle::AveragePoolBackward<float>& args) {
  HWY_DYNAMIC_DISPATCH(Backward)(shape, args);
}

}  // namespace riffle::cpu
#endif
