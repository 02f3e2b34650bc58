// Where tests run ops.
#pragma once

#include <map>

#include "backend/execution.h"

namespace riffle {

/// An Execution on so many threads; unless that is said, on as many as a program takes. Its pool lives as long as the
/// test program. Not thread-safe.
inline Execution OnThreads(int threads = DefaultThreads()) {
  static std::map<int, ThreadPool> pools;
  return {pools.try_emplace(threads, threads).first->second};
}

}  // namespace riffle
