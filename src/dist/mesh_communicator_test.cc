#include "dist/mesh_communicator.h"

#include <gmock/gmock.h>

#include <bit>

#include "base/random.h"
#include "dist/testing/thread_transport.h"

namespace riffle {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

/// Calls rank(communicator) for each rank of a world, each in a thread.
void RunMesh(int size, const std::function<void(MeshCommunicator&)>& rank) {
  const auto post = std::make_shared<ThreadPost>(size);
  std::vector<std::thread> threads;
  for (int r = 0; r < size; ++r)
    threads.emplace_back([&, r] {
      MeshCommunicator ranks(std::make_shared<ThreadTransport>(r, post));
      rank(ranks);
    });
  for (std::thread& thread : threads) thread.join();
}

/// Numbers of very different size, whose sum depends on the order; the same for each rank and size.
std::vector<float> NumbersOf(int rank, size_t count) {
  RandomStream random(1, RandomPurpose::kTest, rank, 0);
  std::vector<float> numbers(count);
  for (float& number : numbers)
    number = std::ldexp(static_cast<float>(random.Below(2000)) - 1000, static_cast<int>(random.Below(30)));
  return numbers;
}

// From none over fewer than there are ranks, one round and two, to more than what is added up at once.
constexpr size_t kCounts[] = {0, 1, 2, 3, 5, 1000, 20'001, 300'007};

TEST(MeshCommunicator, SumsInTheOrderOfTheRanksWhateverTheNumberOfValues) {
  for (const int size : {2, 3, 4})
    for (const size_t count : kCounts) {
      std::vector<float> expected(count);
      for (int r = 0; r < size; ++r) {
        const std::vector<float> numbers = NumbersOf(r, count);
        for (size_t i = 0; i < count; ++i) expected[i] += numbers[i];
      }
      RunMesh(size, [&](Communicator& ranks) {
        std::vector<float> values = NumbersOf(ranks.rank(), count);
        ASSERT_TRUE(ranks.Sum(values).ok());
        EXPECT_EQ(values, expected) << size << " ranks, " << count << " values";
      });
    }
}

TEST(MeshCommunicator, SumsOfDoublesAndIntegersToo) {
  RunMesh(3, [](Communicator& ranks) {
    std::vector<double> d = {1e-9 * (1 + ranks.rank()), 1e9};
    std::vector<int64_t> n = {int64_t{1} << 60, -ranks.rank()};
    ASSERT_TRUE(ranks.Sum(d).ok() && ranks.Sum(n).ok());
    EXPECT_THAT(d, ElementsAre(testing::DoubleEq(6e-9), 3e9));
    EXPECT_THAT(n, ElementsAre(int64_t{3} << 60, -3));
  });
}

TEST(MeshCommunicator, AllGetWhatRankZeroHas) {
  for (const int size : {2, 3, 4})
    for (const size_t count : kCounts)
      RunMesh(size, [&](Communicator& ranks) {
        std::vector<float> values = NumbersOf(ranks.rank(), count);
        ASSERT_TRUE(ranks.Broadcast(std::as_writable_bytes(std::span(values))).ok());
        EXPECT_EQ(values, NumbersOf(0, count)) << size << " ranks, " << count << " values";
      });
}

TEST(MeshCommunicator, GathersByRank) {
  RunMesh(3, [](Communicator& ranks) {
    const std::vector<int> own = {ranks.rank(), -ranks.rank()};
    std::vector<int> all(6);
    ASSERT_TRUE(ranks.Gather(std::as_bytes(std::span(own)), std::as_writable_bytes(std::span(all))).ok());
    EXPECT_THAT(all, ElementsAre(0, 0, 1, -1, 2, -2));
    const Result<std::vector<std::string>> texts = ranks.GatherTexts(std::string(2 * (2 - ranks.rank()), 'x'));
    ASSERT_TRUE(texts.ok());
    EXPECT_THAT(*texts, ElementsAre("xxxx", "xx", ""));
  });
}

TEST(MeshCommunicator, DuplicatesOfDuplicatesSpeakOnChannelsOfTheirOwn) {
  RunMesh(3, [](Communicator& ranks) {
    const auto a = ranks.Duplicate();
    ASSERT_TRUE(a.ok());
    const auto b = (*a)->Duplicate();
    ASSERT_TRUE(b.ok());
    std::vector<std::thread> threads;
    std::vector<int64_t> sums;
    std::mutex mutex;
    for (Communicator* each : {&ranks, a->get(), b->get()})
      threads.emplace_back([&, each] {
        for (int64_t i = 0; i < 200; ++i) {
          std::vector<int64_t> values(1 + i % 3 * 10'000, i);
          ASSERT_TRUE(each->Sum(values).ok());
          ASSERT_EQ(values.back(), 3 * i);
        }
      });
    for (std::thread& thread : threads) thread.join();
  });
}

TEST(MeshCommunicator, TheFirstErrorIsWhatItComesToAndNamesItsRankOnce) {
  const auto introduce = [](MeshCommunicator& ranks) {
    ranks.Introduce({.names = {"rank 0 on a", "rank 1 on b", "rank 2 on c"}});
  };
  RunMesh(3, [&](MeshCommunicator& ranks) {
    introduce(ranks);
    EXPECT_TRUE(ranks.Leave({}).ok());
  });
  RunMesh(3, [&](MeshCommunicator& ranks) {
    introduce(ranks);
    const Status outcome = ranks.Leave(ranks.rank() == 2 ? DataLoss("torn") : Status());
    EXPECT_EQ(outcome.code(), ErrorCode::kDataLoss);
    EXPECT_EQ(outcome.message(), "rank 2 on c: torn");
  });
  RunMesh(3, [&](MeshCommunicator& ranks) {
    introduce(ranks);
    const Status agreed = ranks.Agree(ranks.rank() == 1 ? DataLoss("torn") : Status());
    EXPECT_EQ(ranks.Leave(agreed).message(), "rank 1 on b: torn");
  });
  RunMesh(3, [&](MeshCommunicator& ranks) {
    introduce(ranks);
    EXPECT_EQ(ranks.Leave(InvalidArgument("option lr: no number")).message(), "option lr: no number");
  });
}

}  // namespace
}  // namespace riffle
