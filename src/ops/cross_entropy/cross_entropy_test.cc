#include "ops/cross_entropy/cross_entropy.h"

#include "backend/testing/execution.h"
#include "ops/testing/derivative.h"

namespace riffle {
namespace {

/// logits → losses → F = weight·Σ loss. The targets of a picture need not sum to one.
template <class T>
struct Chain {
  explicit Chain(const CrossEntropyShape& s)
      : shape(s),
        draw(Values::kSmooth),
        logits(1, s.images * s.classes, [&] { return 3 * draw.Real(); }),
        targets(1, s.images * s.classes, [&] { return 1 + draw.Real(); }),
        loss(1, s.images),
        dlogits(1, s.images * s.classes) {}

  T Run(T* gradient) {
    const T weight(0.375);
    ReferenceOps<T>().cross_entropy(OnThreads(), shape, {loss.data(), gradient, logits.data(), targets.data(), weight});
    T sum = 0;
    loss.ForEach([&](T l) { sum += weight * l; });
    return sum;
  }
  T Forward() { return Run(nullptr); }
  void Backward() { Run(dlogits.data()); }
  std::vector<Variable<T>> Variables() { return {{"logits", &logits, &dlogits}}; }

  CrossEntropyShape shape;
  Draw draw;
  GuardedMap<T> logits, targets, loss, dlogits;
};

TEST(CrossEntropy, TheGradientIsTheDerivativeOfTheLoss) {
  for (const CrossEntropyShape shape : {CrossEntropyShape{1, 2}, CrossEntropyShape{3, 10}}) {
    ExpectGradients<Chain>(shape);
  }
}

TEST(CrossEntropy, EvenLogitsCostTheLogarithmOfTheClasses) {
  const double logits[4] = {5, 5, 5, 5}, targets[4] = {0, 1, 0, 0};
  double loss, dlogits[4];
  ReferenceOps<double>().cross_entropy(OnThreads(), {1, 4}, {&loss, dlogits, logits, targets});
  EXPECT_DOUBLE_EQ(loss, std::log(4.0));
  EXPECT_EQ((std::vector<double>(dlogits, dlogits + 4)), (std::vector<double>{0.25, -0.75, 0.25, 0.25}));
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
