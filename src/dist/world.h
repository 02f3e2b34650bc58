// The world of this process: those that a launcher started together with it, or itself alone.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "dist/communicator.h"
#include "dist/launcher.h"

namespace riffle {

struct WorldOptions {
  /// What runs, the same in every process: "riffle 0.1.0".
  std::string program;
  /// Tells the user, in one process, why the job ends at once: a rank that is lost, by name. Returns its exit code.
  /// Called from a thread of the world's.
  std::function<int(const Status& why)> tell;
  std::chrono::milliseconds patience = std::chrono::seconds(30);  ///< with a rank that says nothing
};

/// One process where no launcher started several: MPI is neither needed nor loaded then. Else all of them, by MPI,
/// which is loaded from a module beside the program; at most once in a process. Collective. A process that computes for
/// long is not lost; one that dies, is stopped or whose host is gone ends all others within a minute. Errors: of
/// FindLaunch; Unavailable where MPI or its module cannot be loaded, where MPI knows of another number of processes
/// than the launcher, and where the processes run different programs.
Result<std::unique_ptr<Communicator>> OpenWorld(const WorldOptions& options,
                                                const Environment& environment = OwnEnvironment);

}  // namespace riffle
