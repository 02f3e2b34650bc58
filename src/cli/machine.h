// What commands compute on: the threads that were asked for, and a backend.
#pragma once

#include <memory>

#include "backend/execution.h"
#include "base/status.h"
#include "ops/op_table.h"
#include "settings/settings.h"

namespace riffle {

/// The networks of a command run here; it must outlive them.
struct Machine {
  ThreadPool pool;
  const OpTable<float>& ops;
  Execution execution = {pool};
};

/// With as many threads as ThreadsOf says, and the default backend (FindBackend). Errors: Unavailable for another
/// device_target (CheckDevice) and for threads that the system refuses; InvalidArgument for a backend or an instruction
/// set of the environment that there is not.
Result<std::unique_ptr<Machine>> OpenMachine(const Options& options);

}  // namespace riffle
