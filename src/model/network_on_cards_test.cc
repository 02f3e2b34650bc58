// Whole networks on the kernels of graphics cards, which run in emulation, or on a card where RIFFLE_TEST_GPU=1 asks
// for it: they train as the reference in double does, on maps of float within its rounding, on maps of bfloat16 within
// what is left of 8 bits; and they keep the promises of network_test.cc. Tests of single ops are sharper; these see
// that the ops fit together.
#include <gtest/gtest.h>

#include <limits>
#include <numeric>

#include "backend/cuda/testing/emulation.h"
#include "backend/testing/execution.h"
#include "model/network.h"
#include "model/testing/random_network.h"
#include "model/zoo.h"
#include "ops/gpu_ops.h"
#include "ops/testing/card.h"

namespace riffle {
namespace {

// What a sanitizer sees, it sees in one pass.
#if defined(__SANITIZE_ADDRESS__)
constexpr bool kIsTenTimesAsSlow = true;
#else
constexpr bool kIsTenTimesAsSlow = false;
#endif

constexpr int64_t kImages = 3;
constexpr int kClasses = 5;

// Each stem at a size whose last stage has two by two pixels: a batch norm of fewer than a dozen values multiplies
// roundings a thousandfold.
ModelDescription ModelOf(int groups, size_t conventions, Stem stem) {
  ModelDescription model = *FindModel(fmt::format("shufflenet_v1_g{}_x0_25", groups));
  model.num_classes = kClasses;
  model.conventions = kConventions[conventions].conventions;
  model.stem = stem;
  model.image_size = stem == Stem::kImagenet ? 64 : 16;
  return model;
}

template <class T, class Map>
const OpTable<T, Map>& OpsOf();
template <>
const OpTable<double>& OpsOf<double, double>() {
  return ReferenceOps<double>();
}
template <>
const OpTable<float>& OpsOf<float, float>() {
  return OnCard() ? OnCard()->ops : emulated::Ops();
}
template <>
const OpTable<float, Bfloat16>& OpsOf<float, Bfloat16>() {
  return OnCard() ? *OnCard()->ops.bfloat16 : emulated::Bfloat16Ops();
}

// The reference computes on the CPU in any case.
template <class T>
Execution ExecutionOf() {
  return OnCard() && std::is_same_v<T, float> ? OnCard()->execution : OnThreads();
}

// Of the losses, which have the same kernel whatever maps hold.
template <class T>
const OpTable<T>& LossOps() {
  return OpsOf<T, T>();
}

// A network with random weights that trains on one batch.
template <class T, class Map = T>
class Trained {
 public:
  explicit Trained(const Plan& plan)
      : plan_(plan),
        batch_(plan.model, kImages, 2),
        network_(ExecutionOf<T>(), plan, OpsOf<T, Map>()),
        sgd_(plan.registry, {.lr = 0.0005, .momentum = 0.9, .weight_decay = 1e-4}) {
    FillRandom(plan.registry, 1, &network_.values());
  }

  // The loss before it.
  double Step() {
    const double loss = Pass().loss;
    sgd_.Step(network_);
    return loss;
  }
  TrainingPassResult<T> Pass() { return TrainingPass(network_, LossOps<T>(), batch_, kClasses); }

  std::vector<T> Gradients() const { return Values(network_.gradients(), plan_.registry.trainable()); }
  std::vector<T> Statistics() const { return Values(network_.values().statistics, plan_.registry.statistics()); }
  Network<T, Map>& network() { return network_; }

 private:
  static std::vector<T> Values(const DeviceArray<T>& arena, std::span<const Parameter> parameters) {
    const std::vector<T> all = HostCopy(arena);
    std::vector<T> values;
    for (const Parameter& p : parameters)
      values.insert(values.end(), all.begin() + p.offset, all.begin() + p.offset + p.size);
    return values;
  }

  const Plan& plan_;
  const TestBatch<T> batch_;
  mutable Network<T, Map> network_;
  MomentumSgd<T> sgd_;
};

// ‖a − b‖ / ‖b‖: one ReLU that decides otherwise, at the edge of rounding, is little of all gradients.
template <class A, class B>
double NormDistance(const std::vector<A>& a, const std::vector<B>& b) {
  double difference = 0, norm = 0;
  for (size_t i = 0; i < b.size(); ++i) {
    const double d = static_cast<double>(a[i]) - static_cast<double>(b[i]);
    difference += d * d;
    norm += static_cast<double>(b[i]) * static_cast<double>(b[i]);
  }
  return std::sqrt(difference / norm);
}

struct Tolerances {
  double logits, loss, gradients, statistics;  ///< as shares of what is expected
  double mean_gradients;                       ///< of several networks
  double later_loss;                           ///< after some steps
};

template <class Map>
struct NetworkOnCards : testing::Test {
  // Of so few pictures one ReLU that decides otherwise is a hundredth of the gradients. With 8 bits many a ReLU of a
  // batch of three decides otherwise (of a dozen draws gradients were off by 0.5 to 1.5 of their norm, 0.8 on average;
  // what has nothing to do with them would be by 1.4): that its gradient leads down is seen step by step.
  static constexpr Tolerances kWithin = std::is_same_v<Map, float> ? Tolerances{1e-5, 1e-5, 0.03, 1e-5, 0.03, 0.02}
                                                                   : Tolerances{0.15, 0.05, 1.2, 0.02, 0.9, 0.15};
};
struct MapName {
  template <class Map>
  static std::string GetName(int) {
    return std::is_same_v<Map, float> ? "float" : "bfloat16";
  }
};
using Maps = testing::Types<float, Bfloat16>;
TYPED_TEST_SUITE(NetworkOnCards, Maps, MapName);

TYPED_TEST(NetworkOnCards, TrainsAsTheReferenceDoes) {
  const Tolerances within = this->kWithin;
  std::vector<double> off;
  for (const auto& [groups, conventions] : {std::pair(1, 0), {2, 1}, {3, 0}, {8, 1}}) {
    if (kIsTenTimesAsSlow && groups != 2) continue;
    SCOPED_TRACE(fmt::format("{} groups, {}", groups, kConventions[conventions].name));
    const Plan plan = *MakePlan(ModelOf(groups, conventions, conventions == 0 ? Stem::kSmall : Stem::kImagenet));
    Trained<double> exact(plan);
    Trained<float, TypeParam> found(plan);
    const TrainingPassResult<double> expected = exact.Pass();
    const TrainingPassResult<float> pass = found.Pass();
    EXPECT_LT(NormDistance(pass.logits, expected.logits), within.logits);
    EXPECT_NEAR(pass.loss, expected.loss, within.loss * expected.loss);
    off.push_back(NormDistance(found.Gradients(), exact.Gradients()));
    EXPECT_LT(off.back(), within.gradients);
    EXPECT_LT(NormDistance(found.Statistics(), exact.Statistics()), within.statistics);
  }
  EXPECT_LT(std::accumulate(off.begin(), off.end(), 0.0) / static_cast<double>(off.size()), within.mean_gradients);
}

TYPED_TEST(NetworkOnCards, StaysWithTheReferenceForTenSteps) {
  const Plan plan = *MakePlan(ModelOf(3, 0, Stem::kSmall));
  Trained<double> exact(plan);
  Trained<float, TypeParam> found(plan);
  double first = 0, last = 0;
  const int steps = kIsTenTimesAsSlow ? 1 : 10;
  for (int t = 0; t < steps; ++t) {
    const double expected = exact.Step(), loss = found.Step();
    EXPECT_NEAR(loss, expected, this->kWithin.later_loss * expected) << "step " << t + 1;
    (t == 0 ? first : last) = loss;
  }
  if (steps > 1) {
    EXPECT_LT(last, 0.2 * first) << "it learns";
  }
}

// Logits and gradients.
template <class Map>
std::vector<float> BitsOfAPass(Trained<float, Map>& trained) {
  std::vector<float> bits = trained.Pass().logits;
  const std::vector<float> gradients = trained.Gradients();
  bits.insert(bits.end(), gradients.begin(), gradients.end());
  return bits;
}

TYPED_TEST(NetworkOnCards, HasTheSameBitsInEachOrderOfThreadsAndWhateverWasInItsMemory) {
  const Plan plan = *MakePlan(ModelOf(2, 1, Stem::kImagenet));
  Trained<float, TypeParam> once(plan), again(plan);
  const std::vector<float> expected = BitsOfAPass(once);
  emulated::SetOrder(emulated::Order::kReverse);
  EXPECT_EQ(BitsOfAPass(again), expected) << "other order";
  emulated::SetOrder(emulated::Order::kForward);
  again.network().FillWorkspace(std::numeric_limits<float>::quiet_NaN());
  EXPECT_EQ(BitsOfAPass(again), expected) << "after NaN";
}

// On cards chains are their ops, one after the other.
TYPED_TEST(NetworkOnCards, ChainsAndRecomputedMapsChangeNoBit) {
  const Plan plan = *MakePlan(ModelOf(3, 0, Stem::kSmall));
  Plan step_by_step = plan, keeping = plan;
  for (Step& step : step_by_step.steps) step.chained = false;
  step_by_step.backward = MakeBackwardPlan(step_by_step);
  keeping.backward = MakeBackwardPlan(keeping, Recompute::kNothing);
  Trained<float, TypeParam> trained(plan), unchained(step_by_step), kept(keeping);
  const std::vector<float> expected = BitsOfAPass(trained);
  EXPECT_EQ(BitsOfAPass(unchained), expected) << "chains";
  EXPECT_EQ(BitsOfAPass(kept), expected) << "recomputed maps";
}

TEST(NetworkOnCardsOfBfloat16, GathersGramMatricesWhereTheRowsAreComputed) {
  const Plan plan = *MakePlan(ModelOf(3, 0, Stem::kSmall));
  OpTable<float, Bfloat16> ops = OpsOf<float, Bfloat16>();
  ops.gram = [](const Execution&, const GramShape&, const Gram<float, Bfloat16>&) { ADD_FAILURE(); };
  Network<float, Bfloat16> network(ExecutionOf<float>(), plan, ops);
  FillRandom(plan.registry, 1, &network.values());
  TrainingPass(network, LossOps<float>(), TestBatch<float>(plan.model, kImages, 2), kClasses);
}

// Others have other pictures: means are half as large again, and variances larger.
struct FartherMeans : StatisticsExchange {
  void Sum(std::span<float>) override {}
  void Sum(std::span<double> sums) override {
    for (size_t i = 0; i < sums.size(); i += 2) sums[i] *= 1.5, sums[i + 1] *= 3;
  }
  Status status() const override { return {}; }
};

TEST(NetworkOnCardsOfBfloat16, GathersThemAboutTheMeansOfAllWhereABatchIsShared) {
  const Plan plan = *MakePlan(ModelOf(3, 0, Stem::kSmall));
  Plan apart = plan;
  for (Step& step : apart.steps) step.with_gram = false;
  FartherMeans others;
  Trained<float, Bfloat16> trained(plan), expected(apart);
  for (Trained<float, Bfloat16>* shared : {&trained, &expected}) shared->network().SetStatisticsExchange(&others);
  EXPECT_EQ(BitsOfAPass(trained), BitsOfAPass(expected));
}

}  // namespace
}  // namespace riffle
