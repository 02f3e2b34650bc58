#include "dist/launcher.h"

#include <cstdlib>

#include "base/text.h"

namespace riffle {
namespace {

constexpr std::string_view kSrun = "srun";

struct LauncherRow {
  std::string_view launcher;
  const char *size, *rank;  // names of variables
};

// The first one that is there counts: inside a batch job those of mpirun stand beside SLURM's, which then speak of
// mpirun's own helpers.
constexpr LauncherRow kLaunchers[] = {
    {"mpirun", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK"},  // Open MPI, and PRRTE for it
    {"mpirun", "MV2_COMM_WORLD_SIZE", "MV2_COMM_WORLD_RANK"},    // MVAPICH
    {"mpiexec", "PMI_SIZE", "PMI_RANK"},                         // MPICH, Intel MPI; srun --mpi=pmi2
    {kSrun, "SLURM_STEP_NUM_TASKS", "SLURM_PROCID"},             // a step's: the batch script of a job has none
};

Result<int> NumberIn(const Environment& environment, const char* name, int low) {
  const char* text = environment(name);
  const std::optional<int> number = text == nullptr ? std::nullopt : ParseNumber<int>(text);
  if (!number || *number < low)
    return InvalidArgument(
        "the environment has {} = '{}', expected a number from {} on: start riffle by mpirun or srun", name,
        text == nullptr ? "" : text, low);
  return *number;
}

}  // namespace

const char* OwnEnvironment(const char* name) { return std::getenv(name); }

Result<std::optional<Launch>> FindLaunch(const Environment& environment) {
  for (const LauncherRow& row : kLaunchers) {
    if (environment(row.size) == nullptr) continue;
    Launch launch{.launcher = row.launcher};
    RIFFLE_ASSIGN(launch.size, NumberIn(environment, row.size, 1));
    RIFFLE_ASSIGN(launch.rank, NumberIn(environment, row.rank, 0));
    if (launch.rank >= launch.size)
      return InvalidArgument("the environment has {} = {} and {} = {}: a rank is below the number of processes",
                             row.rank, launch.rank, row.size, launch.size);
    // Without it each process would be a world of its own, or Open MPI would end it.
    if (row.launcher == kSrun && launch.size > 1 && environment("PMIX_RANK") == nullptr)
      return InvalidArgument(
          "srun started {} processes, but not in a way that MPI understands: start them by srun --mpi=pmix",
          launch.size);
    return std::optional(launch);
  }
  return std::optional<Launch>();
}

}  // namespace riffle
