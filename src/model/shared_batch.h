// What a network tells and asks while it runs on a share of a batch, where several processes have the others.
#pragma once

#include <cstdint>
#include <span>

#include "ops/common.h"

namespace riffle {

/// Told of gradients as backward finishes them, so that they can travel while it goes on.
class GradientListener {
 public:
  virtual ~GradientListener() = default;

  /// The gradients of all parameters from this value of the arena on are final: they lie in network order, and backward
  /// comes from the end. Called by the thread that runs the network, at least once a pass, with falling values; the ops
  /// that wrote them are enqueued.
  virtual void OnFinal(int64_t from) = 0;
};

/// Makes of the sums of each process's pictures those of the whole batch. All processes call it for the same batch
/// norms in the same order, those without pictures, too.
template <class T>
class StatisticsExchange {
 public:
  virtual ~StatisticsExchange() = default;

  /// moments, over `pixels` own ones, := those over the pixels of all, whose number it returns. With no own pixels the
  /// moments are not read.
  virtual int64_t Combine(int64_t pixels, std::span<Moments<T>> moments) = 0;

  /// sums := those over the pixels of all.
  virtual void Add(std::span<GradientSums<T>> sums) = 0;
};

}  // namespace riffle
