// The compute threads of this process: one pool, and one way to use it.
#pragma once

#include <cstdint>
#include <functional>

namespace riffle {

/// Cores that this process may use: its affinity mask and its container's CPU limit (cgroup v1 and v2), at least 1.
int UsableCores();

/// How many threads ParallelFor uses, the caller among them. Until it is set: OMP_NUM_THREADS if that is a number, else
/// UsableCores(). Not thread-safe against a running ParallelFor.
void SetThreads(int threads);
int Threads();

/// Calls task(i) once for each i in [0, tasks), in any order, on Threads() threads; returns when all are done. Which
/// thread runs a task must never change a result: tasks write to places of their own, and their number follows from
/// shapes alone. A call from inside a task runs in that task's thread.
void ParallelFor(int64_t tasks, const std::function<void(int64_t task)>& task);

/// The same, and tells the task which thread runs it, in [0, Threads()): for scratch memory that is private to a
/// thread.
void ParallelForThread(int64_t tasks, const std::function<void(int64_t task, int thread)>& task);

}  // namespace riffle
