// Processes that train together, and what they tell one another. One process alone is a world of its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace riffle {

/// A world of `size` processes, each with a rank. All functions but the first ones are collective: every rank calls
/// them, in the same order and with as many values; they return when the own result is there. Not thread-safe: one
/// thread at a time calls one; two threads use two of them (Duplicate). A rank that is lost ends all processes of a
/// world that OpenWorld made (world.h); where it does not, the error is Unavailable and nothing can be told one another
/// afterwards.
class Communicator {
 public:
  virtual ~Communicator() = default;

  virtual int rank() const = 0;
  virtual int size() const = 0;
  /// Among the processes on this one's host: which, and of how many.
  virtual int local_rank() const = 0;
  virtual int local_size() const = 0;
  bool first() const { return rank() == 0; }

  /// values := their sum over all ranks. The same bits at every rank, and in every run with as many ranks and values.
  virtual Status Sum(std::span<float> values) = 0;
  virtual Status Sum(std::span<double> values) = 0;
  virtual Status Sum(std::span<int64_t> values) = 0;

  /// values := those of rank 0.
  virtual Status Broadcast(std::span<std::byte> values) = 0;

  /// The bytes of all ranks, one after another by rank. REQUIRES: all.size() = size() · own.size()
  virtual Status Gather(std::span<const std::byte> own, std::span<std::byte> all) = 0;

  /// A text of each rank, by rank; they may differ in length.
  virtual Result<std::vector<std::string>> GatherTexts(std::string_view own) = 0;

  /// The texts of all ranks, those of rank 0 first; each may have another number of them. REQUIRES: none holds a NUL.
  Result<std::vector<std::string>> GatherLists(std::span<const std::string> own);

  /// The same processes, with collectives that are ordered among themselves only: for another thread.
  virtual Result<std::unique_ptr<Communicator>> Duplicate() = 0;

  /// Returns when all ranks have called it: `own` where all are ok, else the error of the lowest rank that has one, at
  /// every rank the same: "rank 2 on HOST: why"; without a name where all have the same. So nobody waits for one that
  /// has given up. Cheap where all are ok: the sum of one number.
  Status Agree(const Status& own);

  /// Called last, once, whatever the others still do; no collective follows. Returns when all ranks have called it: the
  /// error that came first, at every rank the same, or ok. A rank that then waits for one that has left, in a
  /// collective that cannot end any more, ends the job.
  virtual Status Leave(const Status& own) { return own; }

  /// "rank 2 on HOST"
  virtual std::string NameOf(int rank) const = 0;
};

/// This process alone: what it says is what all say. Thread-safe.
std::unique_ptr<Communicator> OneProcess();
/// The same, for whoever has no others to think of.
Communicator& ThisProcess();

}  // namespace riffle
