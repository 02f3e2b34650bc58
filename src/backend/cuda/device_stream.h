// What launching a kernel needs to know of a card's Device (gpu.h).
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>

#include "backend/execution.h"

namespace riffle::cuda {

/// REQUIRES: the execution's device is one of OpenGpu.
cudaStream_t StreamOf(const Execution& execution);

/// Memory on the card for what kernels hand to the next ones, aligned to 256 bytes and not cleared. Valid until the
/// next call for the same device, after which kernels that were launched before may still use it: those launched later
/// run later. Throws std::bad_alloc.
void* ScratchOf(const Execution& execution, size_t bytes);

/// Bytes of shared memory that a block can have.
int64_t MostSharedBytes(const Execution& execution);

/// Remembers what the last launch failed with, if it did; Device::Health tells it.
void CheckLaunch(const Execution& execution);

}  // namespace riffle::cuda
