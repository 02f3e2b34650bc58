// Gradients by NCCL: the way is chosen and told; sums are right, where they belong, and a broken link ends the run by
// name.
#include "train/parallel/card_gradient_reducer.h"

#include <gmock/gmock.h>

#include "backend/testing/host_copy.h"
#include "dist/testing/thread_group.h"
#include "ops/testing/guarded_ops.h"
#include "train/parallel/testing/card_with_nccl.h"
#include "train/testing.h"

namespace riffle {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::HasSubstr;

class Nccl : public testing::Test {
 protected:
  Nccl() { fake_.Reset(); }
  nccl::FakeNccl& fake_ = nccl::FakeNcclIn(RIFFLE_FAKE_NCCL);  // "libnccl.so.2" from now on: it has that name
};

TEST_F(Nccl, IsTakenWhereAllCanAndElseAutoSaysWhyNot) {
  RunRanks(2, [](Communicator& world) {
    CardWithNccl card;
    std::string note;
    const auto open = [&](Device& device, NcclUse use, const std::string& file = "libnccl.so.2") {
      return OpenNccl(world, device, use, &note, file);
    };
    EXPECT_NE(*open(card, NcclUse::kAuto), nullptr);
    EXPECT_EQ(*open(card, NcclUse::kOff), nullptr);
    EXPECT_EQ(note, "");
    const std::string file = world.first() ? RIFFLE_FAKE_NCCL : "libnowhere.so";
    EXPECT_EQ(*open(card, NcclUse::kAuto, file), nullptr);
    EXPECT_THAT(note, AllOf(HasSubstr("summed by MPI"), HasSubstr("rank 1 on this host: NCCL cannot be loaded")));
    EXPECT_THAT(open(card, NcclUse::kOn, file).status().message(),
                AllOf(HasSubstr("option nccl=on"), HasSubstr("rank 1 on this host")));

    note = "";
    EXPECT_EQ(*open(CpuDevice(), NcclUse::kAuto), nullptr);
    EXPECT_EQ(note, "") << "there is nothing to tell of the CPU";
    EXPECT_THAT(open(CpuDevice(), NcclUse::kOn).status().message(), HasSubstr("the CPU computes"));
  });
  CardWithNccl card;
  std::string note;
  EXPECT_EQ(*OpenNccl(ThisProcess(), card, NcclUse::kAuto, &note), nullptr) << "nobody to sum with";
  EXPECT_NE(*OpenNccl(ThisProcess(), card, NcclUse::kOn, &note), nullptr);
}

TEST_F(Nccl, SumsGradientsAndAveragesStatistics) {
  ParameterRegistry registry;
  for (const int64_t size : {27, 9, 200, 5, 400, 900})
    registry.Add(fmt::format("weight {}", size), ParameterKind::kGroupConvWeight, {size});
  RunRanks(3, [&](Communicator& world) {
    CardWithNccl card;
    std::string note;
    CardGradientReducer reducer(std::move(*OpenNccl(world, card, NcclUse::kOn, &note)), {OnThreads().pool, card},
                                GuardedOps(), registry);
    for (const float scale : {1.0f, 10.0f}) {  // more than once
      const auto constant = [&](int64_t size) {
        return std::vector<float>(static_cast<size_t>(size), scale * static_cast<float>(1 << world.rank()));
      };
      DeviceArray<float> gradients(card, constant(registry.trainable_arena_values())), statistics(card, constant(50));
      reducer.Average(&statistics, world.rank() == 0 ? 0.5 : 0.25);
      EXPECT_THAT(HostCopy(statistics), Each(scale * static_cast<float>(1 << world.rank()))) << "as it was until Wait";
      reducer.Begin(&gradients);
      for (size_t p = registry.trainable().size(); p-- > 0;) reducer.OnFinal(registry.trainable()[p].offset);
      ASSERT_TRUE(reducer.Wait().ok());
      EXPECT_THAT(HostCopy(gradients), Each(7 * scale));
      EXPECT_THAT(HostCopy(statistics), Each(2 * scale));
    }
    EXPECT_TRUE(reducer.Health().ok());
  });
}

/// A rank's run on a card.
struct RunOnCard {
  RunOnCard(Communicator& world, const TrainerOptions& options, NcclUse use)
      : run(options, TinyInfo(), {.batch_size = 5, .world = world}) {
    TrainerOptions on_card = options;
    on_card.nccl = use;
    run.trainer = std::move(*Trainer::Create({OnThreads(1).pool, card}, on_card, TinyInfo(), GuardedOps(), world));
  }
  CardWithNccl card;
  TinyRun run;
};

std::map<std::string, std::vector<float>> Trained(const std::filesystem::path& folder, int processes, NcclUse use) {
  std::filesystem::create_directories(folder);
  RunRanks(processes, [&](Communicator& world) {
    RunOnCard on(world, AveragingOptions(folder, 2), use);
    EXPECT_EQ(on.run.trainer->how_gradients_are_summed(),
              use == NcclUse::kOn ? "Gradients are summed on the GPUs by NCCL 2.21.5" : "");
    EXPECT_EQ(on.run.Train().message(), "");
  });
  return TensorsOf(ListCheckpoints(folder, TinyModel()).back().path);
}

TEST_F(Nccl, TrainsToTheBitsOfSumsInTheSameOrderByAnotherWay) {
  const std::filesystem::path folder = TestFolder();
  EXPECT_EQ(Trained(folder / "nccl", 2, NcclUse::kOn), Trained(folder / "host", 2, NcclUse::kOff));
  EXPECT_THAT(fake_.CallsOf(1), testing::Contains("ncclAllReduce"));
}

TEST_F(Nccl, AWorldOfOneTakesTheSameWayToTheSameBits) {
  const std::filesystem::path folder = TestFolder();
  EXPECT_EQ(Trained(folder / "nccl", 1, NcclUse::kOn), Trained(folder / "host", 1, NcclUse::kOff));
  EXPECT_THAT(fake_.CallsOf(0), testing::Contains("ncclAllReduce"));
}

/// Breaks the links behind the first step.
struct BreaksLinks : TrainObserver {
  explicit BreaksLinks(nccl::FakeNccl& of) : fake(of) {}
  Status OnStep(const StepEvent&) override {
    fake.BreakLinks();
    return {};
  }
  nccl::FakeNccl& fake;
};

TEST_F(Nccl, ABrokenLinkEndsTheRunAtAllRanks) {
  const std::filesystem::path folder = TestFolder();
  RunRanks(2, [&](Communicator& world) {
    RunOnCard on(world, TinyOptions(folder, 2), NcclUse::kOn);
    BreaksLinks observer(fake_);
    const Status status = on.run.Train(observer);
    EXPECT_EQ(status.code(), ErrorCode::kUnavailable);
    EXPECT_THAT(status.message(), HasSubstr("NCCL: remote process exited or there was a network error"));
  });
}

}  // namespace
}  // namespace riffle
