#include "ops/cross_entropy/cross_entropy.h"

#include "backend/testing/execution.h"
#include "ops/testing/derivative.h"

namespace riffle {
namespace {

struct Case {
  LogitsShape shape;
  bool has_class_weights = false;
};

/// logits → losses → F = weight·Σ loss. The targets of a picture need not sum to one.
template <class T>
struct Chain {
  explicit Chain(const Case& c)
      : shape(c.shape),
        has_class_weights(c.has_class_weights),
        draw(Values::kSmooth),
        logits(1, shape.values(), [&] { return 3 * draw.Real(); }),
        targets(1, shape.values(), [&] { return 1 + draw.Real(); }),
        class_weights(1, shape.classes, [&] { return 1 + draw.Real(); }),
        loss(1, shape.images),
        dlogits(1, shape.values()) {}

  T Run(T* gradient) {
    const T weight(0.375);
    ReferenceOps<T>().cross_entropy(OnThreads(), shape,
                                    {loss.data(), gradient, logits.data(), targets.data(), weight,
                                     has_class_weights ? class_weights.data() : nullptr});
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

TEST(CrossEntropy, TheGradientIsTheDerivativeOfTheLoss) {
  for (const LogitsShape shape : {LogitsShape{1, 2}, LogitsShape{3, 10}})
    for (const bool has_class_weights : {false, true}) ExpectGradients<Chain>(Case{shape, has_class_weights});
}

TEST(CrossEntropy, EvenLogitsCostTheLogarithmOfTheClasses) {
  const double logits[4] = {5, 5, 5, 5}, targets[4] = {0, 1, 0, 0};
  double loss, dlogits[4];
  ReferenceOps<double>().cross_entropy(OnThreads(), {1, 4}, {&loss, dlogits, logits, targets});
  EXPECT_DOUBLE_EQ(loss, std::log(4.0));
  EXPECT_EQ((std::vector<double>(dlogits, dlogits + 4)), (std::vector<double>{0.25, -0.75, 0.25, 0.25}));
}

TEST(CrossEntropy, AClassCountsAsMuchAsItsWeight) {
  // softmax(log 3, 0) = (3/4, 1/4)
  const double logits[2] = {std::log(3), 0}, targets[2] = {0.5, 0.5}, class_weights[2] = {2, 0.5};
  double loss, dlogits[2];
  ReferenceOps<double>().cross_entropy(OnThreads(), {1, 2}, {&loss, dlogits, logits, targets, 1, class_weights});
  EXPECT_DOUBLE_EQ(loss, -1 * std::log(0.75) - 0.25 * std::log(0.25));
  EXPECT_DOUBLE_EQ(dlogits[0], 0.75 * 1.25 - 1);
  EXPECT_DOUBLE_EQ(dlogits[1], 0.25 * 1.25 - 0.25);
}

TEST(CrossEntropy, HugeLogitsStayFinite) {
  const double logits[3] = {2000, 0, -2000}, targets[3] = {0, 1, 0};
  double loss, dlogits[3];
  ReferenceOps<double>().cross_entropy(OnThreads(), {1, 3}, {&loss, dlogits, logits, targets});
  EXPECT_DOUBLE_EQ(loss, 2000);
  EXPECT_EQ((std::vector<double>(dlogits, dlogits + 3)), (std::vector<double>{1, -1, 0}));
}

}  // namespace
}  // namespace riffle
