// Working memory of the calling thread for the length of a scope: kernels keep padded pictures, packed panels and
// partial sums here, where they stay in the cache from one task to the next.
#pragma once

#include <cstddef>
#include <cstdint>

namespace riffle {

/// A scope of the calling thread's scratch memory. What it hands out is valid until it ends; scopes nest (a kernel may
/// call another one), and must end in the reverse order of their start. The memory itself stays with the thread.
class Scratch {
 public:
  Scratch();
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  /// `count` floats or doubles with any content, aligned to a cache line, in whole cache lines.
  float* Floats(int64_t count) { return static_cast<float*>(Bytes(static_cast<size_t>(count) * sizeof(float))); }
  double* Doubles(int64_t count) { return static_cast<double*>(Bytes(static_cast<size_t>(count) * sizeof(double))); }

 private:
  void* Bytes(size_t count);

  size_t block_;  // where the thread's memory stood when this scope began
  size_t used_;
};

}  // namespace riffle
