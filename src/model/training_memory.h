// The memory of a training step, known before the first one: how long each map and each gradient is needed.
#pragma once

#include <cstdint>
#include <vector>

#include "model/memory_plan.h"
#include "model/plan.h"

namespace riffle {

/// Bytes of a value of maps, and of what the head reads and writes.
struct ValueBytes {
  int64_t map = sizeof(float), vector = sizeof(float);
};

/// Lives of all maps, by number, and then of the gradients of all maps; those without bytes are stored in others. Time:
/// step i runs forward at i and backward at 2·steps − 1 − i, but those of a chain at the same time, the first one's.
std::vector<BufferLife> LivesInTraining(const Plan& plan, int64_t images, const ValueBytes& value_bytes);

/// Bytes of maps and gradients that training on batches of `images` takes: a Network's arena.
int64_t TrainingArenaBytes(const Plan& plan, int64_t images, const ValueBytes& value_bytes = {});

/// Bytes that a training step takes in all: pictures, maps and their gradients, parameters, their gradients and one
/// optimizer slot.
int64_t TrainingMemoryBytes(const Plan& plan, int64_t images, const ValueBytes& value_bytes = {});

}  // namespace riffle
