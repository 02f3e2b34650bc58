// What carries bytes between the processes of a world. All collectives are made of one thing that it does: each rank
// sends to some, and receives from some.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "base/status.h"

namespace riffle {

struct Outgoing {
  int to = 0;
  std::span<const std::byte> bytes;
};
struct Incoming {
  int from = 0;
  std::span<std::byte> bytes;
};

/// Thread-safe. What is sent on one channel arrives in the order in which it was sent; each thread of a process uses
/// channels of its own.
class Transport {
 public:
  virtual ~Transport() = default;

  virtual int rank() const = 0;
  virtual int size() const = 0;

  /// Sends and receives, and returns when all of it is done. Both sides know the sizes; what is empty is not sent. All
  /// ranks exchange equally often on a channel, with nothing to say, too. A rank that is lost meanwhile ends the
  /// process (TransportOptions).
  virtual void Exchange(int channel, const std::vector<Outgoing>& out, const std::vector<Incoming>& in) = 0;

  /// Returns when all ranks have called it: the error that was the first in time, else ok. Nothing is exchanged
  /// afterwards. A rank that still exchanges with one that has left ends the job.
  struct Farewell {
    std::optional<int> rank;  ///< whose error it is; none where all have the same
    Status status;
  };
  virtual Farewell Leave(const Status& own) = 0;
};

/// What others are told when the job cannot go on: which rank is lost, if it is one, and why. Returns the exit code of
/// the job, whose processes all end.
using OnLoss = std::function<int(std::optional<int> rank, const Status& why)>;

struct TransportOptions {
  std::chrono::milliseconds patience = std::chrono::seconds(30);  ///< with a rank that says nothing
  OnLoss on_loss;
};

}  // namespace riffle
