#include "ops/max_pool/max_pool.h"

#include "backend/testing/execution.h"
#include "ops/testing/derivative.h"

namespace riffle {
namespace {

struct Case {
  Plane plane;
  PoolPadding padding;
  bool relu;
};

/// raw map → batch norm (→ ReLU) → max-pool → F = Σ factor·y.
template <class T>
struct Chain {
  explicit Chain(const Case& c)
      : shape{3, c.plane, c.padding},
        relu(c.relu),
        draw(Values::kSmooth),
        in(3, c.plane.pixels(), draw),
        y(3, shape.out().pixels()),
        factor(3, shape.out().pixels(), [&] { return draw.Real(); }) {}

  T Forward() {
    in.GatherMoments();
    in.Forward();
    ReferenceOps<T>().max_pool_forward(OnThreads(), shape, {y.rows(), in.raw.rows(), in.activation(relu)});
    T sum = 0;
    for (int64_t c = 0; c < 3; ++c) {
      for (int64_t p = 0; p < y.pixels(); ++p) sum += factor[c][p] * y[c][p];
    }
    return sum;
  }
  void Backward() {
    ReferenceOps<T>().max_pool_backward(OnThreads(), shape,
                                        {in.sink(), factor.rows(), in.raw.rows(), in.activation(relu)});
    in.Backward();
  }
  std::vector<Variable<T>> Variables() {
    std::vector<Variable<T>> variables;
    in.AppendVariables("input", true, &variables);
    return variables;
  }

  PoolShape shape;
  bool relu;
  Draw draw;
  Normalised<T> in;
  GuardedMap<T> y, factor;
};

TEST(MaxPool, BackwardIsTheDerivativeOfForward) {
  for (const Plane plane : {Plane{2, 4, 5}, Plane{1, 7, 7}, Plane{3, 2, 2}, Plane{4, 1, 3}}) {
    for (const PoolPadding padding : {PoolPadding::kSymmetric, PoolPadding::kSame}) {
      for (const bool relu : {false, true}) {
        SCOPED_TRACE(fmt::format("{}x{}x{} same {} relu {}", plane.images, plane.height, plane.width,
                                 padding == PoolPadding::kSame, relu));
        ExpectGradients<Chain>(Case{plane, padding, relu});
      }
    }
  }
}

std::vector<double> Pooled(PoolPadding padding, Plane plane, std::vector<double> x) {
  const PoolShape shape = {1, plane, padding};
  std::vector<double> y(shape.out().pixels());
  ReferenceOps<double>().max_pool_forward(OnThreads(), shape, {{y.data(), 0}, {x.data(), 0}, {}});
  return y;
}

TEST(MaxPool, PaddingIsAboveAndLeftOrBelowAndRight) {
  const std::vector<double> falling = {-1, -2, -3, -4, -5, -6, -7, -8, -9, -10, -11, -12, -13, -14, -15, -16};
  EXPECT_EQ(Pooled(PoolPadding::kSymmetric, {1, 4, 4}, falling), (std::vector<double>{-1, -2, -5, -6}));
  EXPECT_EQ(Pooled(PoolPadding::kSame, {1, 4, 4}, falling), (std::vector<double>{-1, -3, -9, -11}));
  // At odd sizes both are one pixel on each side.
  const std::vector<double> odd = {-1, -2, -3, -4, -5, -6, -7, -8, -9};
  EXPECT_EQ(Pooled(PoolPadding::kSymmetric, {1, 3, 3}, odd), (std::vector<double>{-1, -2, -4, -5}));
  EXPECT_EQ(Pooled(PoolPadding::kSame, {1, 3, 3}, odd), (std::vector<double>{-1, -2, -4, -5}));
}

TEST(MaxPool, TheGradientGoesToTheFirstOfEqualMaxima) {
  double x[4] = {1, 2, 2, 2}, dx[4], dy[1] = {7};
  ReferenceOps<double>().max_pool_backward(OnThreads(), {1, {1, 2, 2}, PoolPadding::kSymmetric},
                                           {{.dz = {dx, 4}, .add = {}, .raw = {}}, {dy, 1}, {x, 4}, {}});
  EXPECT_EQ((std::vector<double>(dx, dx + 4)), (std::vector<double>{0, 7, 0, 0}));
}

}  // namespace
}  // namespace riffle
