#include "backend/testing/execution.h"
#include "ops/testing/label_loss.h"

namespace riffle {
namespace {

template <class T>
struct CrossEntropyProblem : LabelLossMaps<T> {
  using LabelLossMaps<T>::LabelLossMaps;
  void Run(const Execution& execution, const OpTable<T>& table) {
    table.cross_entropy(execution, this->c.shape(),
                        {this->loss.data(), this->dlogits(), this->logits.data(), this->targets.data(), T(0.375),
                         this->class_weights()});
  }
  void AddTo(Results<T>* results) {
    results->Add("loss", this->loss, this->c.classes);
    if (this->c.gradient) results->Add("dlogits", this->dlogits_map, this->c.classes);
  }
};

/// What rounding errors of the losses and gradients are proportional to: a logit z is off by u·|z|, which is the
/// relative error of exp(z); the loss adds targets·(|z| + |log Σ exp z|).
Results<double> Magnitude(const LabelLossCase& c) {
  CrossEntropyProblem<double> problem(c, Values::kExact);
  double all = c.spread + std::log(c.classes) + 1;
  problem.loss.ForEach([](double& l) { l = 0; });
  for (int64_t i = 0; i < c.images * c.classes; ++i) {
    problem.loss.data()[i / c.classes] += 2 * problem.targets.data()[i] * all;
  }
  for (int64_t i = 0; i < c.images * c.classes; ++i) {
    const int64_t n = i / c.classes;
    double sum = 0, partition = 0;
    for (int k = 0; k < c.classes; ++k) sum += problem.targets.data()[n * c.classes + k];
    for (int k = 0; k < c.classes; ++k) partition += std::exp(problem.logits.data()[n * c.classes + k]);
    const double softmax = std::exp(problem.logits.data()[i]) / partition;
    problem.dlogits_map.data()[i] = 0.375 * (2 * all * softmax * sum + problem.targets.data()[i]);
  }
  Results<double> results;
  problem.AddTo(&results);
  return results;
}

void Expect(const LabelLossCase& c) {
  SCOPED_TRACE(c.text());
  ExpectBackendsMatchReference<CrossEntropyProblem>(c, Magnitude(c));
}

TEST(CrossEntropyCpu, AllCountsOfClassesAroundTheVectorWidth) {
  for (int classes = 1; classes <= 70; ++classes) Expect({.images = 3, .classes = classes});
  for (const int classes : {100, 1000}) Expect({.images = 2, .classes = classes});
}

TEST(CrossEntropyCpu, SmallAndLargeLogits) {
  for (const double spread : {0.01, 1.0, 10.0, 40.0}) Expect({.images = 7, .classes = 10, .spread = spread});
}

TEST(CrossEntropyCpu, ClassWeights) {
  for (const int classes : {2, 10, 37}) Expect({.images = 5, .classes = classes, .has_class_weights = true});
}

TEST(CrossEntropyCpu, TheGradientMayBeLeftOut) { Expect({.images = 5, .classes = 10, .gradient = false}); }

TEST(CrossEntropyCpu, HugeLogitsStayFinite) {
  ForEachTarget([] {
    const float logits[3] = {2000, 0, -2000}, targets[3] = {0, 1, 0};
    float loss, dlogits[3];
    CpuOps().cross_entropy(OnThreads(), {1, 3}, {&loss, dlogits, logits, targets});
    EXPECT_EQ(loss, 2000);
    EXPECT_EQ((std::vector<float>(dlogits, dlogits + 3)), (std::vector<float>{1, -1, 0}));
  });
}

TEST(CrossEntropyCpu, APictureHasTheSameBitsAloneAndInABatch) {
  for (const int classes : {2, 10, 37})
    ExpectPicturesAreIndependent<CrossEntropyProblem>(LabelLossCase{.classes = classes}, 9);
}

}  // namespace
}  // namespace riffle
