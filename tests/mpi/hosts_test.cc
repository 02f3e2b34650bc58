// Network namespaces of this machine as hosts: host files, host names and TCP are those of a cluster (tests/mpi/hosts).
#include <chrono>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/testing/test_folder.h"
#include "built_tree.h"
#include "mpi_run.h"

namespace riffle {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr int kCannotRunHere = 77;  // what tests/mpi/hosts ends with where it may make no networks

class Hosts : public testing::Test {
 protected:
  void SetUp() override {
    const ChildOutcome outcome = RunForTwoMinutes({kHosts, "1", "true"});
    if (outcome.exit_code == kCannotRunHere) GTEST_SKIP() << outcome.err;
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  }

  /// mpirun on host1 of three.
  static ChildOutcome RunOnThree(const Words& network, const std::string& command) {
    Words words = {kHosts, "3"};
    words.insert(words.end(), network.begin(), network.end());
    words.insert(words.end(), {"sh", "-c", "mpirun --hostfile $HOSTFILE " + command});
    return RunForTwoMinutes(std::move(words));
  }

  static constexpr const char* kHosts = RIFFLE_SOURCE_DIR "/tests/mpi/hosts";
  const std::string ranks_ = RIFFLE_MPI_RANKS, riffle_ = RIFFLE_BINARY;
};

TEST_F(Hosts, OfAHostFileRunOneProcessEachAndTalk) {
  const ChildOutcome places = RunOnThree({}, ranks_ + " places");
  for (const char* name : {"rank 0 on host1: ", "rank 1 on host2: ", "rank 2 on host3: "})
    EXPECT_THAT(places.out, HasSubstr(name)) << places.err;
  const ChildOutcome collectives = RunOnThree({}, ranks_ + " collectives");
  EXPECT_EQ(collectives.exit_code, 0) << collectives.err;
  EXPECT_EQ(collectives.out, "3 ranks: ok\n");
}

TEST_F(Hosts, ThatLeaveTheNetworkEndTheJobByName) {
  const auto start = std::chrono::steady_clock::now();
  const ChildOutcome outcome = RunOnThree({"--cut=2:3"}, ranks_ + " sums");
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(60));
  EXPECT_NE(outcome.exit_code, 0);
  EXPECT_THAT(Told(outcome), ElementsAre(AllOf(HasSubstr("lost: rank 1 on host2: has not answered for "))))
      << outcome.err;
}

TEST_F(Hosts, SumNoFasterThanTheirLinksAre) {
  const std::string json = TestFolder() / "comm.json";
  const ChildOutcome outcome =
      RunOnThree({"--rate=1gbit"}, riffle_ + " bench comm --model=shufflenet_v1_g3_x0_25 --seconds=0 --json " + json);
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(outcome.out.find("3 processes on 3 hosts"), outcome.out.rfind("3 processes on 3 hosts")) << "who speaks";
  const Result<std::string> text = ReadTextFile(json);
  ASSERT_TRUE(text.ok()) << text.status().message();
  const nlohmann::json bench = nlohmann::json::parse(*text);
  EXPECT_EQ(bench["processes"], 3);
  EXPECT_EQ(bench["hosts"], 3);
  const nlohmann::json& largest = bench["sums"].back();
  EXPECT_GT(largest["gigabits_per_second"].get<double>(), 0.1);
  EXPECT_LT(largest["gigabits_per_second"].get<double>(), 1.05);
}

}  // namespace
}  // namespace riffle
