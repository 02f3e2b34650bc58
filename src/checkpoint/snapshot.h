// A run's state at one moment, as host values: the form in which initialisation, transfer and checkpoints exchange it.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/parameters.h"

namespace riffle {

/// Weights and batch-norm statistics; their moving average if the run keeps one; what the optimizer remembers of each
/// weight. Movable, not copyable.
struct Snapshot {
  /// One of the optimizer's memories, such as "velocity", laid out as the trainable arena.
  struct Slot {
    std::string name;
    AlignedArray<float> values;
  };

  /// Room for them, all zero.
  explicit Snapshot(const ParameterRegistry& registry, std::span<const std::string_view> slot_names = {},
                    bool with_average = false)
      : values(registry) {
    if (with_average) average.emplace(registry);
    for (const std::string_view name : slot_names)
      slots.push_back({std::string(name), AlignedArray<float>(registry.trainable_arena_values())});
  }

  ParameterValues<float> values;
  std::optional<ParameterValues<float>> average;
  std::vector<Slot> slots;
};

}  // namespace riffle
