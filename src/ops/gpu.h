// The kernels of graphics cards (backend/cuda/kernel.h says how they are written). Pointers are to the card's memory; a
// call enqueues and returns. Results have the same bits in every run on one kind of card.
#pragma once

#include "backend/cuda/kernel.h"
#include "ops/op_table.h"

namespace riffle::RIFFLE_GPU {
#include "ops/op_functions-inl.h"
}  // namespace riffle::RIFFLE_GPU
