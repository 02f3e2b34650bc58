#include "ops/group_conv/group_conv.h"

#include "backend/testing/execution.h"
#include "ops/testing/derivative.h"

namespace riffle {
namespace {

struct Case {
  int groups;
  int in_per_group, out_per_group;
  int64_t pixels;
  bool add_in_place = false;  ///< ChainOfUnit: the other branch's gradient stands where dx goes
};

GroupConvShape ShapeOf(const Case& c) {
  return {c.groups, c.groups * c.in_per_group, c.groups * c.out_per_group, c.pixels};
}

template <class T>
std::vector<T> Prepared(const GroupConvShape& shape, const GroupConvWeights<T>& weights) {
  std::vector<T> prepared(ReferenceOps<T>().group_conv_prepared_values(shape));
  ReferenceOps<T>().group_conv_prepare(OnThreads(), shape, prepared.data(), weights);
  return prepared;
}

/// A unit's first convolution, behind the unit before it: batch norm, shortcut, ReLU, stored → group convolution →
/// batch norm, shortcut, ReLU. The stored map has a second reader: F also holds Σ factor·x.
template <class T>
struct ChainOfUnit {
  explicit ChainOfUnit(const Case& c)
      : shape(ShapeOf(c)),
        add_in_place(c.add_in_place),
        draw(Values::kSmooth),
        before(shape.in_channels, c.pixels, draw),
        weight(1, shape.weights(), [&] { return draw.Real(); }),
        dweight(1, shape.weights()),
        end(shape.out_channels, c.pixels, draw) {}

  T Forward() {
    before.norm.GatherMoments();
    const T of_other_reader = before.Forward();
    const std::vector<T> prepared = Prepared<T>(shape, {.weight = weight.data()});
    ReferenceOps<T>().group_conv_forward(OnThreads(), shape,
                                         {.y = end.norm.raw.rows(),
                                          .x = before.y.rows(),
                                          .prepared = prepared.data(),
                                          .residual = {},
                                          .moments = end.norm.moments.data()});
    return of_other_reader + end.Forward();
  }
  void Backward() {
    end.Backward();
    GradientSink<T> dx = before.norm.sink();
    dx.add = before.factor.rows();
    if (add_in_place) {
      before.norm.dz.CopyColumns(before.factor, 0);
      dx.add = dx.dz;
    }
    ReferenceOps<T>().group_conv_backward(OnThreads(), shape,
                                          {.dx = dx,
                                           .dweight = dweight.data(),
                                           .dy = end.norm.source(),
                                           .x = before.y.rows(),
                                           .relu = true,
                                           .weight = weight.data()});
    before.norm.Backward();
  }
  std::vector<Variable<T>> Variables() {
    std::vector<Variable<T>> variables = {{"weight", &weight, &dweight},
                                          {"shortcut", &before.shortcut, &before.norm.dz}};
    before.norm.AppendVariables("input", true, &variables);
    end.norm.AppendVariables("output", false, &variables);
    return variables;
  }

  GroupConvShape shape;
  bool add_in_place;
  Draw draw;
  ResidualEnd<T> before;
  GuardedMap<T> weight, dweight;
  ResidualEnd<T> end;
};

TEST(GroupConv, BackwardIsTheDerivativeOfForward) {
  for (Case c : {Case{1, 3, 2, 9}, Case{2, 2, 3, 8}, Case{3, 1, 2, 5}, Case{4, 2, 1, 6}, Case{8, 1, 1, 7}}) {
    SCOPED_TRACE(fmt::format("{} groups, {} to {}", c.groups, c.in_per_group, c.out_per_group));
    ExpectGradients<ChainOfUnit>(c);
    c.add_in_place = true;
    ExpectGradients<ChainOfUnit>(c);
  }
}

TEST(GroupConv, AGroupReadsItsOwnRowsOnly) {
  double x[4][1] = {{1}, {10}, {100}, {1000}}, y[2][1];
  const double weight[2][2] = {{1, 2}, {3, 4}};
  const GroupConvShape shape = {2, 4, 2, 1};
  const std::vector<double> prepared = Prepared<double>(shape, {.weight = weight[0]});
  ReferenceOps<double>().group_conv_forward(
      OnThreads(), shape, {.y = {y[0], 1}, .x = {x[0], 1}, .prepared = prepared.data(), .residual = {}});
  EXPECT_EQ(y[0][0], 21);
  EXPECT_EQ(y[1][0], 4300);
}

TEST(GroupConv, AddsABiasAndAResidualBeforeTheRelu) {
  double x[2][2] = {{1, 2}, {3, 4}}, y[1][2] = {{100, -100}};  // y holds the residual, in place
  const double weight[2] = {2, -1}, bias = 0.5;
  const GroupConvShape shape = {1, 2, 1, 2};
  const std::vector<double> prepared = Prepared<double>(shape, {weight, &bias});
  ReferenceOps<double>().group_conv_forward(
      OnThreads(), shape,
      {.y = {y[0], 2}, .x = {x[0], 2}, .prepared = prepared.data(), .residual = {y[0], 2}, .relu = true});
  EXPECT_EQ(y[0][0], 2 * 1 - 3 + 0.5 + 100);
  EXPECT_EQ(y[0][1], 0);
}

TEST(GroupConv, TheGradientOfWeightsMayBeTakenAboutTheMeansOfTheInput) {
  double x[1][2] = {{5, 9}}, dy[2][2] = {{1, 2}, {3, -1}};
  const double weight[2] = {2, -1};
  const Moments<double> moments = {.mean = 7, .variance = 4};
  double dweight[2], dy_sums[2];
  ReferenceOps<double>().group_conv_backward(OnThreads(), {1, 1, 2, 2},
                                             {.dx = {},
                                              .dweight = dweight,
                                              .dy_sums = dy_sums,
                                              .dy = {.dz = {dy[0], 2}, .raw = {}},
                                              .x = {x[0], 2},
                                              .x_moments = &moments,
                                              .weight = weight});
  EXPECT_EQ(dweight[0], 1 * -2 + 2 * 2);
  EXPECT_EQ(dweight[1], 3 * -2 + -1 * 2);
  EXPECT_EQ(dy_sums[0], 3);
  EXPECT_EQ(dy_sums[1], 2);
}

}  // namespace
}  // namespace riffle
