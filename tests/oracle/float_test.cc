// Whole networks in float, by each backend, against the same in double, which libtorch_test.cc proves. The tolerance
// follows from the computation: how far the exact results move when every weight and pixel is changed by half the
// last bit of a float, times what the many roundings on the way may add to that.
#include <gtest/gtest.h>

#include <map>

#include "cases.h"
#include "decisions.h"
#include "model/testing/random_network.h"

namespace riffle {
namespace {

// Inputs are rounded once, and products and sums on the way again and again: sums of some thousand values one by one,
// as the reference has them, reach 25 times the movement.
constexpr double kRoundingsPerInput = 50;

// What one training pass computes: logits, and each parameter's gradient by name.
struct Results {
  std::map<std::string, std::vector<double>> tensors;
  std::vector<int64_t> decisions;
};

// One training pass; `nudge`: every weight and pixel times 1 ± nudge.
template <class T>
Results Train(const ModelDescription& model, const OpTable<T>& ops, uint32_t seed, double nudge = 0) {
  const Plan plan = *MakePlan(model);
  const DecisionRecorder<T> recorder(ops);
  Network<T> network(plan, recorder.ops());
  FillRandom(plan.registry, seed, &network.values());
  Batch<T> batch(model, kOracleImages, seed);
  RandomStream signs(seed, RandomPurpose::kTest, 3, 0);
  for (AlignedArray<T>* values : {&network.values().trainable, &batch.pixels})
    for (T& value : *values) value *= T(1 + (signs.Chance(0.5) ? nudge : -nudge));

  Results results;
  const T* logits = TrainingPass(network, recorder.ops(), batch, kOracleClasses).logits;
  results.tensors["logits"].assign(logits, logits + kOracleImages * kOracleClasses);
  for (const Parameter& p : plan.registry.trainable()) {
    const T* gradient = network.gradients().data() + p.offset;
    results.tensors[p.name].assign(gradient, gradient + p.size);
  }
  results.decisions = recorder.decisions();
  return results;
}

// Where a tensor's rounding is measured: at itself, and a shift's at the scale of the same batch norm. A second batch
// norm's shift passes through a linear convolution into the third, which removes it: its gradient is rounding alone.
std::string Yardstick(const std::string& name) {
  const size_t beta = name.rfind(".beta");
  return beta == std::string::npos ? name : name.substr(0, beta) + ".gamma";
}

// The largest difference of a tensor; NaN if there is one.
double Distance(const Results& a, const Results& b, const std::string& name) {
  const std::vector<double>&x = a.tensors.at(name), &y = b.tensors.at(name);
  double distance = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    if (std::isnan(x[i] - y[i])) return x[i] - y[i];
    distance = std::max(distance, std::abs(x[i] - y[i]));
  }
  return distance;
}

class Float : public testing::TestWithParam<OracleCase> {
 protected:
  static void ExpectNearDouble(const OpTable<float>& ops) {
    constexpr double kHalfLastBit = 0x1p-24;
    // Where a ReLU or a maximum decides differently, gradients differ by more than rounding: try other weights.
    for (uint32_t seed = 1; seed <= 8; ++seed) {
      const Results exact = Train(GetParam().model, ReferenceOps<double>(), seed);
      const Results moved = Train(GetParam().model, ReferenceOps<double>(), seed, kHalfLastBit);
      const Results found = Train(GetParam().model, ops, seed);
      if (found.decisions != exact.decisions || moved.decisions != exact.decisions) continue;
      for (const auto& [name, unused] : exact.tensors) {
        const double moves = std::max(Distance(moved, exact, name), Distance(moved, exact, Yardstick(name)));
        EXPECT_LE(Distance(found, exact, name), kRoundingsPerInput * moves) << name;
      }
      return;
    }
    FAIL() << "with eight sets of weights the backend never decides as exact arithmetic does";
  }
};

TEST_P(Float, ReferenceIsNearDouble) { ExpectNearDouble(ReferenceOps<float>()); }
TEST_P(Float, CpuIsNearDouble) { ExpectNearDouble(CpuOps()); }

INSTANTIATE_TEST_SUITE_P(Cases, Float, testing::ValuesIn(OracleCases()),
                         [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace riffle
