// The backend of graphics cards, for Executions on one (backend/gpu.h); and the same kernels without a card, for tests.
#pragma once

#include "base/bfloat16.h"
#include "ops/op_table.h"

namespace riffle {

namespace cuda {
const OpTable<float>& Ops();
const OpTable<float, Bfloat16>& Bfloat16Ops();
}  // namespace cuda

/// For Executions on the CPU (backend/cuda/testing/emulation.h). In tests alone.
namespace emulated {
const OpTable<float>& Ops();
const OpTable<float, Bfloat16>& Bfloat16Ops();
}  // namespace emulated

}  // namespace riffle
