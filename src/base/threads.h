// The compute threads of this process: one pool, and one way to use it.
#pragma once

#include <cstdint>
#include <type_traits>

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

/// Cores that this process may use: its affinity mask and its container's CPU limit (cgroup v1 and v2), at least 1.
int UsableCores();

/// How many threads ParallelFor uses, the caller among them. Until it is set: OMP_NUM_THREADS if that is a number, else
/// UsableCores(). Not thread-safe against a running ParallelFor.
void SetThreads(int threads);
int Threads();

/// Starts them now; otherwise the first ParallelFor does. Unavailable if the system starts fewer: ParallelFor then
/// works with those there are, and gives the same results. `threads`: as SetThreads; 0 leaves their number as it is.
Status StartThreads(int threads);

/// Calls task(i, thread) once for each i in [0, tasks), in any order, on Threads() threads; returns when all are done.
/// `thread`, in [0, Threads()), is the one that runs it: for scratch memory that is private to a thread. Which thread
/// runs a task must never change a result: tasks write to places of their own, and their number follows from shapes
/// alone. A call from inside a task runs in that task's thread. REQUIRES: tasks < 2³².
void ParallelForThread(int64_t tasks, TaskRef task);

/// The same for a task(i) that need not know its thread.
template <class F>
void ParallelFor(int64_t tasks, const F& task) {
  ParallelForThread(tasks, [&task](int64_t i, int) { task(i); });
}

}  // namespace riffle
