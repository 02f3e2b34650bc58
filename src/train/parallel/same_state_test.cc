#include "train/parallel/same_state.h"

#include <gmock/gmock.h>

#include "checkpoint/testing/tiny.h"
#include "dist/testing/thread_group.h"
#include "model/plan.h"

namespace riffle {
namespace {

using ::testing::HasSubstr;

TEST(BroadcastText, GivesAllTheTextOfTheFirst) {
  RunRanks(3, [](Communicator& world) {
    const std::string own = world.first() ? std::string("a\0b", 3) : std::string(world.rank() * 100, 'x');
    EXPECT_EQ(*BroadcastText(world, own), std::string("a\0b", 3));
    EXPECT_EQ(*BroadcastText(world, world.first() ? "" : "x"), "");
  });
}

TEST(CheckSame, NamesTheRankThatSaysSomethingElse) {
  RunRanks(3, [](Communicator& world) {
    EXPECT_TRUE(CheckSame(world, "20 pictures", "training pictures").ok());
    const Status status = CheckSame(world, world.rank() == 2 ? "20" : "21", "training pictures");
    EXPECT_EQ(status.code(), ErrorCode::kInvalidArgument);
    EXPECT_THAT(status.message(), HasSubstr("rank 2 on this host has other training pictures than rank 0"));
  });
}

// Each part of the state counts.
TEST(CheckSameState, NamesTheRankThatHasOtherBits) {
  const Plan plan = *MakePlan(TinyModel());
  const std::vector<std::string_view> slots = {"velocity"};
  using Change = void (*)(Snapshot&);
  const Change changes[] = {
      [](Snapshot& s) { s.values.trainable[5] += 1e-6f; }, [](Snapshot& s) { s.values.statistics[0] = -0.0f; },
      [](Snapshot& s) { s.average->trainable[1] = 1; }, [](Snapshot& s) { s.average->statistics[2] = 1; },
      [](Snapshot& s) { s.slots[0].values[3] = 1; }};
  for (const Change change : changes)
    RunRanks(3, [&](Communicator& world) {
      Snapshot snapshot(plan.registry, slots, true);
      EXPECT_TRUE(CheckSameState(world, snapshot, "after epoch 3").ok());
      if (world.rank() == 1) change(snapshot);
      const Status status = CheckSameState(world, snapshot, "after epoch 3");
      EXPECT_EQ(status.code(), ErrorCode::kDataLoss);
      EXPECT_THAT(status.message(), HasSubstr("rank 1 on this host no longer has the parameters of rank 0 on this host "
                                              "after epoch 3"));
    });
}

}  // namespace
}  // namespace riffle
