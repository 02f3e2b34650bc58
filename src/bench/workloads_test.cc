// The workloads, their profile, and what they hand to other programs, on a network small enough for a test.
#include "bench/workloads.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "backend/testing/execution.h"
#include "backend/testing/host_copy.h"
#include "base/testing/test_folder.h"
#include "bench/exchange.h"
#include "bench/profile.h"
#include "checkpoint/checkpoint.h"
#include "formats/safetensors.h"
#include "model/zoo.h"
#include "ops/backends.h"

namespace riffle {
namespace {

class Workloads : public testing::Test {
 protected:
  static constexpr int64_t kImages = 3;

  static ModelDescription SmallModel() {
    ModelDescription model = *FindModel("shufflenet_v1_g3_x0_25");
    model.image_size = 40;
    model.num_classes = 7;
    return model;
  }

  const OpTable<float>& ops_ = **FindBackend("");
  const Plan plan_ = *MakePlan(SmallModel());
  const std::filesystem::path folder_ = TestFolder() / "exchange";
};

TEST_F(Workloads, BenchWeightsKeepTheLogitsInARangeThatCanBeCompared) {
  InferenceWorkload workload(OnThreads(), plan_, ops_, kImages);
  workload.Run();
  double largest = 0;
  for (const float logit : workload.logits()) largest = std::max(largest, std::abs(static_cast<double>(logit)));
  EXPECT_GT(largest, 1e-4);
  EXPECT_LT(largest, 1e2);
}

TEST_F(Workloads, TrainingStepsLearnTheBatch) {
  TrainingWorkload workload(OnThreads(), plan_, ops_, kImages);
  const double first = workload.Run();
  EXPECT_NEAR(first, std::log(7), 0.5);
  double last = first;
  for (int step = 0; step < 40; ++step) last = workload.Run();
  EXPECT_LT(last, first - 0.02);
}

TEST_F(Workloads, InferenceIsProfiledStepByStep) {
  InferenceWorkload workload(OnThreads(2), plan_, ops_, kImages);
  const Profile profile = ProfileInference(workload, {.seconds = 0});
  const Plan& folded = workload.session().plan();
  ASSERT_EQ(profile.steps.size(), folded.steps.size());
  double sum = 0;
  for (size_t i = 0; i < profile.steps.size(); ++i) {
    EXPECT_EQ(profile.steps[i].name, folded.steps[i].name);
    EXPECT_GT(profile.steps[i].ms, 0) << profile.steps[i].name;
    EXPECT_GT(profile.steps[i].floor_ms, 0) << profile.steps[i].name;
    sum += profile.steps[i].ms;
  }
  EXPECT_LT(sum, 1.5 * profile.total_ms) << "steps that ran side by side count as shares of the wall's time";
}

TEST_F(Workloads, TrainingIsProfiledForwardAndThenBackwardInReverse) {
  TrainingWorkload workload(OnThreads(), plan_, ops_, kImages);
  const Profile profile = ProfileTraining(workload, plan_, {.seconds = 0});
  const size_t steps = plan_.steps.size();
  ASSERT_EQ(profile.steps.size(), 2 * steps);
  for (size_t i = 0; i < steps; ++i) {
    EXPECT_EQ(profile.steps[i].name, plan_.steps[i].name);
    EXPECT_EQ(profile.steps[i].pass, Pass::kForward);
    EXPECT_EQ(profile.steps[2 * steps - 1 - i].name, plan_.steps[i].name);
    EXPECT_EQ(profile.steps[2 * steps - 1 - i].pass, Pass::kBackward);
    EXPECT_GT(profile.steps[2 * steps - 1 - i].ms, 0) << plan_.steps[i].name;
  }
}

TEST(StepClock, ScalesWhatRanSideBySideDownToTheWallAndStartsAnew) {
  StepClock clock(2);
  clock.Begin(1, Pass::kBackward);
  clock.End(1, Pass::kBackward);
  const std::vector<double> ms = clock.Take(1e-9);
  EXPECT_EQ(ms[0], 0);
  EXPECT_LE(ms[3], 1e-9);
  EXPECT_EQ(clock.Take(1)[3], 0);
}

TEST_F(Workloads, AnotherProgramGetsWeightsAndPicturesThatGiveTheSameLogits) {
  InferenceWorkload workload(OnThreads(), plan_, ops_, kImages);
  ASSERT_TRUE(WriteInferenceExchange(folder_, plan_, ops_, workload).ok());
  const auto checkpoint = Checkpoint::Open(folder_ / "weights.safetensors");
  EXPECT_EQ(checkpoint->info().model, plan_.model);
  ParameterValues<float> values(plan_.registry);
  ASSERT_TRUE(checkpoint->Load(plan_.registry, WeightSet::kOnline, &values).ok());

  const auto batch = SafetensorsFile::Open(folder_ / "batch.safetensors");
  const TensorView pictures = *batch->Find("pictures");
  EXPECT_EQ(pictures.shape, (std::vector<int64_t>{kImages, 3, 40, 40}));
  const std::vector<float> pixels = *Values<float>(pictures);
  const std::vector<float> expected = *Values<float>(*batch->Find("logits"));
  Session session(OnThreads(), plan_, ops_);
  session.SetWeights(values);
  for (int64_t n = 0; n < kImages; ++n) {  // one picture alone lies in the file as a batch of one does in rows
    std::vector<float> logits(7);
    session.Run(1, {pixels.data() + n * 3 * 1600, 1600}, logits.data());
    EXPECT_EQ(logits, std::vector<float>(expected.begin() + n * 7, expected.begin() + (n + 1) * 7));
  }
}

TEST_F(Workloads, AnotherProgramGetsTheLossesOfTheFirstStepsAndTheWeightsFromBefore) {
  TrainingWorkload workload(OnThreads(), plan_, ops_, kImages), again(OnThreads(), plan_, ops_, kImages);
  ASSERT_TRUE(WriteTrainingExchange(folder_, plan_, workload).ok());
  ParameterValues<float> values(plan_.registry);
  ASSERT_TRUE(
      Checkpoint::Open(folder_ / "weights.safetensors")->Load(plan_.registry, WeightSet::kOnline, &values).ok());
  EXPECT_TRUE(std::ranges::equal(values.trainable, HostCopy(again.network().values().trainable)));
  const auto batch = SafetensorsFile::Open(folder_ / "batch.safetensors");
  const std::vector<double> losses = *Values<double>(*batch->Find("losses"));
  for (const double loss : losses) EXPECT_EQ(loss, again.Run());
  EXPECT_EQ(batch->metadata().at("lr"), "0.0001");
}

TEST_F(Workloads, AFolderThatCannotBeMadeIsNamed) {
  TrainingWorkload workload(OnThreads(), plan_, ops_, 1);
  const Status status = WriteTrainingExchange("/dev/null/exchange", plan_, workload);
  EXPECT_EQ(status.code(), ErrorCode::kIo);
  EXPECT_NE(status.message().find("/dev/null/exchange"), std::string::npos) << status.message();
}

}  // namespace
}  // namespace riffle
