// Who started this process, and beside how many others: what launchers of MPI programs leave in the environment.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"

namespace riffle {

/// One of several processes that a launcher started together.
struct Launch {
  std::string_view launcher;  ///< "mpirun", "srun"
  int rank = 0;
  int size = 1;
};

/// A variable of the environment; null where there is none.
using Environment = std::function<const char*(const char* name)>;
const char* OwnEnvironment(const char* name);

/// How this process was started; nullopt where no launcher of MPI programs did it. InvalidArgument where a launcher's
/// variables make no sense, or tell MPI nothing: srun without --mpi=pmix.
Result<std::optional<Launch>> FindLaunch(const Environment& environment = OwnEnvironment);

}  // namespace riffle
