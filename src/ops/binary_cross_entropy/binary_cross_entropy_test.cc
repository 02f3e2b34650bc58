#include "ops/binary_cross_entropy/binary_cross_entropy.h"

#include "backend/testing/execution.h"
#include "ops/testing/derivative.h"

namespace riffle {
namespace {

struct Case {
  LogitsShape shape;
  bool has_class_weights = false;
};

/// logits → losses → F = weight·Σ loss.
template <class T>
struct Chain {
  explicit Chain(const Case& c)
      : shape(c.shape),
        has_class_weights(c.has_class_weights),
        draw(Values::kSmooth),
        logits(1, shape.values(), [&] { return 3 * draw.Real(); }),
        targets(1, shape.values(), [&] { return (1 + draw.Real()) / 2; }),
        class_weights(1, shape.classes, [&] { return 1 + draw.Real(); }),
        loss(1, shape.images),
        dlogits(1, shape.values()) {}

  T Run(T* gradient) {
    const T weight(0.375);
    ReferenceOps<T>().binary_cross_entropy(OnThreads(), shape,
                                           {.loss = loss.data(),
                                            .dlogits = gradient,
                                            .logits = logits.data(),
                                            .targets = targets.data(),
                                            .weight = weight,
                                            .class_weights = has_class_weights ? class_weights.data() : nullptr,
                                            .scale = 0.25});
    T sum = 0;
    loss.ForEach([&](T l) { sum += weight * l; });
    return sum;
  }
  T Forward() { return Run(nullptr); }
  void Backward() { Run(dlogits.data()); }
  std::vector<Variable<T>> Variables() { return {{"logits", &logits, &dlogits}}; }

  LogitsShape shape;
  bool has_class_weights;
  Draw draw;
  GuardedMap<T> logits, targets, class_weights, loss, dlogits;
};

TEST(BinaryCrossEntropy, TheGradientIsTheDerivativeOfTheLoss) {
  for (const LogitsShape shape : {LogitsShape{1, 1}, LogitsShape{3, 10}})
    for (const bool has_class_weights : {false, true}) ExpectGradients<Chain>(Case{shape, has_class_weights});
}

TEST(BinaryCrossEntropy, ByHand) {
  // sigmoid(log 3) = 3/4: a logit of log 3 costs log 4 where the target is 0, and log 4/3 where it is 1.
  const double logits[4] = {std::log(3), std::log(3), 0, 0}, targets[4] = {1, 0, 0.5, 0.25}, class_weights[2] = {2, 1};
  double loss[2], dlogits[4];
  ReferenceOps<double>().binary_cross_entropy(OnThreads(), {2, 2},
                                              {.loss = loss,
                                               .dlogits = dlogits,
                                               .logits = logits,
                                               .targets = targets,
                                               .weight = 10,
                                               .class_weights = class_weights,
                                               .scale = 0.5});
  EXPECT_DOUBLE_EQ(loss[0], (2 * std::log(4.0 / 3) + std::log(4.0)) / 2);
  EXPECT_DOUBLE_EQ(loss[1], 1.5 * std::log(2.0));
  const double expected[4] = {-2.5, 3.75, 0, 1.25};
  for (int i = 0; i < 4; ++i) EXPECT_NEAR(dlogits[i], expected[i], 1e-14) << i;
}

}  // namespace
}  // namespace riffle
