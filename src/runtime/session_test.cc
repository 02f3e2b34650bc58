// The folded network against the training plan with running statistics, and what a session promises beyond that: the
// logits of a picture have the same bits whatever it is batched with, at any number of threads.
#include "runtime/session.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <thread>

#include "backend/testing/execution.h"
#include "model/testing/random_network.h"
#include "model/zoo.h"
#include "ops/testing/guarded_ops.h"

namespace riffle {
namespace {

constexpr int64_t kImages = 5;
constexpr int kClasses = 7;

struct Case {
  std::string name;
  ModelDescription model;
};

// Each number of groups with each convention and stem.
std::vector<Case> Cases() {
  std::vector<Case> cases;
  for (const int groups : {1, 2, 3, 4, 8})
    for (const NamedConventions& named : kConventions)
      for (const char* stem : {"imagenet", "small_stride2", "small_stride1"}) {
        ModelDescription model = *FindModel(fmt::format("shufflenet_v1_g{}_x0_25", groups));
        model.num_classes = kClasses;
        model.conventions = named.conventions;
        model.stem = stem == std::string_view("imagenet") ? Stem::kImagenet : Stem::kSmall;
        model.stage2_stride = stem == std::string_view("small_stride1") ? 1 : 2;
        model.image_size = model.stem == Stem::kImagenet ? 45 : 18;
        model.in_channels = groups % 2 ? 3 : 1;
        model.head_bias = groups % 2 == 0;
        cases.push_back({fmt::format("g{}_{}_{}", groups, named.name, stem), model});
      }
  return cases;
}

ParameterValues<float> RandomValues(const Plan& plan) {
  ParameterValues<float> values(plan.registry);
  FillRandom(plan.registry, 1, &values);
  return values;
}

using Logits = std::vector<float>;

Logits Classify(Session& session, int64_t images, Rows<const float> pictures) {
  Logits logits(images * session.plan().model.num_classes);
  session.Run(images, pictures, logits.data());
  return logits;
}

class SessionOf : public testing::TestWithParam<Case> {
 protected:
  const ModelDescription& model() const { return GetParam().model; }

  void ExpectNearNetwork(const OpTable<float>& ops) const {
    const Plan plan = *MakePlan(model());
    Network<double> network(OnThreads(), plan, ReferenceOps<double>());
    FillRandom(plan.registry, 1, &network.values());
    const TestBatch<double> batch(model(), kImages, 2);
    const std::vector<double> expected = ForwardPass(network, batch, Statistics::kRunning);

    Session session(OnThreads(), plan, ops);
    session.SetWeights(RandomValues(plan));
    const Logits logits = Classify(session, kImages, TestBatch<float>(model(), kImages, 2).pictures());
    EXPECT_LE(RelativeDistance(logits.data(), expected.data(), kImages * kClasses), 1e-5);
  }
};

TEST_P(SessionOf, ReferenceEqualsTheNetworkInDouble) { ExpectNearNetwork(ReferenceOps<float>()); }
TEST_P(SessionOf, CpuEqualsTheNetworkInDouble) {
  UnderEachTarget([&] { ExpectNearNetwork(CpuOps()); });
}

TEST_P(SessionOf, CpuNetworkWithRunningStatisticsEqualsTheNetworkInDouble) {
  const Plan plan = *MakePlan(model());
  Network<double> exact(OnThreads(), plan, ReferenceOps<double>());
  Network<float> network(OnThreads(), plan, CpuOps());
  FillRandom(plan.registry, 1, &exact.values());
  FillRandom(plan.registry, 1, &network.values());
  const TestBatch<double> exact_batch(model(), kImages, 2);
  const TestBatch<float> batch(model(), kImages, 2);
  const Logits logits = ForwardPass(network, batch, Statistics::kRunning);
  const std::vector<double> expected = ForwardPass(exact, exact_batch, Statistics::kRunning);
  EXPECT_LE(RelativeDistance(logits.data(), expected.data(), kImages * kClasses), 1e-5);
}

TEST_P(SessionOf, APictureHasTheSameBitsAloneAndInAnyBatch) {
  const Plan plan = *MakePlan(model());
  const ParameterValues<float> values = RandomValues(plan);
  const int64_t area = int64_t{model().image_size} * model().image_size;
  // Beyond one group of pictures, and no multiple of it.
  constexpr int64_t kMany = 37;
  const TestBatch<float> batch(model(), kMany, 2);
  UnderEachTarget([&] {
    Session session(OnThreads(), plan, CpuOps());
    session.SetWeights(values);
    const Logits together = Classify(session, kMany, batch.pictures());
    for (const auto& [first, images] : {std::pair{0, 1}, {1, 1}, {7, 2}, {3, 13}, {36, 1}, {4, 33}})
      EXPECT_EQ(Classify(session, images, {batch.pixels.data() + first * area, batch.stride}),
                Logits(together.begin() + first * kClasses, together.begin() + (first + images) * kClasses))
          << images << " from picture " << first;
  });
}

TEST_P(SessionOf, HasTheSameBitsOnOneTwoAndThreeThreads) {
  const Plan plan = *MakePlan(model());
  const ParameterValues<float> values = RandomValues(plan);
  const TestBatch<float> batch(model(), 20, 2);
  UnderEachTarget([&] {
    Session one_thread(OnThreads(1), plan, CpuOps());
    one_thread.SetWeights(values);
    for (const int threads : {2, 3}) {
      Session session(OnThreads(threads), plan, CpuOps());
      session.SetWeights(values);
      for (const int64_t images : {int64_t{1}, batch.images})
        EXPECT_EQ(Classify(session, images, batch.pictures()), Classify(one_thread, images, batch.pictures()))
            << images << " on " << threads << " threads";
    }
  });
}

TEST_P(SessionOf, OnPicturesOfAnotherSizeHasTheBitsOfOneThatWasMadeForThem) {
  ModelDescription larger = model();
  larger.image_size += 13;
  const Plan plan = *MakePlan(model()), larger_plan = *MakePlan(larger);
  const TestBatch<float> batch(model(), kImages, 2), larger_batch(larger, kImages, 2);
  const ParameterValues<float> values = RandomValues(plan);
  Session session(OnThreads(), plan, CpuOps()), made_for_it(OnThreads(), larger_plan, CpuOps());
  for (Session* each : {&session, &made_for_it}) {
    each->SetWeights(values);
    each->SetFlip(true);
  }
  const Logits before = Classify(session, kImages, batch.pictures());
  session.UsePlan(larger_plan);
  EXPECT_EQ(session.plan().model.image_size, larger.image_size);
  EXPECT_EQ(Classify(session, kImages, larger_batch.pictures()),
            Classify(made_for_it, kImages, larger_batch.pictures()));
  session.UsePlan(plan);
  EXPECT_EQ(Classify(session, kImages, batch.pictures()), before) << "and back";
}

INSTANTIATE_TEST_SUITE_P(Cases, SessionOf, testing::ValuesIn(Cases()),
                         [](const auto& test) { return test.param.name; });

// On memory that the host cannot touch, to the same bits.
TEST(Session, ReadsAndWritesItsDeviceByOpsAndTransfersAlone) {
  GuardedDevice device;
  for (const Case& c : Cases()) {
    const Plan plan = *MakePlan(c.model);
    const ParameterValues<float> values = RandomValues(plan);
    const TestBatch<float> batch(c.model, kImages, 2);
    Session guarded({OnThreads(3).pool, device}, plan, GuardedOps()), session(OnThreads(), plan, CpuOps());
    guarded.SetWeights(values);
    session.SetWeights(values);
    guarded.SetFlip(c.model.groups == 3);
    session.SetFlip(c.model.groups == 3);
    EXPECT_EQ(Classify(guarded, kImages, batch.pictures()), Classify(session, kImages, batch.pictures())) << c.name;
  }
}

TEST(Session, ForwardGivesTheDeviceWhatRunGivesTheHost) {
  const ModelDescription model = Cases()[0].model;
  const Plan plan = *MakePlan(model);
  const TestBatch<float> batch(model, kImages, 2);
  Session session(OnThreads(), plan, CpuOps());
  session.SetWeights(RandomValues(plan));
  for (const bool flip : {false, true}) {
    session.SetFlip(flip);
    const Logits expected = Classify(session, kImages, batch.pictures());
    EXPECT_EQ(HostCopy(session.execution(), session.Forward(kImages, batch.pictures()), expected.size()), expected);
  }
}

TEST(Session, RunsOnWhenBatchesGrow) {
  const ModelDescription model = Cases()[0].model;
  const Plan plan = *MakePlan(model);
  Session session(OnThreads(), plan, CpuOps());
  session.SetWeights(RandomValues(plan));
  const TestBatch<float> batch(model, 33, 2);
  const Logits one = Classify(session, 1, batch.pictures());
  const Logits many = Classify(session, 33, batch.pictures());
  EXPECT_EQ(Logits(many.begin(), many.begin() + kClasses), one);
}

// Each on a thread of its own: on pools of their own as public classifiers are, or all on one.
TEST(Session, SeveralRunSideBySideWithTheBitsOfOneAlone) {
  constexpr int kSessions = 8;
  const ModelDescription model = Cases()[0].model;
  const Plan plan = *MakePlan(model);
  const ParameterValues<float> values = RandomValues(plan);
  const TestBatch<float> batch(model, 9, 2);
  Session alone(OnThreads(1), plan, CpuOps());
  alone.SetWeights(values);
  const Logits one = Classify(alone, 1, batch.pictures()), all = Classify(alone, batch.images, batch.pictures());

  ThreadPool shared(3);
  for (const bool share : {false, true}) {
    std::vector<std::thread> users;
    for (int i = 0; i < kSessions; ++i)
      users.emplace_back([&] {
        ThreadPool own(2);
        Session session({share ? shared : own}, plan, CpuOps());
        session.SetWeights(values);
        for (int turn = 0; turn < 5; ++turn) {
          EXPECT_EQ(Classify(session, 1, batch.pictures()), one);
          EXPECT_EQ(Classify(session, batch.images, batch.pictures()), all);
        }
      });
    for (std::thread& user : users) user.join();
  }
}

TEST(Session, TakesNewWeights) {
  const ModelDescription model = Cases()[0].model;
  const Plan plan = *MakePlan(model);
  ParameterValues<float> values = RandomValues(plan);
  const TestBatch<float> batch(model, 1, 2);
  Session session(OnThreads(), plan, CpuOps());
  session.SetWeights(values);
  const Logits before = Classify(session, 1, batch.pictures());
  FillRandom(plan.registry, 2, &values);
  session.SetWeights(values);
  EXPECT_NE(Classify(session, 1, batch.pictures()), before);
  FillRandom(plan.registry, 1, &values);
  session.SetWeights(values);
  EXPECT_EQ(Classify(session, 1, batch.pictures()), before);
}

TEST(Session, SharesTheWeightsOfAnotherAndKeepsThemWhenThatGetsNewOnes) {
  const ModelDescription model = Cases()[0].model;
  const Plan plan = *MakePlan(model);
  ParameterValues<float> values = RandomValues(plan);
  const TestBatch<float> batch(model, 3, 2);
  Session owner(OnThreads(), plan, CpuOps()), sharer(OnThreads(), plan, CpuOps());
  owner.SetWeights(values);
  sharer.ShareWeightsOf(owner);
  const Logits logits = Classify(owner, 3, batch.pictures());
  EXPECT_EQ(Classify(sharer, 3, batch.pictures()), logits);
  FillRandom(plan.registry, 2, &values);
  owner.SetWeights(values);
  EXPECT_NE(Classify(owner, 3, batch.pictures()), logits);
  EXPECT_EQ(Classify(sharer, 3, batch.pictures()), logits);
}

// What the head makes of the features is the logits: logits[n][k] = Σ weight[k][c] · features[n][c] + bias[k].
TEST(Session, FeaturesAreWhatTheHeadMakesLogitsOf) {
  for (const size_t number : {size_t{0}, Cases().size() / 4}) {  // without a bias, with one
    const ModelDescription model = Cases()[number].model;
    const Plan plan = *MakePlan(model);
    const ParameterValues<float> values = RandomValues(plan);
    const TestBatch<float> batch(model, kImages, 2);
    Session session(OnThreads(), plan, CpuOps());
    session.SetWeights(values);
    const Logits logits = Classify(session, kImages, batch.pictures());
    const int channels = session.plan().maps[session.plan().steps.back().x].channels;
    std::vector<float> features(kImages * channels);
    session.Features(kImages, features.data());
    const auto head = [&](const char* name) -> const float* {
      const auto found = std::ranges::find(plan.registry.trainable(), name, &Parameter::name);
      return found == plan.registry.trainable().end() ? nullptr : values.trainable.data() + found->offset;
    };
    const float *weight = head("head.weight"), *bias = head("head.bias");
    ASSERT_EQ(bias != nullptr, model.head_bias);
    for (int64_t n = 0; n < kImages; ++n)
      for (int k = 0; k < kClasses; ++k) {
        double logit = bias ? bias[k] : 0;
        for (int c = 0; c < channels; ++c) logit += double{weight[k * channels + c]} * features[n * channels + c];
        EXPECT_NEAR(logits[n * kClasses + k], logit, 1e-5 * (1 + std::abs(logit)));
      }
  }
}

TEST(Session, ClassifiesNoPictures) {
  const Plan plan = *MakePlan(Cases()[0].model);
  Session session(OnThreads(), plan, CpuOps());
  session.SetWeights(RandomValues(plan));
  EXPECT_TRUE(Classify(session, 0, {}).empty());
}

// Nothing of training is kept: in place, and far less than the maps together.
TEST(InferenceArenaBytes, IsTheLargestMapsThatLiveTogether) {
  const Plan folded = FoldBatchNorm(*MakePlan(*FindModel("shufflenet_v1_g3_x1_0")));
  const auto bytes = [&](const char* name) {
    for (const Map& map : folded.maps)
      if (map.name == name) return map.channels * RowStride(map.area()) * static_cast<int64_t>(sizeof(float));
    ADD_FAILURE() << "no map " << name;
    return int64_t{0};
  };
  // The stem and what its max-pool makes of it live together, and later nothing as large does.
  EXPECT_EQ(InferenceArenaBytes(folded, 1), bytes("stem") + bytes("stem.pool"));
}

TEST(Session, FlippedLogitsAreTheMeansOfThoseOfPicturesAndMirrorImages) {
  const ModelDescription model = Cases()[0].model;
  const Plan plan = *MakePlan(model);
  Session session(OnThreads(), plan, CpuOps());
  session.SetWeights(RandomValues(plan));
  const TestBatch<float> batch(model, kImages, 2);
  TestBatch<float> mirrored(model, kImages, 2);
  const int size = model.image_size;
  for (int c = 0; c < model.in_channels; ++c)
    for (int64_t i = 0; i < kImages * size * size; ++i)
      mirrored.pixels[c * batch.stride + i] = batch.pixels[c * batch.stride + i / size * size + size - 1 - i % size];
  const Logits own = Classify(session, kImages, batch.pictures()),
               other = Classify(session, kImages, mirrored.pictures());
  ASSERT_NE(own, other);
  session.SetFlip(true);
  const Logits both = Classify(session, kImages, batch.pictures());
  for (size_t i = 0; i < both.size(); ++i) EXPECT_EQ(both[i], (own[i] + other[i]) / 2);
  EXPECT_EQ(Classify(session, kImages, mirrored.pictures()), both) << "either side up";
  session.SetFlip(false);
  EXPECT_EQ(Classify(session, kImages, batch.pictures()), own);
}

}  // namespace
}  // namespace riffle
