// Where ops run: what each of them takes first.
#pragma once

#include "backend/device.h"
#include "backend/threads.h"

namespace riffle {

/// What an op is enqueued on: a device, and the threads that compute where the device is the CPU. Ops on the same
/// Execution run in the order of their calls, with the transfers of its device; what they wrote may be read, and what
/// they read changed or freed, after Synchronize(). A view, cheap to copy: who owns a computation owns the pool, which
/// must outlive it. Pointers that are passed to an op are the caller's, and point to memory that the device reads;
/// results have the same bits whatever the pool.
struct Execution {
  ThreadPool& pool;
  Device& device = CpuDevice();
  /// Products of maps of float may be of factors that are rounded to TF32, by graphics cards, which have tensor cores
  /// for it. The CPU computes exact products in any case.
  bool tf32 = false;

  /// Returns when all ops that were called before are done. Those of the CPU are when their calls return.
  void Synchronize() const { device.Synchronize(); }
};

}  // namespace riffle
