// What launching a kernel needs to know of a card's Device (gpu.h).
#pragma once

#include <cuda_runtime.h>

#include "backend/execution.h"

namespace riffle::cuda {

/// REQUIRES: the execution's device is one of OpenGpu.
cudaStream_t StreamOf(const Execution& execution);

/// Remembers what the last launch failed with, if it did; Device::Health tells it.
void CheckLaunch(const Execution& execution);

}  // namespace riffle::cuda
