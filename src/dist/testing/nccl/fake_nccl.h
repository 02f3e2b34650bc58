// A library with NCCL's functions, for tests: ranks are threads of one program, and what a card's memory would hold
// lies in the host's. It fails where a test wants it to. As NCCL it wants all ranks to do a sum in one way, recorded at
// the same time or not recorded, where NCCL may hang: it ends the program. And as NCCL a communicator ends, and is
// aborted, only when no recording has sums of it any more.
#pragma once

#include <dlfcn.h>

#include <functional>
#include <string>
#include <vector>

namespace riffle::nccl {

/// What it takes for a stream: work is done when the test lets it; where it is recorded, again and again, until the
/// recording is gone.
class FakeStream {
 public:
  virtual ~FakeStream() = default;
  virtual void Enqueue(std::function<void()> work) = 0;
  virtual bool IsRecorded() const { return false; }
};

/// What tests see and change of it, for all communicators of the program.
class FakeNccl {
 public:
  virtual ~FakeNccl() = default;
  /// Forgets all below.
  virtual void Reset() = 0;
  /// From now on a rank's calls of this function fail; it then says "unhandled system error".
  virtual void FailAt(int rank, const std::string& function) = 0;
  /// From now on sums never end, and ranks hear of an error that came meanwhile: "remote process exited or there was a
  /// network error".
  virtual void BreakLinks() = 0;
  /// The functions that a rank has called, but for ncclCommGetAsyncError, which a watch calls whenever it wants.
  virtual std::vector<std::string> CallsOf(int rank) = 0;
};

/// Of a library like this.
inline FakeNccl& FakeNcclIn(const std::string& file) {
  void* const library = ::dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  return *reinterpret_cast<FakeNccl* (*)()>(::dlsym(library, "RiffleFakeNccl"))();
}

}  // namespace riffle::nccl
