// Processes under a real mpirun: what they tell one another, and how a job ends when one of them does.
#include <gmock/gmock.h>

#include <chrono>
#include <filesystem>

#include "base/testing/test_folder.h"
#include "mpi_run.h"

namespace riffle {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

/// What came of `program words...` in `size` processes.
ChildOutcome RunRanks(int size, const Words& words, const std::string& program = RIFFLE_MPI_RANKS) {
  Words all = {"mpirun", "--allow-run-as-root", "--oversubscribe", "-n", std::to_string(size), program};
  all.insert(all.end(), words.begin(), words.end());
  return RunForTwoMinutes(std::move(all));
}

void SucceedsWith(int size, const std::string& what) {
  const ChildOutcome outcome = RunRanks(size, {what});
  EXPECT_EQ(outcome.exit_code, 0) << what << outcome.err;
  EXPECT_EQ(outcome.out, std::to_string(size) + " ranks: ok\n");
}

TEST(World, CollectivesOfTwoThreeAndFourProcesses) {
  for (const int size : {2, 3, 4}) SucceedsWith(size, "collectives");
}

TEST(World, TwoThreadsOfAProcessUseTwoCommunicators) { SucceedsWith(3, "threads"); }

TEST(World, AProcessThatComputesForLongIsNotLost) { SucceedsWith(3, "busy"); }

TEST(World, AllWaitForTheLastOneToLeave) { SucceedsWith(3, "first_is_late"); }

TEST(World, ProcessesOfOneMachineKnowTheirPlaces) {
  const ChildOutcome outcome = RunRanks(3, {"places"});
  for (const char* line : {"rank 0 on ", ": 0 of 3\n", "rank 2 on ", ": 2 of 3\n"})
    EXPECT_THAT(outcome.out, HasSubstr(line)) << outcome.err;
}

struct EndCase {
  std::string what;
  testing::Matcher<const Words&> told;  ///< beside what mpirun says
};

TEST(World, OneRankThatIsLostEndsAllWithItsNameAndTheReason) {
  using testing::ElementsAre;
  using testing::IsEmpty;
  const EndCase cases[] = {
      // Of a process that has ended mpirun hears itself, and says which and where.
      {"killed", IsEmpty()},
      {"exits", IsEmpty()},
      {"exits_well", IsEmpty()},
      {"stopped", ElementsAre(AllOf(HasSubstr("lost: rank 1 on "), HasSubstr("has not answered for ")))},
      {"first_stopped", ElementsAre(AllOf(HasSubstr("lost: rank 0 on "), HasSubstr("has not answered for ")))},
      {"fails", ElementsAre(AllOf(HasSubstr("rank 1 on "), HasSubstr(": a picture is torn")))},
      {"ends", ElementsAre(AllOf(HasSubstr("rank 1 on "), HasSubstr("has ended while others still wait for it")))},
      {"agree", ElementsAre(AllOf(HasSubstr("3 ranks: rank 1 on "), HasSubstr(": a picture is torn")))},
  };
  for (const EndCase& c : cases) {
    const auto start = std::chrono::steady_clock::now();
    const ChildOutcome outcome = RunRanks(3, {c.what});
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(30)) << c.what;
    EXPECT_NE(outcome.exit_code, 0) << c.what;
    EXPECT_EQ(outcome.out, "") << c.what;
    EXPECT_THAT(Told(outcome), c.told) << c.what << '\n' << outcome.err;
  }
}

TEST(World, ProcessesOfDifferentProgramsDoNotBegin) {
  const ChildOutcome outcome = RunRanks(2, {"collectives", "ranks of yesterday"});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err, AllOf(HasSubstr("rank 1 on "), HasSubstr(" runs ranks of yesterday, rank 0 runs ranks")));
}

TEST(World, ALauncherThatIsNotOfThisMpiIsNamed) {
  const ChildOutcome outcome = RunForTwoMinutes({"env", "PMI_SIZE=2", "PMI_RANK=0", "OMPI_ALLOW_RUN_AS_ROOT=1",
                                                 "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1", RIFFLE_MPI_RANKS, "collectives"});
  EXPECT_EQ(outcome.exit_code, 2) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("no world: mpiexec started 2 processes, but MPI knows of 1"));
}

TEST(World, WithoutALauncherMpiIsNotLoaded) {
  const ChildOutcome outcome = RunForTwoMinutes({"env", "LD_DEBUG=files", RIFFLE_MPI_RANKS, "collectives"});
  EXPECT_EQ(outcome.out, "1 ranks: ok\n");
  EXPECT_THAT(outcome.err, Not(HasSubstr("libmpi")));
}

TEST(World, AProgramWithoutItsModuleSaysWhatIsMissing) {
  const fs::path folder = TestFolder();
  fs::create_directories(folder / "bin");
  fs::copy_file(RIFFLE_MPI_RANKS, folder / "bin" / "ranks");
  const ChildOutcome outcome = RunRanks(2, {"collectives"}, folder / "bin" / "ranks");
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err, AllOf(HasSubstr("no world: the part of riffle that speaks MPI cannot be loaded: "),
                                 HasSubstr("riffle_mpi.so")));
}

}  // namespace
}  // namespace riffle
