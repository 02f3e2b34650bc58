// Threads that compute together, and one way to use them. Who owns a computation, a trainer, say, or a classifier, owns
// a pool; there is none of the whole process.
#pragma once

#include <atomic>
#include <cstdint>
#include <thread>
#include <type_traits>
#include <vector>

#include "base/status.h"

namespace riffle {

/// A view of something that is called with (task, thread); owns nothing, so that starting tasks allocates nothing.
/// Valid as long as what it was made from.
class TaskRef {
 public:
  template <class F>
  TaskRef(const F& f) requires(!std::is_same_v<F, TaskRef>)  // NOLINT: callers pass lambdas
      : callable_(&f), call_([](const void* callable, int64_t task, int thread) {
          (*static_cast<const F*>(callable))(task, thread);
        }) {}
  void operator()(int64_t task, int thread) const { call_(callable_, task, thread); }

 private:
  const void* callable_;
  void (*call_)(const void* callable, int64_t task, int thread);
};

/// Cores that this process may use: its affinity mask and its container's CPU limit (cgroup v1 and v2), at least 1, and
/// its share of them where others train with it on this host (LimitUsableCores). Thread-safe.
int UsableCores();

/// UsableCores() is at most `cores` from now on: those of this process where several share out a host's. To be called
/// before there are pools. REQUIRES: cores >= 1. Thread-safe.
void LimitUsableCores(int cores);

/// How many threads compute where nobody says it: OMP_NUM_THREADS if that is a number, else UsableCores().
int DefaultThreads();

/// Some threads, the caller's among them. Thread-safe: one call at a time gets the pool's own threads. One that finds
/// them taken, whether it comes from another thread or from inside a task, runs its tasks in its own thread; so calls
/// never wait for one another, and no nesting of pools can lock up.
class ThreadPool {
 public:
  /// Starts threads - 1 threads. If the system refuses some, the pool has as many as it got: results never depend on
  /// their number. REQUIRES: threads >= 1.
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  /// How many there are, at least 1.
  int threads() const { return 1 + static_cast<int>(workers_.size()); }
  /// Unavailable if the system refused to start some of the threads: says how many were asked for.
  Status Started() const;

  /// Calls task(i, thread) once for each i in [0, tasks), in any order; returns when all are done. `thread`, in
  /// [0, threads()), is the one that runs it, counted anew for each call: for memory of the call's that is private to a
  /// thread. Which thread runs a task must never change a result: tasks write to places of their own, and their number
  /// follows from shapes alone. They throw nothing. REQUIRES: tasks < 2³².
  void ParallelForThread(int64_t tasks, TaskRef task);

  /// The same for a task(i) that need not know its thread.
  template <class F>
  void ParallelFor(int64_t tasks, const F& task) {
    ParallelForThread(tasks, [&task](int64_t i, int) { task(i); });
  }

 private:
  /// A thread's tasks of a region, which it begins with and others take where it is late.
  struct alignas(64) Part {
    std::atomic<uint64_t> unclaimed = 0;  // threads.cc says how its two halves are used
  };

  void Run(int64_t tasks, TaskRef task);
  void Wake();
  void Drain(int thread) noexcept;
  void DrainPart(int part, int thread) noexcept;
  void Work(int thread);
  int64_t PartBegin(int part) const { return tasks_ * part / threads(); }

  const int asked_;
  int spins_ = 0;            // turns of a waiting thread before it sleeps
  std::vector<Part> parts_;  // one for each thread
  std::vector<std::thread> workers_;
  // Of the region that goes on:
  const TaskRef* task_ = nullptr;
  int64_t tasks_ = 0;
  uint32_t region_ = 0;              // its number
  std::atomic<bool> taken_ = false;  // whether one does
  std::atomic<bool> stop_ = false;
  alignas(64) std::atomic<uint32_t> generation_ = 0;
  alignas(64) std::atomic<int64_t> unfinished_ = 0;
};

}  // namespace riffle
