// `riffle bench comm`: what several processes tell one another in training.
#pragma once

#include "bench/comm.h"
#include "settings/settings.h"

namespace riffle {

/// Collective. Sums the gradients of all widths of the options' model for half of the time, trains the model for the
/// other half. Errors: InvalidArgument where there is one process; of OpenMachine.
Result<CommBench> RunCommBench(const Settings& settings, Communicator& ranks, double seconds);

}  // namespace riffle
