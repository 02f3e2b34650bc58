#include "ops/binary_cross_entropy/binary_cross_entropy.h"

#include "backend/testing/execution.h"
#include "ops/testing/label_loss.h"

namespace riffle {
namespace {

template <class T>
struct BinaryCrossEntropyChain : LabelLossChain<T, BinaryCrossEntropyChain<T>> {
  explicit BinaryCrossEntropyChain(const LabelLossCase& case_)
      : LabelLossChain<T, BinaryCrossEntropyChain<T>>(case_, {0, 1}) {}
  void Compute(T* gradient) {
    ReferenceOps<T>().binary_cross_entropy(OnThreads(), this->c.shape(),
                                           {.loss = this->loss.data(),
                                            .dlogits = gradient,
                                            .logits = this->logits.data(),
                                            .targets = this->targets.data(),
                                            .weight = this->weight,
                                            .class_weights = this->class_weights(),
                                            .scale = 0.25});
  }
};

TEST(BinaryCrossEntropy, TheGradientIsTheDerivativeOfTheLoss) {
  for (const LogitsShape shape : {LogitsShape{1, 1}, LogitsShape{3, 10}})
    for (const bool has_class_weights : {false, true})
      ExpectGradients<BinaryCrossEntropyChain>(
          LabelLossCase{.images = shape.images, .classes = shape.classes, .has_class_weights = has_class_weights});
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
