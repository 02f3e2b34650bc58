#include "ops/linear/linear.h"

#include "backend/testing/execution.h"
#include "ops/testing/derivative.h"

namespace riffle {
namespace {

/// features → logits → F = Σ factor·logits.
template <class T>
struct Chain {
  explicit Chain(const LinearShape& s)
      : shape(s),
        draw(Values::kSmooth),
        features(s.images, s.in_features, [&] { return draw.Real(); }),
        weight(s.out_features, s.in_features, [&] { return draw.Real(); }),
        bias(1, s.out_features, [&] { return draw.Real(); }),
        logits(1, s.images * s.out_features),
        factor(1, s.images * s.out_features, [&] { return draw.Real(); }),
        dfeatures(1, s.images * s.in_features),
        dweight(1, s.in_features * s.out_features),
        dbias(1, s.out_features) {}

  T Forward() {
    const std::vector<T> x = features.Flat(), w = weight.Flat();
    ReferenceOps<T>().linear_forward(OnThreads(), shape, {logits.data(), x.data(), w.data(), bias.data()});
    T sum = 0;
    for (int64_t i = 0; i < logits.pixels(); ++i) sum += factor[0][i] * logits[0][i];
    return sum;
  }
  void Backward() {
    const std::vector<T> x = features.Flat(), w = weight.Flat();
    ReferenceOps<T>().linear_backward(
        OnThreads(), shape, {dfeatures.data(), dweight.data(), dbias.data(), factor.data(), x.data(), w.data()});
  }
  std::vector<Variable<T>> Variables() {
    return {{"features", &features, &dfeatures}, {"weight", &weight, &dweight}, {"bias", &bias, &dbias}};
  }

  LinearShape shape;
  Draw draw;
  GuardedMap<T> features, weight, bias, logits, factor, dfeatures, dweight, dbias;
};

TEST(Linear, BackwardIsTheDerivativeOfForward) {
  for (const LinearShape shape : {LinearShape{1, 1, 1}, LinearShape{3, 5, 7}, LinearShape{4, 9, 2}}) {
    ExpectGradients<Chain>(shape);
  }
}

TEST(Linear, LogitsAreByPictureThenClass) {
  const double features[2][2] = {{1, 10}, {2, 20}}, weight[3][2] = {{1, 0}, {0, 1}, {1, 1}};
  double logits[6];
  ReferenceOps<double>().linear_forward(OnThreads(), {2, 2, 3}, {logits, features[0], weight[0]});
  EXPECT_EQ((std::vector<double>(logits, logits + 6)), (std::vector<double>{1, 10, 11, 2, 20, 22}));
  const double bias[3] = {100, 200, 300};
  ReferenceOps<double>().linear_forward(OnThreads(), {2, 2, 3}, {logits, features[0], weight[0], bias});
  EXPECT_EQ((std::vector<double>(logits, logits + 6)), (std::vector<double>{101, 210, 311, 102, 220, 322}));
}

}  // namespace
}  // namespace riffle
