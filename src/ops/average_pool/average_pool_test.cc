#include "ops/average_pool/average_pool.h"

#include "backend/testing/execution.h"
#include "ops/testing/derivative.h"

namespace riffle {
namespace {

AveragePoolShape ShapeOf(int channels, Plane plane, PoolPadding padding, AverageDivisor divisor) {
  AveragePoolShape shape;
  shape.channels = channels;
  shape.in = plane;
  shape.padding = padding;
  shape.divisor = divisor;
  return shape;
}

/// x → average pool → F = Σ factor·y.
template <class T>
struct Chain {
  explicit Chain(const AveragePoolShape& s)
      : shape(s),
        draw(Values::kSmooth),
        x(s.channels, s.in.pixels(), [&] { return draw.Real(); }),
        dx(s.channels, s.in.pixels()),
        y(s.channels, s.out().pixels()),
        factor(s.channels, s.out().pixels(), [&] { return draw.Real(); }) {}

  T Forward() {
    ReferenceOps<T>().average_pool_forward(OnThreads(), shape, {y.rows(), x.rows()});
    T sum = 0;
    for (int64_t c = 0; c < shape.channels; ++c) {
      for (int64_t p = 0; p < y.pixels(); ++p) sum += factor[c][p] * y[c][p];
    }
    return sum;
  }
  void Backward() { ReferenceOps<T>().average_pool_backward(OnThreads(), shape, {dx.rows(), factor.rows()}); }
  std::vector<Variable<T>> Variables() { return {{"x", &x, &dx}}; }

  AveragePoolShape shape;
  Draw draw;
  GuardedMap<T> x, dx, y, factor;
};

TEST(AveragePool, BackwardIsTheDerivativeOfForward) {
  for (const Plane plane : {Plane{2, 4, 5}, Plane{1, 7, 7}, Plane{3, 2, 2}, Plane{4, 1, 1}}) {
    for (const PoolPadding padding : {PoolPadding::kSymmetric, PoolPadding::kSame}) {
      for (const AverageDivisor divisor : {AverageDivisor::kNine, AverageDivisor::kTruePixels}) {
        ExpectGradients<Chain>(ShapeOf(2, plane, padding, divisor));
      }
    }
  }
}

TEST(AveragePool, PaddingAndDivisorAreThoseOfTheShape) {
  std::vector<double> x(16, 9.0);
  const auto pooled = [&](PoolPadding padding, AverageDivisor divisor) {
    std::vector<double> y(4);
    ReferenceOps<double>().average_pool_forward(OnThreads(), ShapeOf(1, {1, 4, 4}, padding, divisor),
                                                {{y.data(), 0}, {x.data(), 0}});
    return y;
  };
  EXPECT_EQ(pooled(PoolPadding::kSymmetric, AverageDivisor::kNine), (std::vector<double>{4, 6, 6, 9}));
  EXPECT_EQ(pooled(PoolPadding::kSame, AverageDivisor::kNine), (std::vector<double>{9, 6, 6, 4}));
  for (const PoolPadding padding : {PoolPadding::kSymmetric, PoolPadding::kSame}) {
    EXPECT_EQ(pooled(padding, AverageDivisor::kTruePixels), (std::vector<double>{9, 9, 9, 9}));
  }
}

}  // namespace
}  // namespace riffle
