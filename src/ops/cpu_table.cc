#include "ops/cpu.h"

namespace riffle {

const OpTable<float>& CpuOps() { return cpu::Table(float()); }

}  // namespace riffle
