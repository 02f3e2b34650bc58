// Sums of what lies in the memory of graphics cards, over all processes of a world, by NCCL.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <thread>

#include "dist/communicator.h"
#include "dist/nccl/nccl_library.h"

namespace riffle::nccl {

/// A communicator of NCCL, and a thread that watches it: where another process is lost, or a link, the kernels that
/// wait for it are ended, so that the queue goes on, and status() says so.
class Sums {
 public:
  /// Collective: the id goes from rank 0 to all over `world`. `use_card` makes the process's card the current one of
  /// the thread that calls it. Errors: Unavailable, at every rank the same, where NCCL cannot begin at one of them: no
  /// rank waits for it.
  static Result<std::unique_ptr<Sums>> Create(std::shared_ptr<const Library> library, Communicator& world,
                                              const std::function<void()>& use_card);
  ~Sums();

  /// values, in the card's memory, := their sum over all ranks; on the queue of `stream`. The same bits at all ranks.
  /// All ranks call it for as many values in the same order. Nothing happens after an error, which status() says.
  void Sum(std::span<float> values, Stream stream);

  const Library& library() const { return *library_; }

  /// Of what has gone wrong so far, in a call or since. Thread-safe.
  Status status() const;

 private:
  Sums(std::shared_ptr<const Library> library, Comm comm, std::function<void()> use_card);
  void Watch();
  /// The first error stays, and ends what is under way.
  void Fail(const Status& why);

  const std::shared_ptr<const Library> library_;
  const std::function<void()> use_card_;
  mutable std::mutex mutex_;  // of what both threads touch: the next two
  Comm comm_;                 // null after an error
  Status status_;
  std::atomic<bool> stopping_ = false;
  std::thread watch_;
};

}  // namespace riffle::nccl
