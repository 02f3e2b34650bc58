// Synchronised batch norm, by the host and by the cards' NCCL: a network on shares of a batch is the network on all of
// it.
#include "train/parallel/synced_statistics.h"

#include <gmock/gmock.h>

#include "backend/testing/execution.h"
#include "backend/testing/host_copy.h"
#include "checkpoint/testing/tiny.h"
#include "dist/testing/thread_group.h"
#include "model/network.h"
#include "model/testing/random_network.h"
#include "ops/testing/guarded_ops.h"
#include "train/parallel/card_sums.h"
#include "train/parallel/testing/card_with_nccl.h"
#include "train/testing.h"

namespace riffle {
namespace {

using ::testing::ElementsAre;

TEST(SyncedStatistics, AreSumsOfMemoryThatTheHostDoesNotSee) {
  RunRanks(3, [](Communicator& world) {
    GuardedDevice device;
    SyncedStatistics statistics(world, device);
    DeviceArray<double> doubles(device, std::vector<double>{1, 1e-12});
    DeviceArray<float> floats(device, std::vector<float>{static_cast<float>(world.rank())});
    statistics.Sum(std::span(doubles.data(), 2));
    statistics.Sum(std::span(floats.data(), 1));
    EXPECT_THAT(HostCopy(doubles), ElementsAre(3, 3e-12));
    EXPECT_THAT(HostCopy(floats), ElementsAre(3));
    EXPECT_TRUE(statistics.status().ok());
  });
}

TEST(SyncedStatistics, KeepTheErrorOfARankThatHasGone) {
  RunRanks(2, [](Communicator& world) {
    if (world.rank() == 1) return;
    SyncedStatistics statistics(world, CpuDevice());
    std::vector<float> values = {1, 2};
    for (int i = 0; i < 2; ++i) statistics.Sum(std::span(values));
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
class ANetworkOnShares : public testing::Test {
 protected:
  ANetworkOnShares() {
    Network<float> whole(OnThreads(), plan_, TestOps());
    FillRandom(plan_.registry, 1, &whole.values());
    logits_ = TrainingPass(whole, TestOps(), batch_, plan_.model.num_classes).logits;
    gradients_ = HostCopy(whole.gradients());
    statistics_ = HostCopy(whole.values().statistics);
  }

  /// Of this rank, pictures [begin, end).
  void ExpectTheNetworkOnTheBatch(Communicator& world, int64_t begin, int64_t end, Device& device,
                                  const OpTable<float>& ops, StatisticsExchange& exchange) {
    ThreadPool pool(1);
    Network<float> network({pool, device}, plan_, ops);
    FillRandom(plan_.registry, 1, &network.values());
    network.SetStatisticsExchange(&exchange);
    const int64_t own = end - begin, classes = plan_.model.num_classes;
    const TestBatch<float> part = Part(plan_.model, batch_, begin, end);
    DeviceInput<float> pictures, targets;
    const Rows<const float> rows = {own > 0 ? pictures.At(device, part.pixels) : nullptr, part.stride};
    const float* found = network.Forward({own, kImages}, rows, Statistics::kBatch);
    if (own > 0) {
      const std::vector<float> own_logits = HostCopy(network.execution(), found, own * classes);
      EXPECT_LT(RelativeDistance(own_logits.data(), logits_.data() + begin * classes, own * classes), 2e-5);
      DeviceArray<float> losses(device, own);
      const auto distributions = SmoothedTargets<float>(part.labels, static_cast<int>(classes), kTestSmoothing);
      ops.cross_entropy(network.execution(), {own, static_cast<int>(classes)},
                        {.loss = losses.data(),
                         .dlogits = network.dlogits(),
                         .logits = found,
                         .targets = targets.At(device, distributions),
                         .weight = 1.0f / kImages});  // of the mean over all
      device.Synchronize();
    }
    network.Backward();
    std::vector<float> sum = HostCopy(network.gradients());
    ASSERT_TRUE(world.Sum(sum).ok());
    EXPECT_LT(RelativeDistance(sum.data(), gradients_.data(), std::ssize(sum)), 1e-4) << world.size() << " ranks";
    const std::vector<float> here = HostCopy(network.values().statistics);
    EXPECT_LT(RelativeDistance(here.data(), statistics_.data(), std::ssize(here)), 2e-5);
    EXPECT_TRUE(exchange.status().ok());
  }

  /// Calls rank(world, begin, end) in worlds whose ranks have shares of different sizes, also none.
  static void InWorlds(const std::function<void(Communicator&, int64_t begin, int64_t end)>& rank) {
    for (const std::vector<int64_t>& ends : {std::vector<int64_t>{4, 8}, {2, 3, 8}, {0, 5, 5, 8}, {8}})
      RunRanks(static_cast<int>(ends.size()), [&](Communicator& world) {
        rank(world, world.first() ? 0 : ends[world.rank() - 1], ends[world.rank()]);
      });
  }

  static constexpr int64_t kImages = 8;
  const Plan plan_ = *MakePlan(TinyModel());
  const TestBatch<float> batch_{plan_.model, kImages, 2};
  std::vector<float> logits_, gradients_, statistics_;
};

TEST_F(ANetworkOnShares, IsTheNetworkOnTheBatchByTheHost) {
  InWorlds([&](Communicator& world, int64_t begin, int64_t end) {
    SyncedStatistics synced(world, CpuDevice());
    ExpectTheNetworkOnTheBatch(world, begin, end, CpuDevice(), TestOps(), synced);
  });
}

TEST_F(ANetworkOnShares, IsTheNetworkOnTheBatchByNccl) {
  nccl::FakeNcclIn(RIFFLE_FAKE_NCCL).Reset();
  InWorlds([&](Communicator& world, int64_t begin, int64_t end) {
    CardWithNccl card;
    std::string note;
    const std::unique_ptr<CardSums> sums = std::move(*CardSums::Open(world, card, NcclUse::kOn, &note));
    ExpectTheNetworkOnTheBatch(world, begin, end, card, GuardedOps(), *sums);
  });
}

}  // namespace
}  // namespace riffle
