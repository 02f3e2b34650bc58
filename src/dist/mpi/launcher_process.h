// The launcher as a process: mpirun, where it is this one's parent.
#pragma once

#include <chrono>

namespace riffle {

/// Kills mpirun if it is still there after `patience`, whatever becomes of this process: mpirun ends a job by asking
/// each host, and waits for ever for one that does not answer. Does nothing where the parent is no mpirun; helpers of
/// it on other hosts end by themselves when it has gone.
void EndLauncherAfter(std::chrono::seconds patience);

}  // namespace riffle
