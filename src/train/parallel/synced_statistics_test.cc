// Synchronised batch norm: a network on shares of a batch is the network on all of it.
#include "train/parallel/synced_statistics.h"

#include <gmock/gmock.h>

#include "backend/testing/execution.h"
#include "backend/testing/host_copy.h"
#include "checkpoint/testing/tiny.h"
#include "dist/testing/thread_group.h"
#include "model/network.h"
#include "model/testing/random_network.h"
#include "train/testing.h"

namespace riffle {
namespace {

TEST(SyncedStatistics, CombinesByPixelsAndLeavesOutWhoHasNone) {
  RunRanks(3, [](Communicator& world) {
    SyncedStatistics statistics(world);
    // Of 0, 2 at rank 0 and 4, 4, 4, 8 at rank 2.
    const Moments<float> own[] = {{1, 1}, {NAN, NAN}, {5, 3}};
    const int64_t pixels[] = {2, 0, 4};
    std::vector<Moments<float>> moments = {own[world.rank()]};
    EXPECT_EQ(statistics.Combine(pixels[world.rank()], moments), 6);
    EXPECT_FLOAT_EQ(moments[0].mean, 22.0f / 6);
    EXPECT_FLOAT_EQ(moments[0].variance, (0 + 4 + 3 * 16 + 64) / 6.0f - 22.0f / 6 * 22 / 6);
    std::vector<GradientSums<float>> sums = {{1, 10}, {static_cast<float>(world.rank()), 0}};
    statistics.Add(sums);
    EXPECT_EQ(sums[0].dz, 3);
    EXPECT_EQ(sums[0].dz_centred, 30);
    EXPECT_EQ(sums[1].dz, 3);
    EXPECT_TRUE(statistics.status().ok());
  });
}

TEST(SyncedStatistics, KeepsTheErrorOfARankThatHasGone) {
  RunRanks(2, [](Communicator& world) {
    if (world.rank() == 1) return;
    SyncedStatistics statistics(world);
    std::vector<Moments<float>> moments = {{1, 2}};
    EXPECT_EQ(statistics.Combine(7, moments), 7);
    EXPECT_EQ(moments[0].mean, 1);
    std::vector<GradientSums<float>> sums = {{1, 2}};
    statistics.Add(sums);
    EXPECT_EQ(statistics.status().code(), ErrorCode::kUnavailable);
  });
}

// Pictures [begin, end) of a batch.
TestBatch<float> Part(const ModelDescription& model, const TestBatch<float>& batch, int64_t begin, int64_t end) {
  TestBatch<float> part(model, end - begin, 1);
  const int64_t area = int64_t{model.image_size} * model.image_size;
  for (int c = 0; c < model.in_channels; ++c)
    std::copy(batch.pixels.data() + c * batch.stride + begin * area,
              batch.pixels.data() + c * batch.stride + end * area, part.pixels.data() + c * part.stride);
  part.labels.assign(batch.labels.begin() + begin, batch.labels.begin() + end);
  return part;
}

// Logits, statistics and gradients agree to 2e-5 of the largest, gradients to 1e-4: sums of floats in another order.
TEST(SyncedStatistics, ANetworkOnSharesIsTheNetworkOnTheBatch) {
  constexpr int64_t kImages = 8;
  ModelDescription model = TinyModel();
  const Plan plan = *MakePlan(model);
  const int classes = model.num_classes;
  const TestBatch<float> batch(model, kImages, 2);
  Network<float> whole(OnThreads(), plan, TestOps());
  FillRandom(plan.registry, 1, &whole.values());
  const std::vector<float> logits = TrainingPass(whole, TestOps(), batch, classes).logits;
  const std::vector<float> gradients = HostCopy(whole.gradients()), statistics = HostCopy(whole.values().statistics);

  for (const std::vector<int64_t>& ends : {std::vector<int64_t>{4, 8}, {2, 3, 8}, {0, 5, 5, 8}})
    RunRanks(static_cast<int>(ends.size()), [&](Communicator& world) {
      ThreadPool pool(1);
      Network<float> network({pool}, plan, TestOps());
      FillRandom(plan.registry, 1, &network.values());
      SyncedStatistics synced(world);
      network.SetStatisticsExchange(&synced);
      const int64_t begin = world.first() ? 0 : ends[world.rank() - 1], end = ends[world.rank()], own = end - begin;
      const TestBatch<float> part = Part(model, batch, begin, end);
      if (own > 0) {
        const float* found = network.Forward(own, part.pictures(), Statistics::kBatch);
        EXPECT_LT(RelativeDistance(found, logits.data() + begin * classes, own * classes), 2e-5);
        std::vector<float> losses(own);
        TestOps().cross_entropy(network.execution(), {own, classes},
                                {.loss = losses.data(),
                                 .dlogits = network.dlogits(),
                                 .logits = found,
                                 .targets = SmoothedTargets<float>(part.labels, classes, kTestSmoothing).data(),
                                 .weight = 1.0f / kImages});  // of the mean over all
      } else {
        network.Forward(0, {}, Statistics::kBatch);
      }
      network.Backward();
      std::vector<float> sum = HostCopy(network.gradients());
      ASSERT_TRUE(world.Sum(sum).ok());
      EXPECT_LT(RelativeDistance(sum.data(), gradients.data(), std::ssize(sum)), 1e-4) << ends.size() << " ranks";
      const std::vector<float> here = HostCopy(network.values().statistics);
      EXPECT_LT(RelativeDistance(here.data(), statistics.data(), std::ssize(here)), 2e-5);
      EXPECT_TRUE(synced.status().ok());
    });
}

}  // namespace
}  // namespace riffle
