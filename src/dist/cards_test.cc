// One card a process: who takes which, and what is said where two would take the same.
#include "dist/cards.h"

#include <gmock/gmock.h>

#include "dist/testing/thread_group.h"

namespace riffle {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(CardOf, IsOnesOwnOfTheHostsCards) {
  for (int rank = 0; rank < 4; ++rank) EXPECT_EQ(CardOf(rank, 4, std::nullopt), rank);
}

TEST(CardOf, IsTheOnlyOneThatALauncherShows) {
  for (int rank = 0; rank < 4; ++rank) EXPECT_EQ(CardOf(rank, 1, std::nullopt), 0);
}

TEST(CardOf, IsTheOneThatWasAskedFor) {
  EXPECT_EQ(CardOf(0, 4, 2), 2);
  EXPECT_EQ(CardOf(3, 4, 0), 0);
  EXPECT_EQ(CardOf(0, 2, 7), 7) << "that there is none of this number is said where it is opened";
}

/// Processes "rank 0 on a", … of hosts and cards "a 01"; "a" alone computes on the CPU.
Status Check(const std::vector<std::string>& texts, int cards, bool asked = false) {
  std::vector<ComputePlace> places;
  std::vector<std::string> names;
  for (const std::string& text : texts) {
    names.push_back(fmt::format("rank {} on {}", names.size(), text.substr(0, 1)));
    places.push_back({.host = text.substr(0, 1),
                      .card = text.size() > 2 ? text.substr(2) : "",
                      .cards = cards,
                      .asked = asked,
                      .why_cpu = text.size() > 2 ? "" : "there is no driver"});
  }
  return CheckPlaces(places, names);
}

TEST(CheckPlaces, ACardEachOrTheCpuForAllIsRight) {
  EXPECT_TRUE(Check({"a 01"}, 1).ok());
  EXPECT_TRUE(Check({"a 01", "a 02", "b 01", "b 02"}, 2).ok()) << "hosts number their cards alike";
  EXPECT_TRUE(Check({"a", "a", "b"}, 0).ok());
}

TEST(CheckPlaces, MoreProcessesThanCardsIsFoundByHostAndBusId) {
  const Status status = Check({"a 01", "a 02", "b 01", "b 02", "b 01"}, 2);
  EXPECT_EQ(status.code(), ErrorCode::kUnavailable);
  EXPECT_THAT(status.message(),
              AllOf(HasSubstr("rank 2 on b and rank 4 on b would compute on the same GPU (01)"),
                    HasSubstr("of its 3 processes each needs one, and it has 2"), HasSubstr("--map-by ppr:2:node")));
}

TEST(CheckPlaces, SaysWhatToDoAboutOneCardForAll) {
  EXPECT_THAT(Check({"a 01", "a 01"}, 1).message(),
              AllOf(HasSubstr("one process on a host for each of its cards"), HasSubstr("CUDA_VISIBLE_DEVICES")));
  EXPECT_THAT(Check({"a 01", "a 01"}, 4, true).message(), HasSubstr("leave out --device_id"));
}

TEST(CheckPlaces, NamesWhoHasNoCardWhereOthersHave) {
  EXPECT_THAT(Check({"a 01", "a 02", "b"}, 2).message(),
              HasSubstr("rank 0 on a computes on a GPU and rank 2 on b on the CPU, since there is no driver"));
  EXPECT_THAT(Check({"a", "b 01"}, 2).message(), HasSubstr("rank 1 on b computes on a GPU and rank 0 on a on the CPU"));
}

TEST(CheckPlacesOf, TellsAllRanksTheSame) {
  RunRanks(3, [](Communicator& ranks) {
    const auto check = [&](const std::string& card) {
      return CheckPlacesOf(ranks, {.host = "here", .card = card, .cards = 2, .why_cpu = ""});
    };
    EXPECT_TRUE(check(std::to_string(ranks.rank())).ok());
    EXPECT_THAT(check(std::to_string(ranks.rank() % 2)).message(),
                HasSubstr("rank 0 on this host and rank 2 on this host would compute on the same GPU (0)"));
  });
}

}  // namespace
}  // namespace riffle
