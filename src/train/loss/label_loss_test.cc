// The losses of labels: values by hand, gradients by finite differences, large logits, class weights, reduction.
#include "train/loss/label_loss.h"

#include <gmock/gmock.h>

#include <array>
#include <cmath>

#include "backend/testing/execution.h"
#include "train/testing.h"

namespace riffle {
namespace {

using enum LabelLossOptions::Kind;
using ::testing::Each;
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
           const std::vector<float>& targets, double weight = 1, int threads = DefaultThreads()) {
  LabelLoss loss(OnThreads(threads), options, classes, TestOps());
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

TEST(LabelLoss, HugeLogitsOfBinaryCrossEntropyStayFinite) {
  const Found found = Cost(With(kBinaryCrossEntropy, true), 4, {2000, 2000, -2000, -2000}, {1, 0, 1, 0});
  EXPECT_THAT(found.losses, ElementsAre(4000));
  EXPECT_THAT(found.dlogits, ElementsAre(0, 1, -1, 0));
}

TEST(LabelLoss, ClassWeightsByHand) {
  // softmax(log 3, 0) = (3/4, 1/4)
  const Found ce =
      Cost(With(kCrossEntropy, false, {2, 0.5f}), 2, {kLog3, 0, kLog3, 0, kLog3, 0}, {1, 0, 0, 1, 0.5f, 0.5f});
  const double first = -2 * std::log(0.75), second = -0.5 * std::log(0.25);
  EXPECT_THAT(ce.losses, ElementsAre(FloatEq(first), FloatEq(second), FloatEq((first + second) / 2)));
  EXPECT_THAT(ce.dlogits, ElementsAre(FloatEq(-0.5f), FloatEq(0.5f), FloatEq(0.375f), FloatEq(-0.375f),
                                      FloatEq(-0.0625f), FloatEq(0.0625f)));
  const Found bce = Cost(With(kBinaryCrossEntropy, true, {2, 0.5f}), 2, {kLog3, kLog3}, {1, 0});
  EXPECT_THAT(bce.losses, ElementsAre(FloatEq(2 * std::log(4.0 / 3) + 0.5 * std::log(4.0))));
  EXPECT_THAT(bce.dlogits, ElementsAre(FloatEq(-0.5f), FloatEq(0.375f)));
}

// Logits and distributions that look like those of training.
struct Problem {
  Problem(int images, int classes) {
    RandomStream random(1, RandomPurpose::kTest, 0, 0);
    for (int i = 0; i < images * classes; ++i) {
      logits.push_back(static_cast<float>(3 * random.Normal()));
      targets.push_back(static_cast<float>(random.Uniform() / classes));
    }
  }
  std::vector<float> logits, targets;
};

TEST(LabelLoss, TheGradientIsTheDerivativeOfTheLoss) {
  for (const auto kind : {kCrossEntropy, kBinaryCrossEntropy})
    for (const bool sums : {false, true})
      for (const Weights& weights : {Weights{}, {1, 2, 0, 0.5f, 3}}) {
        const LabelLossOptions options = With(kind, sums, weights);
        Problem p(3, 5);
        const std::vector<float> gradient = Cost(options, 5, p.logits, p.targets, 2).dlogits;
        for (size_t i = 0; i < p.logits.size(); ++i) {
          constexpr float kStep = 1.0f / 64;
          const float at = p.logits[i];
          p.logits[i] = at + kStep;
          const double above = Cost(options, 5, p.logits, p.targets).losses[i / 5];
          p.logits[i] = at - kStep;
          const double below = Cost(options, 5, p.logits, p.targets).losses[i / 5];
          p.logits[i] = at;
          EXPECT_NEAR(gradient[i], 2 * (above - below) / (2 * kStep), 3e-4) << int(kind) << sums << weights.size() << i;
        }
      }
}

TEST(LabelLoss, TheNumberOfThreadsChangesNoBit) {
  const Problem p(37, 10);
  for (const auto kind : {kCrossEntropy, kBinaryCrossEntropy}) {
    const Found one = Cost(With(kind), 10, p.logits, p.targets, 1, 1);
    const Found three = Cost(With(kind), 10, p.logits, p.targets, 1, 3);
    EXPECT_EQ(one.losses, three.losses);
    EXPECT_EQ(one.dlogits, three.dlogits);
  }
}

}  // namespace
}  // namespace riffle
