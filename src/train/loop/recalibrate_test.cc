// Recalibration: statistics on a fixed set are the averages that one gets by hand.
#include "train/loop/recalibrate.h"

#include <gmock/gmock.h>

#include "backend/testing/execution.h"
#include "backend/testing/failing_device.h"
#include "backend/testing/host_copy.h"
#include "dist/testing/thread_group.h"
#include "model/initialise.h"
#include "ops/testing/guarded_ops.h"
#include "train/testing.h"

namespace riffle {
namespace {

// 20 pictures in three batches of 6, unchanged and in order.
class Recalibrating : public testing::Test {
 protected:
  Recalibrating() {
    Initialise(plan_, {.seed = 3}, &initial_);
    std::ranges::fill(initial_.statistics, 77.0f);
    network_.values().Upload(initial_);
  }
  std::vector<float> Statistics() { return HostCopy(network_.values().statistics); }
  std::vector<float> Of(std::string_view name) {
    const std::vector<float> all = Statistics();
    for (const Parameter& p : plan_.registry.statistics())
      if (p.name == name) return {all.begin() + p.offset, all.begin() + p.offset + p.size};
    return {};
  }
  // Mean and unbiased variance of one channel of the first convolution over one batch, by its definition.
  std::pair<double, double> MomentsOf(const Batch& batch, size_t channel) {
    const float* weight = initial_.trainable.data() + plan_.registry.trainable()[0].offset + channel * 27;
    std::vector<double> outputs;
    for (int n = 0; n < batch.images; ++n)
      for (int y = 0; y < 8; ++y)
        for (int x = 0; x < 8; ++x) {
          double sum = 0;
          for (int c = 0; c < 3; ++c)
            for (int v = std::max(0, y - 1); v < std::min(8, y + 2); ++v)
              for (int u = std::max(0, x - 1); u < std::min(8, x + 2); ++u)
                sum += double{weight[c * 9 + (v - y + 1) * 3 + u - x + 1]} *
                       batch.pixels.data[c * batch.pixels.stride + n * 64 + v * 8 + u];
          outputs.push_back(sum);
        }
    double mean = 0, squares = 0;
    for (double o : outputs) mean += o / static_cast<double>(outputs.size());
    for (double o : outputs) squares += (o - mean) * (o - mean);
    return {mean, squares / static_cast<double>(outputs.size() - 1)};
  }

  const Plan plan_ = *MakePlan(TinyModel());
  const std::unique_ptr<Dataset> data_ = TinyData(20);
  const Transform transform_ = *Transform::ForEvaluation(TinyInfo().preprocessing);
  const std::unique_ptr<Loader> loader_ =
      std::move(*Loader::Create(*data_, transform_, {.batch_size = 6, .shuffle = false}));
  ParameterValues<float> initial_{plan_.registry};
  Network<float> network_{OnThreads(), plan_, TestOps()};
};

TEST_F(Recalibrating, StatisticsAreTheAveragesOfThoseOfTheBatches) {
  ASSERT_EQ(*RecalibrateStatistics(2, 0, *loader_, &network_, TestOps()), 2);
  const std::vector<float> means = Of("stem.bn.running_mean"), variances = Of("stem.bn.running_variance");
  ASSERT_FALSE(means.empty());
  loader_->Seek({});
  std::vector<double> expected_means(means.size()), expected_variances(means.size());
  for (int b = 0; b < 2; ++b) {
    const Batch& batch = **loader_->Next();
    for (size_t c = 0; c < means.size(); ++c) {
      const auto [mean, variance] = MomentsOf(batch, c);
      expected_means[c] += mean / 2;
      expected_variances[c] += variance / 2;
    }
  }
  for (size_t c = 0; c < means.size(); ++c) {
    EXPECT_NEAR(means[c], expected_means[c], 1e-6);
    EXPECT_NEAR(variances[c], expected_variances[c], 1e-5 * expected_variances[c]);
  }
}

TEST_F(Recalibrating, WhatStoodThereBeforeCountsForNothingAndTrainingGoesOnAsBefore) {
  ASSERT_TRUE(RecalibrateStatistics(3, 0, *loader_, &network_, TestOps()).ok());
  const std::vector<float> once = Statistics();
  EXPECT_EQ(network_.bn_momentum(), 0.5) << "of the model";
  ASSERT_TRUE(RecalibrateStatistics(3, 0, *loader_, &network_, TestOps()).ok());
  EXPECT_EQ(Statistics(), once);
}

TEST_F(Recalibrating, MoreBatchesThanAnEpochAreAnEpoch) {
  EXPECT_EQ(*RecalibrateStatistics(100, 0, *loader_, &network_, TestOps()), 3);
}

TEST_F(Recalibrating, ADeviceThatFailsIsAnError) {
  FailingDevice device;
  device.health = Unavailable("the device failed");
  Network<float> network({OnThreads().pool, device}, plan_, GuardedOps());
  network.values().Upload(initial_);
  EXPECT_EQ(RecalibrateStatistics(1, 0, *loader_, &network, TestOps()).status().message(), "the device failed");
}

// Local statistics of each share, by its pictures: of the last batch three and four.
TEST_F(Recalibrating, OverProcessesItIsTheAverageOfThoseOfTheShares) {
  const std::unique_ptr<Dataset> data = TinyData(19);
  const auto loader_of = [&](int ranks, int rank) {
    return std::move(*Loader::Create(
        *data, transform_,
        {.batch_size = 6, .ranks = ranks, .rank = rank, .shuffle = false, .drop_remainder = false, .workers = 0}));
  };
  std::vector<double> expected;
  for (int rank = 0; rank < 2; ++rank) {
    const std::unique_ptr<Loader> loader = loader_of(2, rank);
    for (int b = 0; b < 2; ++b) {
      const Batch& batch = **loader->Next();
      for (size_t c = 0; c < Of("stem.bn.running_mean").size(); ++c) {
        if (expected.size() <= c) expected.push_back(0);
        expected[c] += MomentsOf(batch, c).first * batch.share() / 2;
      }
    }
  }
  RunRanks(2, [&](Communicator& world) {
    ThreadPool pool(1);
    Network<float> network({pool}, plan_, TestOps());
    network.values().Upload(initial_);
    const std::unique_ptr<Loader> loader = loader_of(2, world.rank());
    ASSERT_EQ(*RecalibrateStatistics(100, 0, *loader, &network, TestOps(), {}, world), 2);
    const std::vector<float> found = HostCopy(network.values().statistics);
    const auto mean = std::ranges::find(plan_.registry.statistics(), "stem.bn.running_mean", &Parameter::name);
    for (size_t c = 0; c < expected.size(); ++c) EXPECT_NEAR(found[mean->offset + c], expected[c], 1e-6);
  });
}

}  // namespace
}  // namespace riffle
