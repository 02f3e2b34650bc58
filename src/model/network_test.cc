// What the training engine promises beyond the right numbers (for those see tests/oracle): memory that is known before,
// no value read before it is written, the same bits at any number of threads and from any history.
#include "model/network.h"

#include <gtest/gtest.h>

#include <limits>

#include "backend/testing/execution.h"
#include "model/testing/random_network.h"
#include "model/training_memory.h"
#include "model/zoo.h"
#include "ops/testing/guarded_ops.h"

namespace riffle {
namespace {

constexpr int64_t kImages = 3;
constexpr int kClasses = 5;

ModelDescription ModelOf(int groups, Stem stem, int stage2_stride, int image_size, size_t conventions = 0) {
  ModelDescription model = *FindModel(fmt::format("shufflenet_v1_g{}_x0_25", groups));
  model.num_classes = kClasses;
  model.stem = stem;
  model.stage2_stride = stage2_stride;
  model.image_size = image_size;
  model.conventions = kConventions[conventions].conventions;
  return model;
}

ModelDescription WithBias(ModelDescription model) {
  model.head_bias = true;
  return model;
}

// Each kind of unit, of memory sharing, of border and of head.
std::vector<ModelDescription> Models() {
  return {ModelOf(3, Stem::kImagenet, 2, 35),
          ModelOf(8, Stem::kImagenet, 2, 32, 1),
          ModelOf(1, Stem::kSmall, 2, 17, 2),
          ModelOf(3, Stem::kSmall, 1, 16),
          WithBias(ModelOf(2, Stem::kImagenet, 2, 33, 4)),
          ModelOf(3, Stem::kSmall, 1, 16, 4)};
}

// Logits and all gradients of one pass.
std::vector<float> PassOf(Network<float>& network, const Plan& plan, const OpTable<float>& ops,
                          const TestBatch<float>& batch) {
  std::vector<float> result = TrainingPass(network, ops, batch, kClasses).logits;
  const std::vector<float> gradients = HostCopy(network.gradients());
  for (const Parameter& p : plan.registry.trainable())
    result.insert(result.end(), gradients.begin() + p.offset, gradients.begin() + p.offset + p.size);
  return result;
}

std::vector<float> FreshPass(const Plan& plan, const OpTable<float>& ops, const TestBatch<float>& batch,
                             const Execution& execution = OnThreads()) {
  Network<float> network(execution, plan, ops);
  FillRandom(plan.registry, 1, &network.values());
  return PassOf(network, plan, ops, batch);
}

void SetDlogits(Network<float>& network, const std::vector<float>& values) {
  network.execution().device.Upload(network.dlogits(), values.data(), values.size() * sizeof(float));
  network.execution().Synchronize();
}

class NetworkOf : public testing::TestWithParam<const OpTable<float>& (*)()> {};

TEST_P(NetworkOf, ReadsNothingThatItHasNotWritten) {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  for (const ModelDescription& model : Models()) {
    const Plan plan = *MakePlan(model);
    const TestBatch<float> batch(model, kImages, 2);
    Network<float> network(OnThreads(), plan, GetParam()());
    FillRandom(plan.registry, 1, &network.values());
    PassOf(network, plan, GetParam()(), batch);  // lays the memory out
    network.FillWorkspace(kNan);
    network.gradients().Upload(std::vector<float>(network.gradients().size(), kNan));
    EXPECT_EQ(PassOf(network, plan, GetParam()(), batch), FreshPass(plan, GetParam()(), batch)) << ToJson(model);
  }
}

TEST_P(NetworkOf, RecomputedMapsChangeNoBit) {
  for (const ModelDescription& model : Models()) {
    const Plan plan = *MakePlan(model);
    Plan keeping = plan;
    keeping.backward = MakeBackwardPlan(plan, Recompute::kNothing);
    const TestBatch<float> batch(model, kImages, 2);
    EXPECT_EQ(FreshPass(plan, GetParam()(), batch), FreshPass(keeping, GetParam()(), batch)) << ToJson(model);
  }
}

TEST_P(NetworkOf, ChainsChangeNoBit) {
  for (const ModelDescription& model : Models()) {
    const Plan plan = *MakePlan(model);
    Plan step_by_step = plan;
    for (Step& step : step_by_step.steps) step.chained = false;
    step_by_step.backward = MakeBackwardPlan(step_by_step);
    const TestBatch<float> batch(model, kImages, 2);
    EXPECT_EQ(FreshPass(plan, GetParam()(), batch), FreshPass(step_by_step, GetParam()(), batch)) << ToJson(model);
  }
}

TEST_P(NetworkOf, KeepsTheLogitsUntilTheNextForward) {
  for (const ModelDescription& model : Models()) {
    const Plan plan = *MakePlan(model);
    const TestBatch<float> batch(model, kImages, 2);
    Network<float> network(OnThreads(), plan, GetParam()());
    FillRandom(plan.registry, 1, &network.values());
    const float* logits = network.Forward(kImages, batch.pictures(), Statistics::kBatch);
    const std::vector<float> before = HostCopy(network.execution(), logits, kImages * kClasses);
    SetDlogits(network, std::vector<float>(kImages * kClasses, 1.0f));
    network.Backward();
    EXPECT_EQ(HostCopy(network.execution(), logits, kImages * kClasses), before) << ToJson(model);
  }
}

TEST_P(NetworkOf, ForgetsBatchesOfOtherSizes) {
  const ModelDescription model = Models()[0];
  const Plan plan = *MakePlan(model);
  Network<float> network(OnThreads(), plan, GetParam()());
  FillRandom(plan.registry, 1, &network.values());
  for (const int64_t images : {kImages, int64_t{1}, int64_t{7}, kImages}) {
    const TestBatch<float> batch(model, images, 2);
    EXPECT_EQ(PassOf(network, plan, GetParam()(), batch), FreshPass(plan, GetParam()(), batch)) << images << " images";
  }
}

TEST_P(NetworkOf, HasTheSameBitsOnOneTwoAndThreeThreads) {
  for (const ModelDescription& model : Models()) {
    const Plan plan = *MakePlan(model);
    const TestBatch<float> batch(model, kImages, 2);
    UnderEachTarget([&] {
      const std::vector<float> one = FreshPass(plan, GetParam()(), batch, OnThreads(1));
      for (const int threads : {2, 3})
        EXPECT_EQ(FreshPass(plan, GetParam()(), batch, OnThreads(threads)), one)
            << threads << " threads, " << ToJson(model);
    });
  }
}

TEST_P(NetworkOf, EvaluationLeavesStatisticsAlone) {
  const ModelDescription model = Models()[0];
  const Plan plan = *MakePlan(model);
  const TestBatch<float> batch(model, kImages, 2);
  Network<float> network(OnThreads(), plan, GetParam()());
  FillRandom(plan.registry, 1, &network.values());
  const auto statistics = [&] { return HostCopy(network.values().statistics); };
  const std::vector<float> before = statistics();
  network.Forward(kImages, batch.pictures(), Statistics::kRunning);
  EXPECT_EQ(statistics(), before);
  network.Forward(kImages, batch.pictures(), Statistics::kBatch);
  EXPECT_NE(statistics(), before);
}

// On memory that the host cannot touch, to the same bits.
TEST(Network, ReadsAndWritesItsDeviceByOpsAndTransfersAlone) {
  GuardedDevice device;
  const Execution execution{OnThreads(3).pool, device};
  for (const ModelDescription& model : Models()) {
    const Plan plan = *MakePlan(model);
    const TestBatch<float> batch(model, kImages, 2);
    EXPECT_EQ(FreshPass(plan, GuardedOps(), batch, execution), FreshPass(plan, CpuOps(), batch)) << ToJson(model);
  }
}

INSTANTIATE_TEST_SUITE_P(Backends, NetworkOf, testing::Values(&ReferenceOps<float>, &CpuOps),
                         [](const auto& test) { return test.index == 0 ? "Reference" : "Cpu"; });

// Mean loss of a batch when all parameters are moved by `step` along `direction`.
double LossAlong(const Plan& plan, const TestBatch<double>& batch, const std::vector<double>& direction, double step) {
  Network<double> network(OnThreads(), plan, ReferenceOps<double>());
  FillRandom(plan.registry, 1, &network.values());
  std::vector<double> values = HostCopy(network.values().trainable);
  for (size_t i = 0; i < direction.size(); ++i) values[i] += step * direction[i];
  network.values().trainable.Upload(values);
  return TrainingPass(network, ReferenceOps<double>(), batch, kClasses).loss;
}

// Also sees maps whose memory is given away while backward still needs them.
TEST(Network, GradientIsTheDerivativeOfTheLoss) {
  // Small: a ReLU that turns over on the way spoils the quotient; and not too small for the loss's own roundings.
  constexpr double kStep = 3e-9;
  for (const ModelDescription& model : Models()) {
    const Plan plan = *MakePlan(model);
    const TestBatch<double> batch(model, kImages, 2);
    Network<double> network(OnThreads(), plan, ReferenceOps<double>());
    FillRandom(plan.registry, 1, &network.values());
    TrainingPass(network, ReferenceOps<double>(), batch, kClasses);
    const std::vector<double> gradients = HostCopy(network.gradients());
    // One tensor at a time, so that a wrong gradient is not lost among others; some of each kind, and both ends.
    RandomStream random(1, RandomPurpose::kTest, 4, 0);
    const std::span<const Parameter> parameters = plan.registry.trainable();
    for (size_t k = 0; k < parameters.size(); k += 7) {
      const Parameter& p = parameters[k];
      std::vector<double> direction(plan.registry.trainable_arena_values());
      double expected = 0;
      for (int64_t i = p.offset; i < p.offset + p.size; ++i) {
        direction[i] = random.Normal();
        expected += direction[i] * gradients[i];
      }
      const double found =
          (LossAlong(plan, batch, direction, kStep) - LossAlong(plan, batch, direction, -kStep)) / (2 * kStep);
      EXPECT_NEAR(found, expected, 1e-4 * std::max(1.0, std::abs(expected))) << p.name << ", " << ToJson(model);
    }
  }
}

// Where the ops of a pass read and wrote maps and their gradients.
struct Extent {
  static inline const float *first = nullptr, *last = nullptr;

  static void Add(Rows<const float> rows, int64_t count, int64_t pixels) {
    if (!first || rows.data < first) first = rows.data;
    last = std::max(last, rows[count - 1] + pixels);
  }
  static void Conv(const Execution& execution, const GroupConvShape& shape, const GroupConvForward<float>& a) {
    Add(a.y, shape.out_channels, shape.pixels);
    ReferenceOps<float>().group_conv_forward(execution, shape, a);
  }
  static void ConvBackward(const Execution& execution, const GroupConvShape& shape, const GroupConvBackward<float>& a) {
    Add(a.dx.dz, shape.in_channels, shape.pixels);
    Add(a.dy.dz, shape.out_channels, shape.pixels);
    ReferenceOps<float>().group_conv_backward(execution, shape, a);
  }
  static void Chain(const Execution& execution, const GroupConvChainShape& shape,
                    const GroupConvChainForward<float>& a) {
    Conv(execution, shape.first, a.first);
    Conv(execution, shape.second, a.second);
  }
  static void ChainBackward(const Execution& execution, const GroupConvChainShape& shape,
                            const GroupConvChainBackward<float>& a) {
    Add(a.second.dx.dz, shape.second.in_channels, shape.second.pixels);
    Add(a.second.dy.dz, shape.second.out_channels, shape.second.pixels);
    Add(a.first.dx.dz, shape.first.in_channels, shape.first.pixels);
    ReferenceOps<float>().group_conv_chain_backward(execution, shape, a);
  }
  static void StoredRelu(const Execution& execution, const ReluShape& shape, const ReluForward<float>& a) {
    Add(a.y, shape.channels, shape.pixels);
    Add(a.x, shape.channels, shape.pixels);
    ReferenceOps<float>().relu_forward(execution, shape, a);
  }
};

TEST(TrainingArenaBytes, IsWhatAPassTouches) {
  OpTable<float> ops = ReferenceOps<float>();
  ops.group_conv_forward = Extent::Conv;
  ops.group_conv_backward = Extent::ConvBackward;
  ops.group_conv_chain_forward = Extent::Chain;
  ops.group_conv_chain_backward = Extent::ChainBackward;
  ops.relu_forward = Extent::StoredRelu;
  for (const ModelDescription& model : Models()) {
    const Plan plan = *MakePlan(model);
    Extent::first = Extent::last = nullptr;
    FreshPass(plan, ops, TestBatch<float>(model, kImages, 2));
    const int64_t touched = (Extent::last - Extent::first) * static_cast<int64_t>(sizeof(float));
    const int64_t planned = TrainingArenaBytes(plan, kImages);
    EXPECT_LE(touched, planned) << ToJson(model);
    EXPECT_GE(touched, planned * 8 / 10) << ToJson(model);
  }
}

// With a body that is frozen there is nothing to do below the head.
TEST(Network, BackwardOfTheHeadAloneGivesTheSameGradientAndTouchesNoOther) {
  const ModelDescription model = Models()[0];
  const Plan plan = *MakePlan(model);
  const TestBatch<float> batch(model, kImages, 2);
  Network<float> network(OnThreads(), plan, CpuOps());
  FillRandom(plan.registry, 1, &network.values());
  const auto forward = [&] {
    network.Forward(batch.images, batch.pictures(), Statistics::kBatch);
    std::vector<float> dlogits;
    for (int i = 0; i < kImages * kClasses; ++i) dlogits.push_back(0.1f * static_cast<float>(i - 7));
    SetDlogits(network, dlogits);
  };
  forward();
  network.Backward();
  const Parameter& head = plan.registry.trainable().back();
  const std::vector<float> whole = HostCopy(network.gradients());
  network.gradients().Upload(std::vector<float>(whole.size(), 7.0f));
  forward();
  network.BackwardHead();
  const std::vector<float> gradients = HostCopy(network.gradients());
  EXPECT_TRUE(std::equal(whole.begin() + head.offset, whole.begin() + head.offset + head.size,
                         gradients.begin() + head.offset));
  EXPECT_TRUE(std::all_of(gradients.begin(), gradients.begin() + head.offset, [](float g) { return g == 7; }));
}

TEST(Network, ChangesTheSizeOfItsPicturesAndBack) {
  ModelDescription small = Models()[0], large = small;
  large.image_size = 64;
  const Plan small_plan = *MakePlan(small), large_plan = *MakePlan(large);
  const TestBatch<float> small_batch(small, kImages, 2), large_batch(large, kImages, 2);
  Network<float> network(OnThreads(), small_plan, CpuOps());
  FillRandom(small_plan.registry, 1, &network.values());
  PassOf(network, small_plan, CpuOps(), small_batch);
  FillRandom(small_plan.registry, 1, &network.values());
  network.UsePlan(large_plan);
  EXPECT_EQ(PassOf(network, large_plan, CpuOps(), large_batch), FreshPass(large_plan, CpuOps(), large_batch));
  network.UsePlan(small_plan);
  FillRandom(small_plan.registry, 1, &network.values());
  EXPECT_EQ(PassOf(network, small_plan, CpuOps(), small_batch), FreshPass(small_plan, CpuOps(), small_batch));
}

// What backward says is final, as it was then.
struct FinalGradients : GradientListener {
  explicit FinalGradients(Network<float>& asked) : network(asked) { network.SetGradientListener(this); }
  void OnFinal(int64_t from) override {
    const std::vector<float> now = HostCopy(network.gradients());
    told.emplace_back(from, std::vector<float>(now.begin() + from, now.end()));
  }
  Network<float>& network;
  std::vector<std::pair<int64_t, std::vector<float>>> told;
};

TEST(Network, TellsWhichGradientsAreFinalWhileBackwardGoesOn) {
  for (const ModelDescription& model : Models()) {
    const Plan plan = *MakePlan(model);
    Network<float> network(OnThreads(), plan, CpuOps());
    FillRandom(plan.registry, 1, &network.values());
    FinalGradients listener(network);
    TrainingPass(network, CpuOps(), TestBatch<float>(model, kImages, 2), kClasses);
    const std::vector<float> gradients = HostCopy(network.gradients());
    ASSERT_EQ(listener.told.size(), plan.steps.size());
    EXPECT_EQ(listener.told.back().first, 0) << "all in the end";
    EXPECT_EQ(listener.told.front().first, plan.registry.trainable()[plan.steps.back().weight].offset) << "the head";
    int64_t before = network.gradients().size();
    for (const auto& [from, then] : listener.told) {
      EXPECT_LE(from, before) << "more and more";
      before = from;
      EXPECT_TRUE(std::equal(then.begin(), then.end(), gradients.begin() + from)) << from << ": " << ToJson(model);
    }
  }
}

// All that a process would hear from the others is what it has itself.
struct Twice : StatisticsExchange {
  explicit Twice(GuardedDevice& of) : device(of) {}
  void Sum(std::span<float> sums) override {
    ++backward;
    const GuardedDevice::Opening opening(device);
    for (float& sum : sums) sum *= 2;
  }
  void Sum(std::span<double> sums) override {
    ++forward;
    const GuardedDevice::Opening opening(device);
    for (double& sum : sums) sum *= 2;
  }
  Status status() const override { return {}; }
  GuardedDevice& device;
  size_t forward = 0, backward = 0;
};

TEST(Network, NormalisesASharedBatchByTheStatisticsOfAll) {
  for (const ModelDescription& model : Models()) {
    const Plan plan = *MakePlan(model);
    TestBatch<float> batch(model, kImages, 2);
    const std::vector<float> expected = FreshPass(plan, CpuOps(), batch);
    batch.all_images = 2 * kImages;
    GuardedDevice device;
    Network<float> network({OnThreads(3).pool, device}, plan, GuardedOps());
    FillRandom(plan.registry, 1, &network.values());
    Twice twice(device);
    network.SetStatisticsExchange(&twice);
    EXPECT_EQ(PassOf(network, plan, GuardedOps(), batch), expected) << ToJson(model);
    EXPECT_EQ(twice.forward, plan.norms.size());
    EXPECT_EQ(twice.backward, plan.norms.size());
    network.Forward(kImages, batch.pictures(), Statistics::kRunning);
    EXPECT_EQ(twice.forward, plan.norms.size()) << "the running statistics are all processes' already";
  }
}

// So many that the variance's bias is nothing.
constexpr int64_t kElsewhere = 1'000'000;

// All pictures are elsewhere, and the moments of their pixels are 3 and 4.
struct Elsewhere : StatisticsExchange {
  explicit Elsewhere(const Plan& plan) {
    const auto add = [&](int map) {
      pixels.push_back(static_cast<double>(kElsewhere * plan.maps[map].height * plan.maps[map].width));
    };
    for (const Step& step : plan.steps) {
      if (plan.WritesRaw(step)) add(step.y);
      if (step.op == Op::kProductNorm) add(plan.norms[plan.norms[step.norm].in_norm].raw);
    }
  }
  void Sum(std::span<double> sums) override {
    const double n = pixels[forward++];
    for (size_t row = 0; row < sums.size(); row += 2) {
      EXPECT_EQ(std::pair(sums[row], sums[row + 1]), std::pair(0.0, 0.0)) << "nothing of its own";
      sums[row] = 3 * n;
      sums[row + 1] = (4 + 3 * 3) * n;
    }
  }
  void Sum(std::span<float> sums) override {
    ++backward;
    for (const float sum : sums) EXPECT_EQ(sum, 0);
  }
  Status status() const override { return {}; }
  std::vector<double> pixels;  // of the batch norms, in the order of their sums
  size_t forward = 0, backward = 0;
};

TEST(Network, WithNoPicturesOfASharedBatchItFollowsTheStatisticsOfTheOthers) {
  const ModelDescription model = Models()[0];
  const Plan plan = *MakePlan(model);
  Network<float> network(OnThreads(), plan, CpuOps());
  FillRandom(plan.registry, 1, &network.values());
  for (const bool first : {true, false}) {  // before and after a batch with pictures
    const std::vector<float> before = HostCopy(network.values().statistics);
    Elsewhere elsewhere(plan);
    network.SetStatisticsExchange(&elsewhere);
    FinalGradients listener(network);
    EXPECT_EQ(network.Forward({0, kElsewhere}, {}, Statistics::kBatch), nullptr);
    network.Backward();
    EXPECT_EQ(elsewhere.forward, plan.norms.size());
    EXPECT_EQ(elsewhere.backward, plan.norms.size());
    ASSERT_EQ(listener.told.size(), plan.steps.size()) << "as where there are pictures";
    EXPECT_EQ(listener.told.back().second, std::vector<float>(network.gradients().size())) << "nothing of its own";
    const std::vector<float> after = HostCopy(network.values().statistics);
    for (const Parameter& p : plan.registry.statistics()) {
      const double now = p.kind == ParameterKind::kRunningMean ? 3 : 4, kept = network.bn_momentum();
      EXPECT_NEAR(after[p.offset], kept * before[p.offset] + (1 - kept) * now, 1e-5) << p.name;
    }
    network.SetStatisticsExchange(nullptr);
    network.SetGradientListener(nullptr);
    if (first) PassOf(network, plan, CpuOps(), TestBatch<float>(model, kImages, 2));
  }
}

}  // namespace
}  // namespace riffle
