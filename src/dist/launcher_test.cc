#include "dist/launcher.h"

#include <gmock/gmock.h>

#include <map>

namespace riffle {
namespace {

using testing::HasSubstr;

using Variables = std::map<std::string, std::string>;

Result<std::optional<Launch>> FindIn(const Variables& variables) {
  return FindLaunch([&](const char* name) {
    const auto found = variables.find(name);
    return found == variables.end() ? nullptr : found->second.c_str();
  });
}

struct LaunchCase {
  Variables variables;
  std::string_view launcher;
};

TEST(FindLaunch, KnowsWhatEachLauncherLeavesInTheEnvironment) {
  const LaunchCase cases[] = {
      {{{"OMPI_COMM_WORLD_SIZE", "4"}, {"OMPI_COMM_WORLD_RANK", "3"}}, "mpirun"},
      {{{"MV2_COMM_WORLD_SIZE", "4"}, {"MV2_COMM_WORLD_RANK", "3"}}, "mpirun"},
      {{{"PMI_SIZE", "4"}, {"PMI_RANK", "3"}}, "mpiexec"},
      {{{"SLURM_STEP_NUM_TASKS", "4"}, {"SLURM_PROCID", "3"}, {"PMIX_RANK", "3"}}, "srun"},
      // mpirun in a batch job: its own helpers were started by srun, one a host.
      {{{"SLURM_STEP_NUM_TASKS", "2"},
        {"SLURM_PROCID", "1"},
        {"OMPI_COMM_WORLD_SIZE", "4"},
        {"OMPI_COMM_WORLD_RANK", "3"}},
       "mpirun"},
  };
  for (const LaunchCase& c : cases) {
    const Result<std::optional<Launch>> launch = FindIn(c.variables);
    ASSERT_TRUE(launch.ok() && *launch) << testing::PrintToString(c.variables) << launch.status().message();
    EXPECT_EQ((*launch)->launcher, c.launcher);
    EXPECT_EQ((*launch)->size, 4);
    EXPECT_EQ((*launch)->rank, 3);
  }
}

TEST(FindLaunch, AProcessOfAShellOrOfABatchScriptIsAlone) {
  const Variables batch_script = {
      {"SLURM_JOB_ID", "17"}, {"SLURM_NTASKS", "8"}, {"SLURM_NPROCS", "8"}, {"SLURM_PROCID", "0"}};
  for (const Variables& variables : {Variables(), batch_script}) {
    const Result<std::optional<Launch>> launch = FindIn(variables);
    ASSERT_TRUE(launch.ok()) << launch.status().message();
    EXPECT_FALSE(*launch);
  }
}

TEST(FindLaunch, OfSrunWithoutPmixMpiWouldKnowNothing) {
  EXPECT_THAT(FindIn({{"SLURM_STEP_NUM_TASKS", "4"}, {"SLURM_PROCID", "3"}}).status().message(),
              HasSubstr("srun --mpi=pmix"));
  const Result<std::optional<Launch>> one = FindIn({{"SLURM_STEP_NUM_TASKS", "1"}, {"SLURM_PROCID", "0"}});
  ASSERT_TRUE(one.ok() && *one);
  EXPECT_EQ((*one)->size, 1);
}

TEST(FindLaunch, NumbersThatMakeNoSenseAreNamed) {
  for (const auto& [size, rank, named] : {std::tuple{"four", "0", "OMPI_COMM_WORLD_SIZE = 'four'"},
                                          {"0", "0", "OMPI_COMM_WORLD_SIZE = '0'"},
                                          {"4", "-1", "OMPI_COMM_WORLD_RANK = '-1'"},
                                          {"4", "", "OMPI_COMM_WORLD_RANK = ''"},
                                          {"4", "4", "below the number of processes"}}) {
    const Result<std::optional<Launch>> launch =
        FindIn({{"OMPI_COMM_WORLD_SIZE", size}, {"OMPI_COMM_WORLD_RANK", rank}});
    ASSERT_FALSE(launch.ok());
    EXPECT_EQ(launch.status().code(), ErrorCode::kInvalidArgument);
    EXPECT_THAT(launch.status().message(), HasSubstr(named));
  }
}

}  // namespace
}  // namespace riffle
