// Whole networks in float, by each backend, against the same in double, which libtorch_test.cc proves. The tolerance
// follows from the computation: how far the exact results move when every weight and pixel is changed by half the
// last bit of a float, times what the many roundings on the way may add to that.
#include <gtest/gtest.h>

#include <map>

#include "backend/testing/execution.h"
#include "cases.h"
#include "decisions.h"
#include "model/testing/random_network.h"

namespace riffle {
namespace {

// Inputs are rounded once, products and sums on the way again and again. All backends stay within 15 movements.
constexpr double kRoundingsPerInput = 25;

// What one training pass computes: logits, and each parameter's gradient by name.
struct Results {
  std::map<std::string, std::vector<double>> tensors;
  std::vector<int64_t> decisions;
};

// Every weight and pixel times 1 + size or 1 − size, as the signs fall.
struct Nudge {
  double size = 0;
  uint32_t signs = 0;
};

// One training pass.
template <class T>
Results Train(const ModelDescription& model, const OpTable<T>& ops, uint32_t seed, Nudge nudge = {}) {
  const Plan plan = *MakePlan(model);
  const DecisionRecorder<T> recorder(ops);
  Network<T> network(OnThreads(), plan, recorder.ops());
  ParameterValues<T> weights(plan.registry);
  FillRandom(plan.registry, seed, &weights);
  TestBatch<T> batch(model, kOracleImages, seed);
  RandomStream signs(seed, RandomPurpose::kTest, 3, nudge.signs);
  for (AlignedArray<T>* values : {&weights.trainable, &batch.pixels})
    for (T& value : *values) value *= T(1 + (signs.Chance(0.5) ? nudge.size : -nudge.size));
  network.values().Upload(weights);

  Results results;
  const std::vector<T> logits = TrainingPass(network, recorder.ops(), batch, kOracleClasses).logits;
  results.tensors["logits"].assign(logits.begin(), logits.end());
  const std::vector<T> gradients = HostCopy(network.gradients());
  for (const Parameter& p : plan.registry.trainable()) {
    const T* gradient = gradients.data() + p.offset;
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

// What a case computes without rounding, and how far that moves with its inputs.
struct Exact {
  Results results;
  std::map<std::string, double> movement;  // of each tensor's largest difference
  bool steady;                             // no decision turned over
};

Exact ComputeExact(const ModelDescription& model, uint32_t seed) {
  constexpr double kHalfLastBit = 0x1p-24;
  Exact exact{Train(model, ReferenceOps<double>(), seed), {}, true};
  for (const uint32_t signs : {1, 2, 3}) {
    const Results moved = Train(model, ReferenceOps<double>(), seed, {kHalfLastBit, signs});
    exact.steady &= moved.decisions == exact.results.decisions;
    for (const auto& [name, unused] : moved.tensors)
      exact.movement[name] = std::max(exact.movement[name], Distance(moved, exact.results, name));
  }
  return exact;
}

class Float : public testing::TestWithParam<OracleCase> {
 protected:
  void ExpectNearDouble(const OpTable<float>& ops) {
    // Where a ReLU or a maximum decides differently, gradients differ by more than rounding: try other weights.
    for (uint32_t seed = 1; seed <= 32; ++seed) {
      if (!exact_.contains(seed)) exact_[seed] = ComputeExact(GetParam().model, seed);
      const Exact& exact = exact_[seed];
      if (!exact.steady) continue;
      const Results found = Train(GetParam().model, ops, seed);
      if (found.decisions != exact.results.decisions) continue;
      for (const auto& [name, movement] : exact.movement)
        EXPECT_LE(Distance(found, exact.results, name),
                  kRoundingsPerInput * std::max(movement, exact.movement.at(Yardstick(name))))
            << name;
      return;
    }
    FAIL() << "with 32 sets of weights the backend never decides as exact arithmetic does";
  }

 private:
  std::map<uint32_t, Exact> exact_;  // by seed
};

TEST_P(Float, ReferenceIsNearDouble) { ExpectNearDouble(ReferenceOps<float>()); }
TEST_P(Float, CpuIsNearDouble) {
  UnderEachTarget([&] { ExpectNearDouble(CpuOps()); });
}

INSTANTIATE_TEST_SUITE_P(Cases, Float, testing::ValuesIn(OracleCases()),
                         [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace riffle
