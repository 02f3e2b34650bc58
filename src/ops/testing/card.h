// Tests of ops on a card (backend/gpu.h), for machines that have one: where the environment has RIFFLE_TEST_GPU=1.
#pragma once

#include "backend/execution.h"
#include "ops/op_table.h"

namespace riffle {

/// A card, and what computes on it. What the test program allocates lies in memory that the card reads, so that
/// problems hand it the host's pointers.
struct TestCard {
  Execution execution;
  const OpTable<float>& ops;
};

/// Null where the environment does not ask for it, or the build has no CUDA. Ends the program where there is no card.
#ifdef RIFFLE_HAS_CUDA
const TestCard* OnCard();
#else
inline const TestCard* OnCard() { return nullptr; }
#endif

}  // namespace riffle
