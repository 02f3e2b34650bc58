#include "model/training_memory.h"

#include <algorithm>

namespace riffle {
namespace {

bool BackwardReadsInput(const Step& step) { return step.op != Op::kAveragePool && step.op != Op::kRelu; }

}  // namespace

std::vector<BufferLife> LivesInTraining(const Plan& plan, int64_t images, const ValueBytes& value_bytes) {
  const int maps = static_cast<int>(plan.maps.size()), steps = static_cast<int>(plan.steps.size());
  std::vector<BufferLife> lives(2 * maps, BufferLife{.bytes = 0, .first = 2 * steps, .last = -1});
  const auto use = [&](int buffer, int time) {
    lives[buffer].first = std::min(lives[buffer].first, time);
    lives[buffer].last = std::max(lives[buffer].last, time);
  };
  for (int i = 0; i < steps; ++i) {
    const Step& step = plan.steps[i];
    const int forward = plan.EndsChain(i) ? i - 1 : i, backward = 2 * steps - 1 - forward;
    for (int map : {step.x, step.y, step.shortcut})
      if (map >= 0) use(plan.StorageOf(map).map, forward);
    if (IsNorm(step)) continue;
    if (BackwardReadsInput(step) && plan.backward.maps[step.x].recomputed_by < 0)
      use(plan.StorageOf(step.x).map, backward);
    if (plan.BackwardReadsOutput(step)) use(plan.StorageOf(step.y).map, backward);
    for (int map : {step.x, step.y})
      if (map > 0) use(maps + plan.backward.maps[map].gradient_map, backward);
  }
  // The loss reads the logits while it writes their gradient, and callers read them until the next forward pass.
  use(plan.output(), 2 * steps);
  for (int m = 0; m < 2 * maps; ++m)
    if (lives[m].last >= 0 && m != 0)
      lives[m].bytes =
          plan.maps[m % maps].values(images) * (plan.maps[m % maps].vectors ? value_bytes.vector : value_bytes.map);
  return lives;
}

int64_t TrainingArenaBytes(const Plan& plan, int64_t images, const ValueBytes& value_bytes) {
  return PlanMemory(LivesInTraining(plan, images, value_bytes)).arena_bytes;
}

int64_t TrainingMemoryBytes(const Plan& plan, int64_t images, const ValueBytes& value_bytes) {
  const int64_t pictures = plan.maps[0].values(images);
  const int64_t parameters = 3 * plan.registry.trainable_arena_values() + plan.registry.statistics_arena_values();
  return TrainingArenaBytes(plan, images, value_bytes) + (pictures + parameters) * static_cast<int64_t>(sizeof(float));
}

}  // namespace riffle
