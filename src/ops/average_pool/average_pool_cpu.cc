// 3×3 average pool with stride 2 on channel-major maps (average_pool.h): sums of three lines, then of three columns
// (max_pool/pool-inl.h), times the reciprocal of the number of pixels in the window. Backward is the transpose: a line
// of dx is the sum of the one or two lines of windows that it belongs to, each value spread over its columns.
#include "backend/execution.h"
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
      float* factor = of_lines[lines - 1] = scratch.Floats(g.out.width + kLanes);
      FillZero(factor, g.out.width + kLanes);
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

void Forward(const Execution& execution, const AveragePoolShape& shape, const riffle::AveragePoolForward<float>& args) {
  const PoolGeometry g(shape);
  Scratch shared;
  const Factors factors(g, shape.divisor, shared);
  const auto finish = [&](int64_t i, int64_t j, V sum)
                          HWY_ATTR { return hn::Mul(sum, hn::LoadU(D(), factors.OfLine(i) + j)); };
  ForPictures(execution, shape.channels, g.in, [&](int64_t c, int64_t first, int64_t end) HWY_ATTR {
    Scratch scratch;
    const PoolLines lines(scratch, kPoolBand, g.in.width + 2, 0);
    for (int64_t n = first; n < end; ++n) {
      const int64_t readable = g.in.pixels() - n * g.in.area(), room = (end - n) * g.out.area();
      PoolPicture(
          g, args.x[c] + n * g.in.area(), readable, 0, [](V a, V b) HWY_ATTR { return hn::Add(a, b); }, finish, lines,
          room, args.y[c] + n * g.out.area());
    }
  });
}

/// dx of one picture; `room` values from it on may be overwritten. windows: lines for its divided gradients, zero at
/// index −1 and from out.width on, where the factors are zero.
void BackwardPicture(const PoolGeometry& g, const Factors& factors, const float* dy, const PoolLines& windows,
                     int64_t room, float* dx) {
  for (int64_t i = 0; i < g.out.height; ++i) {
    for (int64_t j = 0; j < g.out.width; j += kLanes) {
      hwy::Prefetch(dy + i * g.out.width + j + kPrefetchFloats);
      const V gradient = LoadFirst(dy + i * g.out.width + j, std::min(kLanes, g.out.width - j));
      hn::StoreU(hn::Mul(gradient, hn::LoadU(D(), factors.OfLine(i) + j)), D(), windows[i] + j);
    }
  }
  for (int64_t h = 0; h < g.in.height; ++h) {
    const int64_t padded = h + g.top, i = padded / 2;
    const bool here = i < g.out.height, above = padded % 2 == 0 && i > 0;
    const auto sum = [&](int64_t j) HWY_ATTR {
      const V zero = hn::Zero(D());
      return hn::Add(here ? hn::LoadU(D(), windows[i] + j) : zero, above ? hn::LoadU(D(), windows[i - 1] + j) : zero);
    };
    StoreGradientLine(
        g, h,
        [&](int64_t j, V* even, V* odd) HWY_ATTR {
          *odd = sum(j);
          *even = hn::Add(*odd, sum(j - 1));
        },
        room, dx);
  }
}

void Backward(const Execution& execution, const AveragePoolShape& shape,
              const riffle::AveragePoolBackward<float>& args) {
  const PoolGeometry g(shape);
  Scratch shared;
  const Factors factors(g, shape.divisor, shared);
  ForPictures(execution, shape.channels, g.in, [&](int64_t c, int64_t first, int64_t end) HWY_ATTR {
    Scratch scratch;
    const PoolLines windows(scratch, g.out.height, g.out.width, 0);
    for (int64_t n = first; n < end; ++n) {
      BackwardPicture(g, factors, args.dy[c] + n * g.out.area(), windows, (end - n) * g.in.area(),
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

void AveragePoolForward(const Execution& execution, const AveragePoolShape& shape,
                        const riffle::AveragePoolForward<float>& args) {
  HWY_DYNAMIC_DISPATCH(Forward)(execution, shape, args);
}

void AveragePoolBackward(const Execution& execution, const AveragePoolShape& shape,
                         const riffle::AveragePoolBackward<float>& args) {
  HWY_DYNAMIC_DISPATCH(Backward)(execution, shape, args);
}

}  // namespace riffle::cpu
#endif
