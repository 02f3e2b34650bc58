#include "dist/roll_call.h"

#include <gmock/gmock.h>

namespace riffle {
namespace {

using std::chrono::seconds;
using testing::HasSubstr;

constexpr RollCall::Time kStart{};
constexpr auto kPatience = seconds(30);

Beat Working(std::vector<int64_t> exchanges = {}) { return {.exchanges = std::move(exchanges)}; }
Beat Left(int rank, const Status& status, std::vector<int64_t> exchanges = {}) {
  return {.left = true, .farewell = {rank, status}, .exchanges = std::move(exchanges)};
}

/// Rank 0 of three from its start on; the others answer each second, up to the second that is given.
class ThreeRanks {
 public:
  std::optional<RollCall::Loss> RunTo(int second, int last_of_rank_1, int last_of_rank_2) {
    for (; now_ < second; ++now_) {
      if (now_ < last_of_rank_1) call_.Heard(1, Working(), At(now_));
      if (now_ < last_of_rank_2) call_.Heard(2, Working(), At(now_));
      if (const auto loss = call_.FindLoss(At(now_))) return loss;
    }
    return std::nullopt;
  }
  static RollCall::Time At(int second) { return kStart + seconds(second); }
  void StandStillUntil(int second) { now_ = second; }
  int now() const { return now_; }

 private:
  RollCall call_{0, 3, kPatience, kStart};
  int now_ = 0;
};

TEST(RollCall, ABeatComesOutAsItWentIn) {
  for (const Beat& beat : {Working(), Working({3, 0, 7}), Left(4, {}, {1}), Left(2, DataLoss("x: torn"), {1, 2})}) {
    const Beat back = Beat::FromBytes(beat.ToBytes());
    EXPECT_EQ(back.left, beat.left);
    EXPECT_EQ(back.exchanges, beat.exchanges);
    EXPECT_EQ(back.farewell.rank, beat.farewell.rank);
    ASSERT_EQ(back.farewell.status.ok(), beat.farewell.status.ok());
    EXPECT_EQ(back.farewell.status.message(), beat.farewell.status.message());
    if (beat.farewell.status.ok()) continue;
    EXPECT_EQ(back.farewell.status.code(), beat.farewell.status.code());
  }
}

TEST(RollCall, WhoAnswersIsNotLost) {
  ThreeRanks ranks;
  EXPECT_FALSE(ranks.RunTo(1000, 1000, 1000));
}

TEST(RollCall, WhoIsSilentForLongerThanThePatienceIsLost) {
  ThreeRanks ranks;
  const auto loss = ranks.RunTo(1000, 1000, 100);
  ASSERT_TRUE(loss);
  EXPECT_EQ(loss->rank, 2);
  EXPECT_EQ(ranks.now(), 99 + 31);
  EXPECT_THAT(loss->why.message(), HasSubstr("has not answered for 31 s"));
}

TEST(RollCall, WhoNeverAnsweredIsProbablyBehindAnotherNetwork) {
  ThreeRanks ranks;
  const auto loss = ranks.RunTo(1000, 0, 1000);
  ASSERT_TRUE(loss);
  EXPECT_EQ(loss->rank, 1);
  EXPECT_THAT(loss->why.message(), HasSubstr("--mca btl_tcp_if_include"));
}

TEST(RollCall, TimeInWhichThisProcessStoodStillCountsAgainstNobody) {
  ThreeRanks ranks;
  EXPECT_FALSE(ranks.RunTo(100, 100, 100));
  ranks.StandStillUntil(500);
  EXPECT_FALSE(ranks.RunTo(520, 0, 0));
  const auto loss = ranks.RunTo(1000, 0, 0);
  ASSERT_TRUE(loss);
  EXPECT_NEAR(ranks.now(), 500 + 30, 2);
}

TEST(RollCall, OthersFollowRankZeroAndOneOfThemIsTheFirstToMissIt) {
  int found[3] = {};
  for (const int rank : {1, 2}) {
    RollCall call(rank, 3, kPatience, kStart);
    for (int& now = found[rank]; now < 1000; ++now) {
      if (now < 50) call.Heard(0, Working(), ThreeRanks::At(now));
      if (const auto loss = call.FindLoss(ThreeRanks::At(now))) {
        EXPECT_EQ(loss->rank, 0);
        break;
      }
    }
  }
  EXPECT_EQ(found[1], 49 + 32);
  EXPECT_EQ(found[2], found[1] + 1);
}

TEST(RollCall, WhenAllHaveLeftTheFirstErrorIsTheOutcome) {
  RollCall call(0, 3, kPatience, kStart);
  call.Heard(1, Left(1, {}), kStart);
  call.Heard(2, Left(2, DataLoss("first")), kStart);
  EXPECT_FALSE(call.AllLeft());
  call.Heard(0, Left(0, IoError("second")), kStart);
  ASSERT_TRUE(call.AllLeft());
  EXPECT_EQ(call.Outcome().rank, 2);
  EXPECT_EQ(call.Outcome().status.message(), "first");

  RollCall all(0, 2, kPatience, kStart);
  for (const int rank : {1, 0}) all.Heard(rank, Left(rank, DataLoss("the same")), kStart);
  EXPECT_FALSE(all.Outcome().rank);
  EXPECT_EQ(all.Outcome().status.message(), "the same");

  RollCall other(1, 3, kPatience, kStart);
  EXPECT_FALSE(other.AllLeft());
  other.Heard(0, Left(2, DataLoss("first")), kStart);
  ASSERT_TRUE(other.AllLeft());
  EXPECT_EQ(other.Outcome().rank, 2);
}

/// Rank 0 has exchanged 7 times on channel 0 and 2 times on channel 1; what rank 1 left with.
std::optional<RollCall::Loss> LossAfter(const Beat& left) {
  RollCall call(0, 3, kPatience, kStart);
  call.Heard(0, Working({7, 2}), kStart);
  call.Heard(2, Working({6, 2}), kStart);
  call.Heard(1, left, kStart);
  return call.FindLoss(kStart);
}

TEST(RollCall, WhoLeftAfterAllThatOthersWaitForIsNotMissed) {
  EXPECT_FALSE(LossAfter(Left(1, {}, {7, 2})));
  EXPECT_FALSE(LossAfter(Left(1, DataLoss("torn"), {7, 2})));
}

TEST(RollCall, WhoLeftBeforeIsMissedWithItsError) {
  for (const std::vector<int64_t>& exchanges : {std::vector<int64_t>{6, 2}, {7, 1}, {7}}) {
    const auto torn = LossAfter(Left(1, DataLoss("torn"), exchanges));
    ASSERT_TRUE(torn);
    EXPECT_EQ(torn->rank, 1);
    EXPECT_EQ(torn->why.code(), ErrorCode::kDataLoss);
    EXPECT_EQ(torn->why.message(), "torn");
    const auto early = LossAfter(Left(1, {}, exchanges));
    ASSERT_TRUE(early);
    EXPECT_THAT(early->why.message(), HasSubstr("has ended while others still wait for it"));
  }
}

}  // namespace
}  // namespace riffle
