#include "ops/gpu.h"
#include "ops/gpu_ops.h"

namespace riffle::RIFFLE_GPU {

const OpTable<float>& Ops() { return Table(); }

}  // namespace riffle::RIFFLE_GPU
