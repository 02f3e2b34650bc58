#include "ops/jensen_shannon/jensen_shannon.h"

#include <gmock/gmock.h>

#include "backend/testing/execution.h"
#include "ops/testing/derivative.h"

namespace riffle {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::FloatEq;
using ::testing::FloatNear;

constexpr double kAlpha = 12, kWeight = 0.375;

/// logits → losses → F = weight·Σ loss.
template <class T>
struct Chain {
  explicit Chain(const JensenShannonShape& s)
      : shape(s),
        draw(Values::kSmooth),
        logits(1, s.values(), [&] { return 3 * draw.Real(); }),
        loss(1, s.samples),
        dlogits(1, s.values()) {}

  T Forward() {
    loss.ForEach([](T& l) { l = 0; });
    for (int64_t i = 0; i < shape.samples * shape.classes; ++i) dlogits.data()[i] = 0;  // what the labels said
    ReferenceOps<T>().jensen_shannon(
        OnThreads(), shape,
        {.loss = loss.data(), .dlogits = dlogits.data(), .logits = logits.data(), .alpha = kAlpha, .weight = kWeight});
    T sum = 0;
    loss.ForEach([&](T l) { sum += kWeight * l; });
    return sum;
  }
  void Backward() {}
  std::vector<Variable<T>> Variables() { return {{"logits", &logits, &dlogits}}; }

  JensenShannonShape shape;
  Draw draw;
  GuardedMap<T> logits, loss, dlogits;
};

TEST(JensenShannon, TheGradientIsTheDerivativeOfTheLoss) {
  for (const JensenShannonShape shape : {JensenShannonShape{2, 1, 2}, JensenShannonShape{3, 2, 5}})
    ExpectGradients<Chain>(shape);
}

struct Found {
  std::vector<float> losses, dlogits;
};
Found Find(const OpTable<float>& ops, int splits, int classes, const std::vector<float>& logits, double alpha = 1) {
  const size_t samples = logits.size() / (splits * classes);
  Found found{std::vector<float>(samples), std::vector<float>(logits.size())};
  ops.jensen_shannon(
      OnThreads(), {splits, static_cast<int64_t>(samples), classes},
      {.loss = found.losses.data(), .dlogits = found.dlogits.data(), .logits = logits.data(), .alpha = alpha});
  return found;
}

class JensenShannonByHand : public testing::TestWithParam<const OpTable<float>*> {};
INSTANTIATE_TEST_SUITE_P(, JensenShannonByHand, testing::Values(&CpuOps(), &ReferenceOps<float>()),
                         [](const auto& ops) { return ops.index == 0 ? "cpu" : "reference"; });

TEST_P(JensenShannonByHand, TwoVersions) {
  // (3/4, 1/4) and (1/4, 3/4) have the mean (1/2, 1/2): each is log 2 − H(1/4) away from it.
  const float log3 = std::log(3.0f);
  const double kl = 0.75 * std::log(1.5) + 0.25 * std::log(0.5);
  const Found found = Find(*GetParam(), 2, 2, {log3, 0, 0, log3}, 12);
  EXPECT_THAT(found.losses, ElementsAre(FloatEq(12 * kl)));
  // p (1 − p) of the difference of the logits, 12 / 2 · 3/16 · log 3
  const double slope = 6 * 0.1875 * std::log(3.0);
  EXPECT_THAT(found.dlogits, ElementsAre(FloatNear(slope, 1e-6), FloatNear(-slope, 1e-6), FloatNear(-slope, 1e-6),
                                         FloatNear(slope, 1e-6)));
}

TEST_P(JensenShannonByHand, PredictionsThatAgreeCostNothing) {
  const Found found = Find(*GetParam(), 3, 2, {5, 1, 6, 2, -1, -5});
  EXPECT_THAT(found.losses, Each(FloatNear(0, 1e-6)));
  EXPECT_THAT(found.dlogits, Each(FloatNear(0, 1e-6)));
}

TEST_P(JensenShannonByHand, SurePredictionsThatDisagreeCostTheLogarithmOfTheVersions) {
  const Found found = Find(*GetParam(), 3, 3, {3000, 0, -3000, -3000, 3000, 0, 0, -3000, 3000}, 12);
  EXPECT_THAT(found.losses, ElementsAre(FloatEq(12 * std::log(3.0))));
  EXPECT_THAT(found.dlogits, Each(FloatNear(0, 1e-6)));
}

TEST_P(JensenShannonByHand, AddsToTheLossesAndToTheGradientOfTheCleanVersionsAlone) {
  float loss = 2, dlogits[4] = {3, 4, NAN, NAN};
  const float logits[4] = {1, 1, 1, 1};
  GetParam()->jensen_shannon(OnThreads(), {2, 1, 2}, {.loss = &loss, .dlogits = dlogits, .logits = logits});
  EXPECT_EQ(loss, 2);
  EXPECT_EQ((std::vector<float>(dlogits, dlogits + 4)), (std::vector<float>{3, 4, 0, 0}));
}

}  // namespace
}  // namespace riffle
