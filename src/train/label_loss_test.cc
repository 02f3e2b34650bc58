// The losses of labels: values by hand, gradients by finite differences, large logits, class weights, reduction.
#include "train/label_loss.h"

#include <gmock/gmock.h>

#include <array>
#include <cmath>

#include "backend/testing/execution.h"
#include "train/testing.h"

namespace riffle {
namespace {

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

Found Cost(const Options& options, int classes, const std::vector<float>& logits, const std::vector<float>& targets,
           double weight = 1, int threads = DefaultThreads()) {
  Result<LabelLoss> loss = LabelLoss::Create(OnThreads(threads), options, classes, TestOps());
  EXPECT_TRUE(loss.ok()) << loss.status().message();
  Found found{std::vector<float>(logits.size() / classes), std::vector<float>(logits.size())};
  loss->Run(static_cast<int64_t>(found.losses.size()), logits.data(), targets.data(), weight, found.losses.data(),
            found.dlogits.data());
  return found;
}

Options With(const std::string& loss, const std::string& reduction = "mean", const std::string& class_weights = "") {
  Options options;
  options.loss = loss;
  options.reduction = reduction;
  options.class_weights = class_weights;
  return options;
}

// sigmoid(log 3) = 3/4: a logit of log 3 costs log 4 where the target is 0, and log 4/3 where it is 1.
const float kLog3 = std::log(3.0f);

TEST(LabelLoss, BinaryCrossEntropyByHand) {
  const Found mean = Cost(With("BCE"), 2, {kLog3, kLog3, 0, 0}, {1, 0, 0.5f, 0.25f});
  EXPECT_THAT(mean.losses, ElementsAre(FloatEq((std::log(4.0) + std::log(4.0 / 3)) / 2), FloatEq(std::log(2.0))));
  EXPECT_THAT(mean.dlogits, ElementsAre(FloatEq(-0.125f), FloatEq(0.375f), 0, FloatEq(0.125f)));
  const Found sum = Cost(With("BCE", "sum"), 2, {kLog3, kLog3}, {1, 0}, 10);
  EXPECT_THAT(sum.losses, ElementsAre(FloatEq(std::log(4.0) + std::log(4.0 / 3))));
  EXPECT_THAT(sum.dlogits, ElementsAre(FloatEq(-2.5f), FloatEq(7.5f)));
}

TEST(LabelLoss, HugeLogitsOfBinaryCrossEntropyStayFinite) {
  const Found found = Cost(With("BCE", "sum"), 4, {2000, 2000, -2000, -2000}, {1, 0, 1, 0});
  EXPECT_THAT(found.losses, ElementsAre(4000));
  EXPECT_THAT(found.dlogits, ElementsAre(0, 1, -1, 0));
}

TEST(LabelLoss, ClassWeightsByHand) {
  // softmax(log 3, 0) = (3/4, 1/4)
  const Found ce = Cost(With("CE", "mean", "2,0.5"), 2, {kLog3, 0, kLog3, 0, kLog3, 0}, {1, 0, 0, 1, 0.5f, 0.5f});
  const double first = -2 * std::log(0.75), second = -0.5 * std::log(0.25);
  EXPECT_THAT(ce.losses, ElementsAre(FloatEq(first), FloatEq(second), FloatEq((first + second) / 2)));
  EXPECT_THAT(ce.dlogits, ElementsAre(FloatEq(-0.5f), FloatEq(0.5f), FloatEq(0.375f), FloatEq(-0.375f),
                                      FloatEq(-0.0625f), FloatEq(0.0625f)));
  const Found bce = Cost(With("BCE", "sum", "2,0.5"), 2, {kLog3, kLog3}, {1, 0});
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
  for (const char* loss : {"CE", "BCE"})
    for (const char* reduction : {"mean", "sum"})
      for (const char* weights : {"", "1,2,0,0.5,3"}) {
        Problem p(3, 5);
        const std::vector<float> gradient = Cost(With(loss, reduction, weights), 5, p.logits, p.targets, 2).dlogits;
        for (size_t i = 0; i < p.logits.size(); ++i) {
          constexpr float kStep = 1.0f / 64;
          const float at = p.logits[i];
          p.logits[i] = at + kStep;
          const double above = Cost(With(loss, reduction, weights), 5, p.logits, p.targets).losses[i / 5];
          p.logits[i] = at - kStep;
          const double below = Cost(With(loss, reduction, weights), 5, p.logits, p.targets).losses[i / 5];
          p.logits[i] = at;
          EXPECT_NEAR(gradient[i], 2 * (above - below) / (2 * kStep), 3e-4) << loss << reduction << weights << i;
        }
      }
}

TEST(LabelLoss, TheNumberOfThreadsChangesNoBit) {
  const Problem p(37, 10);
  for (const char* loss : {"CE", "BCE"}) {
    const Found one = Cost(With(loss), 10, p.logits, p.targets, 1, 1);
    const Found three = Cost(With(loss), 10, p.logits, p.targets, 1, 3);
    EXPECT_EQ(one.losses, three.losses);
    EXPECT_EQ(one.dlogits, three.dlogits);
  }
}

TEST(LabelLoss, RefusesWeightsOfOtherClasses) {
  EXPECT_FALSE(LabelLoss::Create(OnThreads(), With("CE", "mean", "1,2,3"), 2, TestOps()).ok());
}

}  // namespace
}  // namespace riffle
