#include "backend/testing/execution.h"
#include "ops/testing/label_loss.h"

namespace riffle {
namespace {

template <class T>
struct BinaryCrossEntropyProblem : LabelLossMaps<T> {
  using LabelLossMaps<T>::LabelLossMaps;
  void Run(const Execution& execution, const OpTable<T>& table) {
    table.binary_cross_entropy(execution, this->c.shape(),
                               {.loss = this->loss.data(),
                                .dlogits = this->dlogits(),
                                .logits = this->logits.data(),
                                .targets = this->targets.data(),
                                .weight = T(0.375),
                                .class_weights = this->class_weights(),
                                .scale = 0.5});
  }
  void AddTo(Results<T>* results) {
    results->Add("loss", this->loss, this->c.classes);
    if (this->c.gradient) results->Add("dlogits", this->dlogits_map, 1);
  }
};

/// What rounding errors are proportional to: softplus(z) and target·z are both at most log 2 + |z|, a gradient is at
/// most the sum of a sigmoid and a target.
Results<double> Magnitude(const LabelLossCase& c) {
  BinaryCrossEntropyProblem<double> problem(c, Values::kExact);
  problem.loss.ForEach([&](double& l) { l = c.classes * (1 + 2 * c.spread); });
  problem.dlogits_map.ForEach([](double& d) { d = 0.375; });
  Results<double> results;
  problem.AddTo(&results);
  return results;
}

void Expect(const LabelLossCase& c) {
  SCOPED_TRACE(c.text());
  ExpectBackendsMatchReference<BinaryCrossEntropyProblem>(c, Magnitude(c));
}

TEST(BinaryCrossEntropyCpu, AllCountsOfClasses) {
  for (const int classes : {1, 2, 10, 100, 1000})
    for (const bool has_class_weights : {false, true})
      Expect({.images = 3, .classes = classes, .has_class_weights = has_class_weights});
}

TEST(BinaryCrossEntropyCpu, SmallAndLargeLogits) {
  for (const double spread : {0.01, 1.0, 10.0, 40.0}) Expect({.images = 7, .classes = 10, .spread = spread});
}

TEST(BinaryCrossEntropyCpu, TheGradientMayBeLeftOut) { Expect({.images = 5, .classes = 10, .gradient = false}); }

TEST(BinaryCrossEntropyCpu, HugeLogitsStayFinite) {
  const float logits[4] = {2000, 2000, -2000, -2000}, targets[4] = {1, 0, 1, 0};
  float loss, dlogits[4];
  CpuOps().binary_cross_entropy(OnThreads(), {1, 4},
                                {.loss = &loss, .dlogits = dlogits, .logits = logits, .targets = targets});
  EXPECT_EQ(loss, 4000);
  EXPECT_EQ((std::vector<float>(dlogits, dlogits + 4)), (std::vector<float>{0, 1, -1, 0}));
}

TEST(BinaryCrossEntropyCpu, APictureHasTheSameBitsAloneAndInABatch) {
  for (const int classes : {2, 10, 37})
    ExpectPicturesAreIndependent<BinaryCrossEntropyProblem>(LabelLossCase{.classes = classes}, 9);
}

}  // namespace
}  // namespace riffle
