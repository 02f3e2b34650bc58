// The losses of labels: what each option makes of them, by hand. The ops have tests of their own.
#include "train/loss/label_loss.h"

#include <gmock/gmock.h>

#include <array>
#include <cmath>

#include "backend/testing/execution.h"
#include "train/testing.h"

namespace riffle {
namespace {

using enum LabelLossOptions::Kind;
using ::testing::ElementsAre;
using ::testing::FloatEq;
using ::testing::FloatNear;
using ::testing::Pointwise;

TEST(SmoothedTargets, ByHand) {
  const std::array<int32_t, 2> labels = {3, 0};
  std::array<float, 8> targets;
  SmoothedTargets(labels, 4, 0.2, targets.data());
  EXPECT_THAT(targets, ElementsAre(0.05f, 0.05f, 0.05f, 0.85f, 0.85f, 0.05f, 0.05f, 0.05f));
  SmoothedTargets(labels, 4, 0, targets.data());
  EXPECT_THAT(targets, ElementsAre(0, 0, 0, 1, 1, 0, 0, 0));
}

struct Found {
  std::vector<float> losses, dlogits;
};

Found Cost(const LabelLossOptions& options, int classes, const std::vector<float>& logits,
           const std::vector<float>& targets, double weight = 1) {
  LabelLoss loss(OnThreads(), options, classes, TestOps());
  Found found{std::vector<float>(logits.size() / classes), std::vector<float>(logits.size())};
  loss.Run(static_cast<int64_t>(found.losses.size()), logits.data(), targets.data(), weight, found.losses.data(),
           found.dlogits.data());
  return found;
}

using Weights = std::vector<float>;

LabelLossOptions With(LabelLossOptions::Kind kind, bool sums = false, Weights class_weights = {}) {
  return {.kind = kind, .class_weights = std::move(class_weights), .sums = sums};
}

// sigmoid(log 3) = 3/4: a logit of log 3 costs log 4 where the target is 0, and log 4/3 where it is 1.
const float kLog3 = std::log(3.0f);

TEST(LabelLoss, BinaryCrossEntropyByHand) {
  const Found mean = Cost(With(kBinaryCrossEntropy), 2, {kLog3, kLog3, 0, 0}, {1, 0, 0.5f, 0.25f});
  EXPECT_THAT(mean.losses, ElementsAre(FloatEq((std::log(4.0) + std::log(4.0 / 3)) / 2), FloatEq(std::log(2.0))));
  EXPECT_THAT(mean.dlogits, ElementsAre(FloatEq(-0.125f), FloatEq(0.375f), 0, FloatEq(0.125f)));
  const Found sum = Cost(With(kBinaryCrossEntropy, true), 2, {kLog3, kLog3}, {1, 0}, 10);
  EXPECT_THAT(sum.losses, ElementsAre(FloatEq(std::log(4.0) + std::log(4.0 / 3))));
  EXPECT_THAT(sum.dlogits, ElementsAre(FloatEq(-2.5f), FloatEq(7.5f)));
}

TEST(LabelLoss, ClassWeightsByHand) {
  // softmax(log 3, 0) = (3/4, 1/4)
  const Found ce =
      Cost(With(kCrossEntropy, false, {2, 0.5f}), 2, {kLog3, 0, kLog3, 0, kLog3, 0}, {1, 0, 0, 1, 0.5f, 0.5f});
  const double first = -2 * std::log(0.75), second = -0.5 * std::log(0.25);
  EXPECT_THAT(ce.losses, ElementsAre(FloatEq(first), FloatEq(second), FloatEq((first + second) / 2)));
  EXPECT_THAT(ce.dlogits, Pointwise(FloatNear(1e-6f), {-0.5f, 0.5f, 0.375f, -0.375f, -0.0625f, 0.0625f}));
  const Found bce = Cost(With(kBinaryCrossEntropy, true, {2, 0.5f}), 2, {kLog3, kLog3}, {1, 0});
  EXPECT_THAT(bce.losses, ElementsAre(FloatEq(2 * std::log(4.0 / 3) + 0.5 * std::log(4.0))));
  EXPECT_THAT(bce.dlogits, ElementsAre(FloatEq(-0.5f), FloatEq(0.375f)));
}

}  // namespace
}  // namespace riffle
