// The weights that are validated and used: their moving average, and batch-norm statistics computed for them.
#include <gmock/gmock.h>

#include <cmath>

#include "backend/testing/execution.h"
#include "backend/testing/host_copy.h"
#include "train/loop/recalibrate.h"
#include "train/testing.h"

namespace riffle {
namespace {

using ::testing::HasSubstr;

TEST(TrainerAverages, AnAverageIsResumedWithTheBitsOfARunThatWasNotStopped) {
  const std::filesystem::path folder = TestFolder(), whole = folder / "whole", parts = folder / "parts";
  for (const auto& part : {whole, parts}) std::filesystem::create_directories(part);
  ASSERT_EQ(TinyRun(AveragingOptions(whole, 3)).Train().message(), "");
  ASSERT_EQ(TinyRun(AveragingOptions(parts, 1)).Train().message(), "");
  TinyRun next(AveragingOptions(parts, 3));
  ASSERT_EQ(next.trainer->Resume(*Checkpoint::Open(parts / Numbered(1))).message(), "");
  ASSERT_EQ(next.Train().message(), "");
  EXPECT_EQ(ReadBytes(parts / Numbered(3)), ReadBytes(whole / Numbered(3)));
  EXPECT_EQ(ReadBytes(parts / Best()), ReadBytes(whole / Best()));
  EXPECT_EQ(Checkpoint::Open(whole / Numbered(3))->info().ema_updates, 6);
}

TEST(TrainerAverages, TheAverageIsThatOfTheWeightsAfterEachUpdateAndIsWhatIsValidated) {
  TrainerOptions options = AveragingOptions(TestFolder(), 3);
  options.gradient_accumulation_steps = 1;
  const std::filesystem::path folder = options.ckpt_save_dir;
  TinyRun run(options, TinyInfo(), {.batch_size = 20});  // one update an epoch
  Recorder recorder;
  ASSERT_EQ(run.Train(recorder).message(), "");
  const auto at = [&](int epoch) { return TensorsOf(folder / CheckpointName(TinyModel(), epoch, epoch)); };
  const auto before = at(2), after = at(3);
  const double d = 0.9 * (1 - std::exp(-3 / 2000.0));
  for (const char* name : {"head.weight", "stem.conv.weight", "stage4.3.bn3.running_variance"}) {
    const std::string ema = std::string("ema.") + name;
    for (size_t i = 0; i < after.at(name).size(); ++i)
      ASSERT_NEAR(after.at(ema)[i], d * before.at(ema)[i] + (1 - d) * after.at(name)[i], 1e-5) << name;
  }
  const Result<Checkpoint> checkpoint = Checkpoint::Open(folder / CheckpointName(TinyModel(), 3, 3));
  EXPECT_EQ(checkpoint->best_weights(), WeightSet::kEma);
  const Plan plan = *MakePlan(TinyModel());
  ParameterValues<float> values(plan.registry);
  ASSERT_EQ(checkpoint->Load(plan.registry, WeightSet::kEma, &values).message(), "");
  Session session(OnThreads(), plan, TestOps());
  session.SetWeights(values);
  LabelLoss loss(OnThreads(), options.objective.label, 2, TestOps());
  EXPECT_EQ(Evaluate(session, loss, *run.validation_loader)->loss_sum, recorder.epochs[2].validation->loss_sum);
}

TEST(TrainerAverages, ARunWithAnAverageAndOneWithoutAreNotResumedAsEachOther) {
  const std::filesystem::path folder = TestFolder();
  ASSERT_EQ(TinyRun(TinyOptions(folder, 1)).Train().message(), "");
  EXPECT_THAT(TinyRun(AveragingOptions(folder, 2)).trainer->Resume(*Checkpoint::Open(folder / Numbered(1))).message(),
              HasSubstr("cannot be resumed with --ema, for it holds no averaged weights; leave out --ema"));
  ASSERT_EQ(TinyRun(AveragingOptions(folder, 1)).Train().message(), "");
  EXPECT_THAT(TinyRun(TinyOptions(folder, 2)).trainer->Resume(*Checkpoint::Open(folder / Numbered(1))).message(),
              HasSubstr("cannot be resumed without --ema, for it holds also averaged weights; add --ema"));
}

TEST(TrainerAverages, StatisticsOfTheWeightsInUseAreComputedAnewAfterTheLastEpoch) {
  TrainerOptions options = AveragingOptions(TestFolder(), 2);
  const std::filesystem::path folder = options.ckpt_save_dir;
  ASSERT_EQ(TinyRun(options).Train().message(), "");
  const auto plain = TensorsOf(folder / Numbered(2)), plain_before = TensorsOf(folder / Numbered(1));
  options.bn_recalibration = 2;
  TinyRun run(options);
  ASSERT_EQ(run.Train().message(), "");
  const auto found = TensorsOf(folder / Numbered(2));
  EXPECT_EQ(TensorsOf(folder / Numbered(1)), plain_before) << "before the last epoch there is no difference";

  const Plan plan = *MakePlan(TinyModel());
  Network<float> network(OnThreads(), plan, TestOps());
  ParameterValues<float> average(plan.registry);
  ASSERT_EQ(Checkpoint::Open(folder / Numbered(2))->Load(plan.registry, WeightSet::kEma, &average).message(), "");
  network.values().Upload(average);
  ASSERT_TRUE(RecalibrateStatistics(2, 1, *run.train_loader, &network, TestOps()).ok());
  for (const Parameter& p : plan.registry.trainable()) {
    EXPECT_EQ(found.at(p.name), plain.at(p.name)) << p.name;
    EXPECT_EQ(found.at("ema." + p.name), plain.at("ema." + p.name)) << p.name;
  }
  const std::vector<float> statistics = HostCopy(network.values().statistics);
  for (const Parameter& p : plan.registry.statistics()) {
    EXPECT_EQ(found.at(p.name), plain.at(p.name)) << "nobody uses these";
    const float* values = statistics.data() + p.offset;
    EXPECT_EQ(found.at("ema." + p.name), std::vector<float>(values, values + p.size)) << p.name;
    // Of a unit's last batch norm the mean follows from the shift of the one before, which never gets a gradient.
    if (!p.name.ends_with(".bn3.running_mean")) {
      EXPECT_NE(found.at("ema." + p.name), plain.at("ema." + p.name)) << p.name;
    }
  }
}

TEST(TrainerAverages, ADryRunStepsWithTheAverageThatTheRunWouldKeep) {
  TinyRun run(AveragingOptions(TestFolder(), 1));
  const Result<Pace> pace = run.trainer->PaceOfTraining(*run.train_loader);
  ASSERT_TRUE(pace.ok()) << pace.status().message();
  ASSERT_TRUE(run.trainer->info().ema_updates.has_value());
  EXPECT_EQ(*run.trainer->info().ema_updates, run.trainer->info().updates);
}

}  // namespace
}  // namespace riffle
