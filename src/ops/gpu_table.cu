#include "ops/gpu.h"
#include "ops/gpu_ops.h"

namespace riffle::RIFFLE_GPU {

const OpTable<float>& Ops() { return Table(float()); }
const OpTable<float, Bfloat16>& Bfloat16Ops() { return Table(Bfloat16()); }

}  // namespace riffle::RIFFLE_GPU
