// Sums by NCCL: the way is chosen and told, and sums are right, where they belong.
#include "train/parallel/card_sums.h"

#include <gmock/gmock.h>

#include "backend/testing/execution.h"
#include "backend/testing/host_copy.h"
#include "dist/testing/thread_group.h"
#include "ops/testing/guarded_ops.h"
#include "train/parallel/card_gradient_reducer.h"
#include "train/parallel/testing/card_with_nccl.h"

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
      return CardSums::Open(world, device, use, &note, file);
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
  EXPECT_EQ(*CardSums::Open(ThisProcess(), card, NcclUse::kAuto, &note), nullptr) << "nobody to sum with";
  EXPECT_NE(*CardSums::Open(ThisProcess(), card, NcclUse::kOn, &note), nullptr);
}

TEST_F(Nccl, SumsGradientsAndAveragesStatistics) {
  ParameterRegistry registry;
  for (const int64_t size : {27, 9, 200, 5, 400, 900})
    registry.Add(fmt::format("weight {}", size), ParameterKind::kGroupConvWeight, {size});
  RunRanks(3, [&](Communicator& world) {
    CardWithNccl card;
    std::string note;
    const std::unique_ptr<CardSums> sums = std::move(*CardSums::Open(world, card, NcclUse::kOn, &note));
    CardGradientReducer reducer(*sums, {OnThreads().pool, card}, GuardedOps(), registry);
    for (const float scale : {1.0f, 10.0f}) {  // more than once
      const auto constant = [&](int64_t size) {
        return std::vector<float>(static_cast<size_t>(size), scale * static_cast<float>(1 << world.rank()));
      };
      DeviceArray<float> gradients(card, constant(registry.trainable_arena_values())), statistics(card, constant(50));
      reducer.SetShare(world.rank() == 0 ? 0.5 : 0.25);
      reducer.Average(&statistics);
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

// NCCL is told of a recording by a queue that has followed one; to join another is an error within it.
TEST_F(Nccl, JoinsNoQueueThatNothingWasBegunOn) {
  class Card : public CardWithNccl {
   public:
    class Joined : public CardWithNccl::Queue {
     public:
      explicit Joined(Card& card) : Queue(card), joins_(card.joins) {}
      void Join() override {
        ++joins_;
        Queue::Join();
      }

     private:
      int& joins_;
    };
    std::unique_ptr<SideQueue> OpenSideQueue() override { return std::make_unique<Joined>(*this); }
    int joins = 0;
  } card;
  std::string note;
  const std::unique_ptr<CardSums> sums = std::move(*CardSums::Open(ThisProcess(), card, NcclUse::kOn, &note));
  sums->Join();
  EXPECT_EQ(card.joins, 0);
  DeviceArray<float> values(card, 1);
  sums->Begin(std::span(values.data(), 1));
  for (int i = 0; i < 2; ++i) sums->Join();
  EXPECT_EQ(card.joins, 1);
}

}  // namespace
}  // namespace riffle
