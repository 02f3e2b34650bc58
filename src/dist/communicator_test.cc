#include "dist/communicator.h"

#include <gmock/gmock.h>

#include "dist/testing/thread_group.h"

namespace riffle {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(Communicator, OneProcessIsAWorldWhoseCollectivesAreTheIdentity) {
  const std::unique_ptr<Communicator> one = OneProcess();
  EXPECT_EQ(one->size(), 1);
  EXPECT_TRUE(one->first());
  std::vector<float> values = {1, 2};
  ASSERT_TRUE(one->Sum(values).ok());
  EXPECT_THAT(values, ElementsAre(1, 2));
  EXPECT_EQ(one->Agree(DataLoss("x")).message(), "x");
}

TEST(Communicator, SumsAndGathersByRank) {
  RunRanks(3, [](Communicator& ranks) {
    std::vector<double> values = {1.0 + ranks.rank(), 10};
    ASSERT_TRUE(ranks.Sum(values).ok());
    EXPECT_THAT(values, ElementsAre(6, 30));
    const Result<std::vector<std::string>> texts = ranks.GatherTexts(std::string(ranks.rank(), 'x'));
    ASSERT_TRUE(texts.ok());
    EXPECT_THAT(*texts, ElementsAre("", "x", "xx"));
  });
}

TEST(Communicator, ListsOfTextsComeTogetherByRank) {
  RunRanks(3, [](Communicator& ranks) {
    const std::vector<std::string> own[] = {{"a", ""}, {}, {"b\nc"}};
    const Result<std::vector<std::string>> all = ranks.GatherLists(own[ranks.rank()]);
    ASSERT_TRUE(all.ok());
    EXPECT_THAT(*all, ElementsAre("a", "", "b\nc"));
  });
}

TEST(Communicator, AllHearTheErrorOfTheLowestRankThatHasOne) {
  RunRanks(3, [](Communicator& ranks) {
    EXPECT_TRUE(ranks.Agree({}).ok());
    const Status own = ranks.rank() == 0 ? Status() : DataLoss("picture {}", ranks.rank());
    const Status all = ranks.Agree(own);
    EXPECT_EQ(all.code(), ErrorCode::kDataLoss);
    EXPECT_THAT(all.message(), HasSubstr("rank 1 on this host: picture 1"));
  });
}

TEST(Communicator, AnErrorThatAllHaveIsNobodysOwn) {
  RunRanks(3, [](Communicator& ranks) {
    const Status all = ranks.Agree(InvalidArgument("option lr: no number"));
    EXPECT_EQ(all.code(), ErrorCode::kInvalidArgument);
    EXPECT_EQ(all.message(), "option lr: no number");
  });
}

TEST(Communicator, WhoWaitsForARankThatHasGoneHearsOfIt) {
  RunRanks(2, [](Communicator& ranks) {
    if (ranks.first()) return;
    EXPECT_EQ(ranks.Agree({}).code(), ErrorCode::kUnavailable);
  });
}

TEST(Communicator, DuplicatesAreOrderedAmongThemselvesOnly) {
  RunRanks(2, [](Communicator& ranks) {
    const auto other = ranks.Duplicate();
    ASSERT_TRUE(other.ok());
    std::vector<int64_t> a = {1}, b = {10};
    std::thread thread([&] { EXPECT_TRUE((*other)->Sum(b).ok()); });
    EXPECT_TRUE(ranks.Sum(a).ok());
    thread.join();
    EXPECT_THAT(a, ElementsAre(2));
    EXPECT_THAT(b, ElementsAre(20));
  });
}

}  // namespace
}  // namespace riffle
