#include "ops/depthwise_conv/depthwise_conv.h"

#include "backend/testing/execution.h"
#include "ops/testing/derivative.h"

namespace riffle {
namespace {

struct Case {
  Plane plane;
  int stride;
  bool relu;
};

/// raw map → batch norm (→ ReLU) → depthwise convolution of permuted rows → batch norm, shortcut, ReLU.
template <class T>
struct Chain {
  explicit Chain(const Case& c)
      : shape{5, c.plane, c.stride},
        relu(c.relu),
        draw(Values::kSmooth),
        in(5, c.plane.pixels(), draw),
        weight(1, 5 * 9, [&] { return draw.Real(); }),
        dweight(1, 5 * 9),
        in_row(draw.Permutation(5)),
        weight_row(draw.Permutation(5)),
        end(5, shape.out().pixels(), draw) {}

  DepthwiseRows Routing() const { return {in_row.data(), weight_row.data()}; }
  T Forward() {
    in.GatherMoments();
    in.Forward();
    ReferenceOps<T>().depthwise_conv_forward(OnThreads(), shape,
                                             {end.norm.raw.rows(), in.raw.rows(), in.activation(relu), weight.data(),
                                              nullptr, Routing(), end.norm.moments.data()});
    return end.Forward();
  }
  void Backward() {
    end.Backward();
    ReferenceOps<T>().depthwise_conv_backward(
        OnThreads(), shape,
        {in.sink(), dweight.data(), end.norm.source(), in.raw.rows(), in.activation(relu), weight.data(), Routing()});
    in.Backward();
  }
  std::vector<Variable<T>> Variables() {
    std::vector<Variable<T>> variables = {{"weight", &weight, &dweight}, {"shortcut", &end.shortcut, &end.norm.dz}};
    in.AppendVariables("input", true, &variables);
    end.norm.AppendVariables("output", false, &variables);
    return variables;
  }

  DepthwiseConvShape shape;
  bool relu;
  Draw draw;
  Normalised<T> in;
  GuardedMap<T> weight, dweight;
  std::vector<int> in_row, weight_row;
  ResidualEnd<T> end;
};

TEST(DepthwiseConv, BackwardIsTheDerivativeOfForward) {
  for (const Plane plane : {Plane{2, 4, 5}, Plane{1, 7, 7}, Plane{3, 2, 2}, Plane{3, 1, 3}, Plane{4, 1, 1}}) {
    for (const int stride : {1, 2}) {
      for (const bool relu : {false, true}) {
        SCOPED_TRACE(fmt::format("{}x{}x{} stride {} relu {}", plane.images, plane.height, plane.width, stride, relu));
        ExpectGradients<Chain>(Case{plane, stride, relu});
      }
    }
  }
}

TEST(DepthwiseConv, ReadsTheRowsAndKernelsThatItIsTold) {
  // Two pictures of 2×3; a kernel that takes the right neighbour, and one that takes twice the lower one.
  double x[2][12] = {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, {-1, -2, -3, -4, -5, -6, -7, -8, -9, -10, -11, -12}};
  const double weight[2][9] = {{0, 0, 0, 0, 0, 1, 0, 0, 0}, {0, 0, 0, 0, 0, 0, 0, 2, 0}};
  const double bias[2] = {0.5, 0.25}, scale[2] = {1, -1}, shift[2] = {0, 1};
  const int in_row[2] = {1, 0}, weight_row[2] = {0, 1};
  double y[2][12];
  ReferenceOps<double>().depthwise_conv_forward(
      OnThreads(), {2, {2, 2, 3}, 1},
      {{y[0], 12}, {x[0], 12}, {scale, shift, true}, weight[0], bias, {in_row, weight_row}, nullptr});
  // Row 0 reads 1 − x[1] = 2, 3, ..., 13; padding is zero after the activation.
  const double right[12] = {3.5, 4.5, 0.5, 6.5, 7.5, 0.5, 9.5, 10.5, 0.5, 12.5, 13.5, 0.5};
  const double lower[12] = {8.25, 10.25, 12.25, 0.25, 0.25, 0.25, 20.25, 22.25, 24.25, 0.25, 0.25, 0.25};
  for (int p = 0; p < 12; ++p) EXPECT_EQ(y[0][p], right[p]) << p;
  for (int p = 0; p < 12; ++p) EXPECT_EQ(y[1][p], lower[p]) << p;
}

TEST(DepthwiseConv, StrideTwoStartsAtTheFirstPixel) {
  double x[9] = {1, 2, 3, 4, 5, 6, 7, 8, 9}, y[4];
  const double centre[9] = {0, 0, 0, 0, 1, 0, 0, 0, 0};
  ReferenceOps<double>().depthwise_conv_forward(OnThreads(), {1, {1, 3, 3}, 2},
                                                {{y, 4}, {x, 9}, {}, centre, nullptr, {}, nullptr});
  EXPECT_EQ((std::vector<double>(y, y + 4)), (std::vector<double>{1, 3, 7, 9}));
}

}  // namespace
}  // namespace riffle
