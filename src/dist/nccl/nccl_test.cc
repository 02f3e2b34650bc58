// NCCL is loaded, begun, used, watched and ended; and what is said where that fails. The library is one that sums
// memory of the host (testing/nccl).
#include <gmock/gmock.h>

#include <array>
#include <utility>

#include "dist/nccl/nccl_sums.h"
#include "dist/testing/nccl/fake_nccl.h"
#include "dist/testing/thread_group.h"

namespace riffle::nccl {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// Does what was enqueued when it is waited for; what was recorded as often as one likes.
class Queue : public FakeStream {
 public:
  explicit Queue(bool records = false) : records_(records) {}
  void Enqueue(std::function<void()> work) override { work_.push_back(std::move(work)); }
  bool IsRecorded() const override { return records_; }
  void Synchronize() {
    for (const auto& each : records_ ? work_ : std::exchange(work_, {})) each();
  }
  void Forget() { work_.clear(); }

 private:
  const bool records_;
  std::vector<std::function<void()>> work_;
};

class Nccl : public testing::Test {
 protected:
  Nccl() { fake_.Reset(); }

  /// Calls rank(world, its Sums) in as many threads.
  void InWorld(int size, const std::function<void(Communicator&, Result<std::unique_ptr<Sums>>&)>& rank) {
    const auto library = Library::Load(RIFFLE_FAKE_NCCL);
    ASSERT_TRUE(library.ok()) << library.status().message();
    RunRanks(size, [&](Communicator& world) {
      Result<std::unique_ptr<Sums>> sums = Sums::Create(*library, world, [] {});
      rank(world, sums);
    });
  }

  FakeNccl& fake_ = FakeNcclIn(RIFFLE_FAKE_NCCL);
};

TEST_F(Nccl, SumsOverAllRanks) {
  InWorld(3, [](Communicator& world, auto& sums) {
    ASSERT_TRUE(sums.ok()) << sums.status().message();
    Queue queue;
    for (const size_t count : {1, 5, 1000}) {
      std::vector<float> values(count, static_cast<float>(1 << world.rank()));
      (*sums)->Sum(values, &queue);
      queue.Synchronize();
      EXPECT_THAT(values, Each(7));
    }
    EXPECT_TRUE((*sums)->status().ok());
  });
  for (int rank = 1; rank < 3; ++rank)
    EXPECT_THAT(fake_.CallsOf(rank),
                ElementsAre("ncclCommInitRank", "ncclAllReduce", "ncclAllReduce", "ncclAllReduce", "ncclCommDestroy"));
  EXPECT_EQ(fake_.CallsOf(0).front(), "ncclGetUniqueId");
}

TEST_F(Nccl, SumsDoublesAndWhatWasRecordedAgainAndAgain) {
  InWorld(2, [](Communicator&, auto& sums) {
    Queue queue(true);
    std::array<double, 2> values = {1, 1e-12};
    (*sums)->Sum(values, &queue);
    for (int i = 0; i < 3; ++i) queue.Synchronize();
    EXPECT_THAT(values, ElementsAre(8, 8e-12));
  });
}

TEST_F(Nccl, OneProcessIsAWorldToo) {
  InWorld(1, [](Communicator&, auto& sums) {
    ASSERT_TRUE(sums.ok()) << sums.status().message();
    Queue queue;
    std::array<float, 2> values = {1, 2};
    (*sums)->Sum(values, &queue);
    queue.Synchronize();
    EXPECT_THAT(values, ElementsAre(1, 2));
  });
}

TEST_F(Nccl, SaysWhichLibraryIsNone) {
  const Status nowhere = Library::Load("libnowhere.so.2").status();
  EXPECT_EQ(nowhere.code(), ErrorCode::kUnavailable);
  EXPECT_THAT(nowhere.message(), AllOf(HasSubstr("libnowhere.so.2"), HasSubstr("LD_LIBRARY_PATH")));
  EXPECT_THAT(Library::Load(RIFFLE_OLD_FAKE_NCCL).status().message(),
              AllOf(HasSubstr("too old"), HasSubstr("2804"), HasSubstr("2.9.6")));
  EXPECT_THAT(Library::Load(RIFFLE_BROKEN_FAKE_NCCL).status().message(), HasSubstr("no function ncclAllReduce"));
}

TEST_F(Nccl, SaysItsVersion) { EXPECT_EQ((*Library::Load(RIFFLE_FAKE_NCCL))->Version(), "2.21.5"); }

TEST_F(Nccl, WhereItCannotBeginAtOneRankNoneWaitsAndAllKnowWhich) {
  fake_.FailAt(1, "ncclCommInitRank");
  InWorld(3, [](Communicator&, auto& sums) {
    ASSERT_FALSE(sums.ok());
    EXPECT_EQ(sums.status().message(), "rank 1 on this host: NCCL: unhandled system error");
  });
}

TEST_F(Nccl, ACallThatFailsIsTheStatusAndEndsTheRest) {
  fake_.FailAt(0, "ncclAllReduce");
  InWorld(1, [&](Communicator&, auto& sums) {
    ASSERT_TRUE(sums.ok());
    Queue queue;
    std::array<float, 1> values = {3};
    for (int i = 0; i < 2; ++i) (*sums)->Sum(values, &queue);
    queue.Synchronize();
    EXPECT_EQ((*sums)->status().message(), "NCCL: unhandled system error");
  });
  EXPECT_THAT(fake_.CallsOf(0), ElementsAre("ncclGetUniqueId", "ncclCommInitRank", "ncclAllReduce", "ncclCommAbort"));
}

TEST_F(Nccl, AnErrorThatComesMeanwhileEndsTheSumsThatWait) {
  InWorld(2, [&](Communicator& world, auto& sums) {
    ASSERT_TRUE(sums.ok());
    ASSERT_TRUE(world.Agree({}).ok());
    fake_.BreakLinks();
    Queue queue;
    std::array<float, 1> values = {1};
    (*sums)->Sum(values, &queue);
    queue.Synchronize();  // would wait for ever
    EXPECT_THAT((*sums)->status().message(), HasSubstr("remote process exited"));
  });
}

// NCCL aborts a communicator only when no recording has sums of it, which goes when the error is known.
TEST_F(Nccl, TheErrorIsKnownBeforeTheRecordingsAreGone) {
  InWorld(2, [&](Communicator& world, auto& sums) {
    ASSERT_TRUE(sums.ok());
    Queue queue(true);
    std::array<float, 1> values = {1};
    (*sums)->Sum(values, &queue);
    ASSERT_TRUE(world.Agree({}).ok());
    fake_.BreakLinks();
    queue.Synchronize();
    EXPECT_THAT((*sums)->status().message(), HasSubstr("remote process exited"));
    queue.Forget();
  });
  EXPECT_THAT(fake_.CallsOf(0), Contains("ncclCommAbort"));
}

TEST_F(Nccl, AFailingCallIsNoWaitForTheRecordingsBeforeIt) {
  InWorld(1, [&](Communicator&, auto& sums) {
    Queue queue(true);
    std::array<float, 1> values = {1};
    (*sums)->Sum(values, &queue);
    fake_.FailAt(0, "ncclAllReduce");
    (*sums)->Sum(values, &queue);
    EXPECT_FALSE((*sums)->status().ok());
    queue.Forget();
  });
}

}  // namespace
}  // namespace riffle::nccl
