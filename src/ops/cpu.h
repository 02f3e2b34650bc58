// The kernels of the cpu backend. Highway picks the instruction set at run time. Rows are read and written within their
// pixels only; results have the same bits at any number of threads, and those of one picture wherever it stands in a
// batch.
#pragma once

#include "ops/op_table.h"

namespace riffle::cpu {
#define RIFFLE_MAP float
#include "ops/op_functions-inl.h"
#undef RIFFLE_MAP
}  // namespace riffle::cpu
