#include "ops/stem_conv/stem_conv.h"

#include "backend/testing/execution.h"
#include "ops/testing/derivative.h"

namespace riffle {
namespace {

struct Case {
  Plane plane;
  int stride;
  int in_channels;
};

/// Picture → convolution → batch norm, shortcut, ReLU.
template <class T>
struct Chain {
  explicit Chain(const Case& c)
      : shape{c.in_channels, 4, c.plane, c.stride},
        draw(Values::kSmooth),
        x(c.in_channels, c.plane.pixels(), [&] { return draw.Real(); }),
        weight(1, 4 * 9 * c.in_channels, [&] { return draw.Real(); }),
        dweight(1, weight.pixels()),
        end(4, shape.out().pixels(), draw) {}

  T Forward() {
    ReferenceOps<T>().stem_conv_forward(
        OnThreads(), shape, {end.norm.raw.rows(), x.rows(), weight.data(), nullptr, false, end.norm.moments.data()});
    return end.Forward();
  }
  void Backward() {
    end.Backward();
    ReferenceOps<T>().stem_conv_backward(OnThreads(), shape, {dweight.data(), end.norm.source(), x.rows()});
  }
  std::vector<Variable<T>> Variables() { return {{"weight", &weight, &dweight}}; }

  StemConvShape shape;
  Draw draw;
  GuardedMap<T> x, weight, dweight;
  ResidualEnd<T> end;
};

TEST(StemConv, BackwardIsTheDerivativeOfForward) {
  for (const Plane plane : {Plane{2, 4, 5}, Plane{1, 7, 7}, Plane{3, 2, 2}, Plane{5, 1, 3}}) {
    for (const int stride : {1, 2}) {
      for (const int in_channels : {1, 3}) {
        SCOPED_TRACE(fmt::format("{}x{}x{} stride {} channels {}", plane.images, plane.height, plane.width, stride,
                                 in_channels));
        ExpectGradients<Chain>(Case{plane, stride, in_channels});
      }
    }
  }
}

TEST(StemConv, SumsTheTapsOfAllChannelsAndTheBias) {
  // Two channels of one 2×2 picture: the upper left neighbour of channel 0, less the pixel of channel 1.
  double x[2][4] = {{1, 2, 3, 4}, {10, 20, 30, 40}}, y[4];
  double weight[2][9] = {{1, 0, 0, 0, 0, 0, 0, 0, 0}, {0, 0, 0, 0, -1, 0, 0, 0, 0}};
  const double bias = 35;
  const StemConvShape shape = {2, 1, {1, 2, 2}, 1};
  ReferenceOps<double>().stem_conv_forward(OnThreads(), shape, {{y, 4}, {x[0], 4}, weight[0], &bias, false, nullptr});
  EXPECT_EQ((std::vector<double>(y, y + 4)), (std::vector<double>{25, 15, 5, -4}));
  ReferenceOps<double>().stem_conv_forward(OnThreads(), shape, {{y, 4}, {x[0], 4}, weight[0], &bias, true, nullptr});
  EXPECT_EQ((std::vector<double>(y, y + 4)), (std::vector<double>{25, 15, 5, 0}));
}

TEST(StemConv, MomentsAreThoseOfTheStoredRows) {
  double x[4] = {-1, -2, 3, 4}, y[4];
  const double weight[9] = {0, 0, 0, 0, 1, 0, 0, 0, 0};
  Moments<double> moments;
  ReferenceOps<double>().stem_conv_forward(OnThreads(), {1, 1, {1, 2, 2}, 1},
                                           {{y, 4}, {x, 4}, weight, nullptr, true, &moments});
  EXPECT_EQ(moments.mean, 1.75);
  EXPECT_EQ(moments.variance, 25.0 / 4 - 1.75 * 1.75);
}

}  // namespace
}  // namespace riffle
