// Sums of what lies in the memory of graphics cards, over all processes of a world, by NCCL.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <thread>

#include "dist/communicator.h"
#include "dist/nccl/nccl_library.h"

namespace riffle::nccl {

/// A communicator of NCCL, and a thread that watches it: where another process is lost, or a link, or a call fails, the
/// kernels that wait for it are ended, so that the queue goes on, and status() says so.
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
  /// What is recorded there is summed whenever the recording is enqueued; it must be gone before the sums are.
  void Sum(std::span<float> values, Stream stream) { Sum(values.data(), values.size(), DataType::kFloat32, stream); }
  void Sum(std::span<double> values, Stream stream) { Sum(values.data(), values.size(), DataType::kFloat64, stream); }

  const Library& library() const { return *library_; }

  /// Of what has gone wrong so far, in a call or since. Thread-safe.
  Status status() const;

 private:
  Sums(std::shared_ptr<const Library> library, Comm comm, std::function<void()> use_card);
  void Sum(void* values, size_t count, DataType type, Stream stream);
  void Watch();

  const std::shared_ptr<const Library> library_;
  const std::function<void()> use_card_;
  mutable std::mutex mutex_;  // of what both threads touch
  std::condition_variable changed_;
  Comm comm_;      // null where it is aborted
  Status status_;  // the first error
  bool stopping_ = false;
  std::thread watch_;
};

}  // namespace riffle::nccl
