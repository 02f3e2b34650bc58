// The Jensen–Shannon divergence: by hand, its bounds, its gradient by finite differences, large logits.
#include "train/loss/jensen_shannon.h"

#include <gmock/gmock.h>

#include <cmath>
#include <vector>

#include "backend/testing/execution.h"
#include "base/random.h"

namespace riffle {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::FloatEq;
using ::testing::FloatNear;

struct Found {
  std::vector<float> losses, dlogits;
};
Found Find(int splits, int classes, const std::vector<float>& logits, double alpha = 1, double weight = 1,
           int threads = DefaultThreads()) {
  const size_t samples = logits.size() / (splits * classes);
  Found found{std::vector<float>(samples), std::vector<float>(logits.size())};
  AddJensenShannon(OnThreads(threads), splits, static_cast<int64_t>(samples), classes, alpha, weight, logits.data(),
                   found.losses.data(), found.dlogits.data());
  return found;
}

const float kLog3 = std::log(3.0f);

TEST(JensenShannon, ByHand) {
  // (3/4, 1/4) and (1/4, 3/4) have the mean (1/2, 1/2): each is log 2 − H(1/4) away from it.
  const double kl = 0.75 * std::log(1.5) + 0.25 * std::log(0.5);
  const Found found = Find(2, 2, {kLog3, 0, 0, kLog3}, 12);
  EXPECT_THAT(found.losses, ElementsAre(FloatEq(12 * kl)));
  // p (1 − p) of the difference of the logits, 12 / 2 · 3/16 · log 3
  const double slope = 6 * 0.1875 * std::log(3.0);
  EXPECT_THAT(found.dlogits, ElementsAre(FloatNear(slope, 1e-6), FloatNear(-slope, 1e-6), FloatNear(-slope, 1e-6),
                                         FloatNear(slope, 1e-6)));
}

TEST(JensenShannon, PredictionsThatAgreeCostNothing) {
  const Found found = Find(3, 2, {5, 1, 6, 2, -1, -5});
  EXPECT_THAT(found.losses, Each(FloatNear(0, 1e-12)));
  EXPECT_THAT(found.dlogits, Each(FloatNear(0, 1e-12)));
}

TEST(JensenShannon, SurePredictionsThatDisagreeCostTheLogarithmOfTheVersions) {
  const Found found = Find(3, 3, {3000, 0, -3000, -3000, 3000, 0, 0, -3000, 3000}, 12);
  EXPECT_THAT(found.losses, ElementsAre(FloatEq(12 * std::log(3.0))));
  EXPECT_THAT(found.dlogits, Each(FloatNear(0, 1e-6)));
}

TEST(JensenShannon, TheGradientIsTheDerivativeOfTheLoss) {
  constexpr int kSplits = 3, kSamples = 2, kClasses = 5;
  RandomStream random(1, RandomPurpose::kTest, 0, 0);
  std::vector<float> logits(kSplits * kSamples * kClasses);
  for (float& z : logits) z = static_cast<float>(2 * random.Normal());
  const std::vector<float> gradient = Find(kSplits, kClasses, logits, 12, 0.5).dlogits;
  for (size_t i = 0; i < logits.size(); ++i) {
    constexpr float kStep = 1.0f / 64;
    const size_t sample = i / kClasses % kSamples;
    const float at = logits[i];
    logits[i] = at + kStep;
    const double above = Find(kSplits, kClasses, logits, 12).losses[sample];
    logits[i] = at - kStep;
    const double below = Find(kSplits, kClasses, logits, 12).losses[sample];
    logits[i] = at;
    EXPECT_NEAR(gradient[i], 0.5 * (above - below) / (2 * kStep), 5e-4) << i;
  }
}

TEST(JensenShannon, TheNumberOfThreadsChangesNoBit) {
  RandomStream random(2, RandomPurpose::kTest, 0, 0);
  std::vector<float> logits(3 * 19 * 10);
  for (float& z : logits) z = static_cast<float>(random.Normal());
  const Found one = Find(3, 10, logits, 1, 1, 1);
  const Found three = Find(3, 10, logits, 1, 1, 3);
  EXPECT_EQ(one.losses, three.losses);
  EXPECT_EQ(one.dlogits, three.dlogits);
}

}  // namespace
}  // namespace riffle
