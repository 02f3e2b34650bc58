#include "ops/cross_entropy/cross_entropy.h"

#include "backend/testing/execution.h"
#include "ops/testing/label_loss.h"

namespace riffle {
namespace {

/// The targets of a picture need not sum to one.
template <class T>
struct CrossEntropyChain : LabelLossChain<T, CrossEntropyChain<T>> {
  explicit CrossEntropyChain(const LabelLossCase& case_) : LabelLossChain<T, CrossEntropyChain<T>>(case_, {0, 2}) {}
  void Compute(T* gradient) {
    ReferenceOps<T>().cross_entropy(
        OnThreads(), this->c.shape(),
        {this->loss.data(), gradient, this->logits.data(), this->targets.data(), this->weight, this->class_weights()});
  }
};

TEST(CrossEntropy, TheGradientIsTheDerivativeOfTheLoss) {
  for (const LogitsShape shape : {LogitsShape{1, 2}, LogitsShape{3, 10}})
    for (const bool has_class_weights : {false, true})
      ExpectGradients<CrossEntropyChain>(
          LabelLossCase{.images = shape.images, .classes = shape.classes, .has_class_weights = has_class_weights});
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
