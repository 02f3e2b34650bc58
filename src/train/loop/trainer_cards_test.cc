// Training on cards whose sums are NCCL's: to the bits of sums by the host, with steps that are recorded and with steps
// that are not; and a broken link ends the run at all.
#include <gmock/gmock.h>

#include <array>

#include "dist/testing/thread_group.h"
#include "ops/testing/guarded_ops.h"
#include "train/parallel/testing/card_with_nccl.h"
#include "train/testing.h"

namespace riffle {
namespace {

using ::testing::Contains;
using ::testing::Each;
using ::testing::HasSubstr;
using Tensors = std::map<std::string, std::vector<float>>;

/// A rank's run on a card of its own, which makes the pictures, too.
struct RunOnCard {
  RunOnCard(Communicator& world, const TrainerOptions& options, int batch_size, bool records)
      : card(records),
        run(WithoutNccl(options), TinyInfo(),
            {.batch_size = batch_size, .world = world, .drop_remainder = false, .device = card}) {
    run.trainer = std::move(*Trainer::Create({OnThreads(1).pool, card}, options, TinyInfo(), GuardedOps(), world));
  }
  static TrainerOptions WithoutNccl(TrainerOptions options) {
    options.nccl = NcclUse::kOff;
    return options;
  }
  CardWithNccl card;
  TinyRun run;
};

/// What a world leaves of four epochs of 20 pictures: three batches of 6 and one of 2.
struct Cards {
  int ranks;
  TrainerOptions options;
  bool records = true;
  int rank_without = -1;  ///< that does not record
  std::function<Status(int rank, RunOnCard&)> train = [](int, RunOnCard& on) { return on.run.Train(); };

  Tensors Trained() {
    static int number = 0;
    options.ckpt_save_dir = TestFolder() / std::to_string(number++);
    std::filesystem::create_directories(options.ckpt_save_dir);
    RunRanks(ranks, [&](Communicator& world) {
      const int rank = world.rank();
      RunOnCard on(world, options, 6 / ranks, records && rank != rank_without);
      on.run.validate = false;
      EXPECT_EQ(on.run.trainer->how_gradients_are_summed(),
                options.nccl == NcclUse::kOn ? "Gradients are summed on the GPUs by NCCL 2.21.5" : "");
      EXPECT_EQ(train(rank, on).message(), "");
      recordings[rank] = on.card.recordings();
      replays[rank] = on.card.replays();
    });
    return TensorsOf(ListCheckpoints(options.ckpt_save_dir, TinyModel()).back().path);
  }

  std::array<int, 3> recordings{}, replays{};  // by rank
};

class OnCards : public testing::Test {
 protected:
  OnCards() { fake_.Reset(); }

  static TrainerOptions Options(NcclUse nccl, bool sync_bn, int accumulated = 1) {
    TrainerOptions options = accumulated > 1 ? AveragingOptions({}, 4) : TinyOptions({}, 4);
    options.nccl = nccl;
    options.sync_bn = sync_bn;
    return options;
  }

  nccl::FakeNccl& fake_ = nccl::FakeNcclIn(RIFFLE_FAKE_NCCL);  // "libnccl.so.2" from now on: it has that name
};

TEST_F(OnCards, TrainsToTheBitsOfSumsInTheSameOrderByTheHost) {
  for (const int ranks : {1, 2})
    for (const bool sync_bn : {false, true})
      for (const int accumulated : {1, 2}) {
        Cards by_nccl{.ranks = ranks, .options = Options(NcclUse::kOn, sync_bn, accumulated)};
        Cards by_host{.ranks = ranks, .options = Options(NcclUse::kOff, sync_bn, accumulated)};
        EXPECT_EQ(by_nccl.Trained(), by_host.Trained()) << ranks << " ranks, sync_bn " << sync_bn;
        EXPECT_THAT(fake_.CallsOf(0), Contains("ncclAllReduce"));
        fake_.Reset();
      }
}

// Of three ranks one has no picture of an epoch's last batch, and records its step, too.
TEST_F(OnCards, StepsOfSeveralProcessesAreRecordedAndHaveTheBitsOfThoseThatAreNot) {
  for (const int ranks : {1, 2, 3})
    for (const bool sync_bn : {false, true}) {
      Cards recorded{.ranks = ranks, .options = Options(NcclUse::kOn, sync_bn)}, plain = recorded;
      plain.records = false;
      EXPECT_EQ(recorded.Trained(), plain.Trained()) << ranks << " ranks, sync_bn " << sync_bn;
      // Batches of 6 and of 2: all steps but the first of each.
      for (int rank = 0; rank < ranks; ++rank) {
        EXPECT_EQ(recorded.recordings[rank], 2);
        EXPECT_EQ(recorded.replays[rank], (12 - 1) + (4 - 1));
      }
    }
}

TEST_F(OnCards, StepsThatTheHostTakesPartInAreNotRecorded) {
  TrainerOptions skipping = Options(NcclUse::kOn, false);
  skipping.on_nan = OnNan::kSkip;
  for (const TrainerOptions& options : {skipping, Options(NcclUse::kOff, true)}) {
    Cards cards{.ranks = 2, .options = options};
    cards.Trained();
    EXPECT_THAT(cards.recordings, Each(0));
  }
}

/// After a step, memory of the device has moved.
struct Moves : TrainObserver {
  Moves(Device& of, std::vector<int> after) : device(of), steps(std::move(after)) {}
  Status OnStep(const StepEvent&) override {
    if (std::ranges::find(steps, ++step) != steps.end()) device.NoteMove();
    return {};
  }
  Device& device;
  const std::vector<int> steps;
  int step = 0;
};

// All ranks must do a step in one way (fake_nccl.h); each forgets its recordings after steps of its own.
TEST_F(OnCards, WhereOneRankMustRecordAnewAllDo) {
  Cards moved{.ranks = 2, .options = Options(NcclUse::kOn, false)}, plain = moved;
  moved.train = [](int rank, RunOnCard& on) {
    Moves observer(on.card, rank == 0 ? std::vector{2, 5} : std::vector{6, 13});
    return on.run.Train(observer);
  };
  EXPECT_EQ(moved.Trained(), plain.Trained());
  EXPECT_EQ(moved.recordings[0], moved.recordings[1]);
  EXPECT_GT(moved.recordings[0], 2);
  EXPECT_GT(moved.replays[0], 4);
}

TEST_F(OnCards, WhereOneRankCannotRecordNoneDoes) {
  Cards without{.ranks = 2, .options = Options(NcclUse::kOn, false), .rank_without = 1};
  Cards plain{.ranks = 2, .options = Options(NcclUse::kOn, false), .records = false};
  EXPECT_EQ(without.Trained(), plain.Trained());
  EXPECT_THAT(without.replays, Each(0));
}

/// Breaks the links behind a step.
struct BreaksLinks : TrainObserver {
  BreaksLinks(nccl::FakeNccl& of, int step) : fake(of), left(step) {}
  Status OnStep(const StepEvent&) override {
    if (--left == 0) fake.BreakLinks();
    return {};
  }
  nccl::FakeNccl& fake;
  int left;
};

// After the first step, before anything is recorded, and after some that were.
TEST_F(OnCards, ABrokenLinkEndsTheRunAtAllRanks) {
  TrainerOptions options = Options(NcclUse::kOn, true);
  options.ckpt_save_dir = TestFolder();
  for (const int after : {1, 9}) {
    RunRanks(2, [&](Communicator& world) {
      RunOnCard on(world, options, 3, true);
      BreaksLinks observer(fake_, after);
      const Status status = on.run.Train(observer);
      EXPECT_EQ(status.code(), ErrorCode::kUnavailable);
      EXPECT_THAT(status.message(), HasSubstr("NCCL: remote process exited or there was a network error"));
      EXPECT_GE(on.card.replays(), after - 3) << "steps, of which the first of each size are not";
    });
    fake_.Reset();
  }
}

}  // namespace
}  // namespace riffle
