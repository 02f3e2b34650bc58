// Divergences from a teacher: by hand on both backends, and the gradient of the reference.
#include "ops/distillation/distillation.h"

#include <gmock/gmock.h>

#include "backend/testing/execution.h"
#include "ops/testing/derivative.h"

namespace riffle {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::FloatEq;
using ::testing::FloatNear;

struct Case {
  LogitsShape shape;
  Distillation distillation;
};

/// logits → losses → F = weight·Σ loss.
template <class T>
struct Chain {
  explicit Chain(const Case& case_)
      : c(case_),
        draw(Values::kSmooth),
        student(1, c.shape.values(), [&] { return 3 * draw.Real(); }),
        teacher(1, c.shape.values(), [&] { return 3 * draw.Real(); }),
        targets(1, c.shape.values(), [&] { return 1 + draw.Real(); }),
        loss(1, c.shape.images),
        dlogits(1, c.shape.values()) {}

  T Forward() {
    constexpr double kWeight = 0.375;
    dlogits.ForEach([](T& d) { d = 0; });
    ReferenceOps<T>().distillation(OnThreads(), c.shape, c.distillation,
                                   {.loss = loss.data(),
                                    .dlogits = dlogits.data(),
                                    .student = student.data(),
                                    .teacher = teacher.data(),
                                    .targets = targets.data(),
                                    .weight = kWeight});
    T sum = 0;
    loss.ForEach([&](T l) { sum += kWeight * l; });
    return sum;
  }
  void Backward() {}
  std::vector<Variable<T>> Variables() { return {{"student", &student, &dlogits}}; }

  Case c;
  Draw draw;
  GuardedMap<T> student, teacher, targets, loss, dlogits;
};

TEST(Distillation, TheGradientIsTheDerivativeOfTheLoss) {
  for (const LogitsShape shape : {LogitsShape{1, 2}, LogitsShape{3, 5}})
    for (const bool decoupled : {false, true})
      for (const double temperature : {1.0, 4.0})
        ExpectGradients<Chain>(
            Case{shape, {.decoupled = decoupled, .temperature = temperature, .alpha = 1.5, .beta = 2}});
}

struct Found {
  std::vector<float> losses, dlogits;
};

class DistillationByHand : public testing::TestWithParam<const OpTable<float>*> {
 protected:
  static Found Find(const Distillation& distillation, int classes, const std::vector<float>& targets,
                    const std::vector<float>& teacher, const std::vector<float>& student) {
    const size_t images = student.size() / classes;
    Found found{std::vector<float>(images), std::vector<float>(student.size())};
    GetParam()->distillation(OnThreads(), {static_cast<int64_t>(images), classes}, distillation,
                             {.loss = found.losses.data(),
                              .dlogits = found.dlogits.data(),
                              .student = student.data(),
                              .teacher = teacher.data(),
                              .targets = targets.data()});
    return found;
  }
};
INSTANTIATE_TEST_SUITE_P(, DistillationByHand, testing::Values(&CpuOps(), &ReferenceOps<float>()),
                         [](const auto& ops) { return ops.index == 0 ? "cpu" : "reference"; });

const double kLog2 = std::log(2.0), kLog3 = std::log(3.0);
float F(double x) { return static_cast<float>(x); }

TEST_P(DistillationByHand, Plain) {
  // At T = 2: (3/4, 1/4) of the teacher against (1/2, 1/2).
  const Found found = Find({.temperature = 2}, 2, {1, 0}, {F(2 * kLog3), 0}, {7, 7});
  EXPECT_THAT(found.losses, ElementsAre(FloatNear(F(4 * (0.75 * std::log(1.5) + 0.25 * std::log(0.5))), 1e-6)));
  EXPECT_THAT(found.dlogits, ElementsAre(FloatNear(-0.5, 1e-6), FloatNear(0.5, 1e-6)));
}

TEST_P(DistillationByHand, Decoupled) {
  // Teacher (1/2, 3/8, 1/8): 1/2 against 1/2, and among the others 3/4 against 1/4. Student (1/3, 1/3, 1/3): 1/3
  // against 2/3, and 1/2 against 1/2. The class is the first.
  const std::vector<float> teacher = {F(2 * kLog2), F(kLog3), 0}, student = {1, 1, 1};
  const double tckd = 0.5 * std::log(1.5) + 0.5 * std::log(0.75);
  const double nckd = 0.75 * std::log(1.5) + 0.25 * std::log(0.5);
  const Found both =
      Find({.decoupled = true, .temperature = 1, .alpha = 2, .beta = 8}, 3, {0.8f, 0.1f, 0.1f}, teacher, student);
  EXPECT_THAT(both.losses, ElementsAre(FloatNear(F(2 * tckd + 8 * nckd), 3e-6)));
  // ∂TCKD = 1/3 − 1/2 for the class, shared by the others by halves; ∂NCKD = (1/2 − 3/4, 1/2 − 1/4).
  EXPECT_THAT(both.dlogits, ElementsAre(FloatNear(F(-2.0 / 6), 2e-6), FloatNear(F(1.0 / 6 - 8 * 0.25), 2e-6),
                                        FloatNear(F(1.0 / 6 + 8 * 0.25), 2e-6)));
}

TEST_P(DistillationByHand, AStudentThatAgreesPaysNothing) {
  const std::vector<float> teacher = {1, -2, 3, 0}, student = {11, 8, 13, 10};
  for (const bool decoupled : {false, true}) {
    const Found found = Find({.decoupled = decoupled}, 4, {0, 0, 1, 0}, teacher, student);
    EXPECT_THAT(found.losses, Each(FloatNear(0, 2e-5)));
    EXPECT_THAT(found.dlogits, Each(FloatNear(0, 2e-5)));
  }
}

TEST_P(DistillationByHand, TheDecoupledPartsAddUpToThePlainDivergence) {
  // KL = TCKD + (1 − p[t]) · NCKD (equation 7 of the paper)
  const std::vector<float> teacher = {1, -2, 3, 0}, student = {0.5f, 1, -1, 2}, targets = {0, 0, 1, 0};
  const double p = std::exp(3.0) / (std::exp(1.0) + std::exp(-2.0) + std::exp(3.0) + 1);
  const Found plain = Find({.temperature = 1}, 4, targets, teacher, student);
  const Found decoupled =
      Find({.decoupled = true, .temperature = 1, .alpha = 1, .beta = 1 - p}, 4, targets, teacher, student);
  EXPECT_NEAR(plain.losses[0], decoupled.losses[0], 2e-6);
  for (int k = 0; k < 4; ++k) EXPECT_NEAR(plain.dlogits[k], decoupled.dlogits[k], 1e-6);
}

TEST_P(DistillationByHand, HugeLogitsStayFinite) {
  const std::vector<float> teacher = {3000, 0, -3000}, student = {-3000, 0, 3000};
  for (const bool decoupled : {false, true}) {
    const Found found = Find({.decoupled = decoupled, .temperature = 1}, 3, {1, 0, 0}, teacher, student);
    EXPECT_NEAR(found.losses[0], decoupled ? 6000 + 8 * 3000 : 6000, 1e-2);
    for (const float g : found.dlogits) EXPECT_TRUE(std::isfinite(g));
  }
}

TEST_P(DistillationByHand, TheLossIsWrittenAndTheGradientAdded) {
  float loss = NAN, dlogits[2] = {3, 4};
  const float student[2] = {1, 1}, teacher[2] = {2, 2}, targets[2] = {1, 0};
  GetParam()->distillation(
      OnThreads(), {1, 2}, {},
      {.loss = &loss, .dlogits = dlogits, .student = student, .teacher = teacher, .targets = targets});
  EXPECT_NEAR(loss, 0, 1e-6);
  EXPECT_NEAR(dlogits[0], 3, 1e-6);
  EXPECT_NEAR(dlogits[1], 4, 1e-6);
}

}  // namespace
}  // namespace riffle
