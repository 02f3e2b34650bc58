// What a network tells and asks while it runs on a share of a batch, where several processes have the others.
#pragma once

#include <cstdint>
#include <span>

#include "base/status.h"

namespace riffle {

/// Pictures of a batch.
struct BatchShare {
  int64_t own = 0;  ///< of this process
  int64_t all = 0;  ///< of all that share it
};

/// Told of gradients as backward finishes them, so that they can travel while it goes on.
class GradientListener {
 public:
  virtual ~GradientListener() = default;

  /// The gradients of all parameters from this value of the arena on are final: they lie in network order, and backward
  /// comes from the end. Called by the thread that runs the network, at least once a pass, with falling values: the
  /// same ones between the same sums of a StatisticsExchange at each process. The ops that wrote them are enqueued.
  virtual void OnFinal(int64_t from) = 0;
};

/// Makes of the sums of each process's pictures those of the whole batch. All processes call it for the same batch
/// norms in the same order, those without pictures, too. Values are in the device's memory, and calls enqueued as ops
/// are, unless the host takes part.
class StatisticsExchange {
 public:
  virtual ~StatisticsExchange() = default;

  /// values := their sum over all processes, at each the same bits.
  virtual void Sum(std::span<float> values) = 0;
  virtual void Sum(std::span<double> values) = 0;

  /// An error stays, after which values are no sums: whoever runs the network asks for it.
  virtual Status status() const = 0;
};

}  // namespace riffle
