// What ops run on: a device's memory, and the ways between it and the host's.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <string>
#include <utility>

#include "base/status.h"

namespace riffle {

/// What a device with memory of its own throws when that is not enough.
class DeviceOutOfMemory : public std::bad_alloc {
 public:
  /// `why`: which device, how much was asked for, and how much is free.
  explicit DeviceOutOfMemory(std::string why) : why_(std::move(why)) {}
  const char* what() const noexcept override { return why_.c_str(); }

 private:
  std::string why_;
};

/// Ops that were recorded, to be enqueued again as often as one likes, at the cost of one: with the pointers and the
/// numbers of then.
class Recording {
 public:
  virtual ~Recording() = default;
  virtual void Enqueue() = 0;
};

/// Another queue of a device, for what goes on beside its ops: transfers, and what libraries enqueue there.
class SideQueue {
 public:
  virtual ~SideQueue() = default;
  /// What is enqueued here from now on begins when all is done that was called on the device before.
  virtual void Follow() = 0;
  /// As Device::Upload, here.
  virtual void Upload(void* to, const void* from, size_t bytes) = 0;
  /// What is called on the device from now on begins when all is done that was enqueued here before.
  virtual void Join() = 0;
  /// What libraries of the device's maker know it by: a cudaStream_t.
  virtual void* handle() = 0;
};

/// Memory and one queue: ops on this device (execution.h) and the transfers below are done in the order of their calls.
/// What they wrote may be read by the host, and what they read of the host's changed or freed, after Synchronize(). The
/// CPU does each at once. Memory may be allocated and freed by any thread; the rest is called by one thread at a time.
class Device {
 public:
  virtual ~Device() = default;

  /// Memory of the device: all zero, aligned to a cache line at least, and to huge pages where it is large enough for
  /// them. Nothing but ops and the functions below may touch it. Never null; throws std::bad_alloc, where the
  /// device has memory of its own a DeviceOutOfMemory.
  virtual void* Allocate(size_t bytes) = 0;
  /// `bytes` as they were asked for. Whatever was called before may still use the memory.
  virtual void Free(void* memory, size_t bytes) = 0;

  /// Memory of the host that Upload and Download are fastest with; else as Allocate and Free.
  virtual void* AllocateStaging(size_t bytes) = 0;
  virtual void FreeStaging(void* memory, size_t bytes) = 0;

  /// Whether ops read the host's memory as well as the device's, so that nothing they read need be copied.
  virtual bool ReadsHostMemory() const = 0;

  /// From the host's memory to the device's. What is not staging memory is read when it returns.
  virtual void Upload(void* to, const void* from, size_t bytes) = 0;
  /// From the device's memory to the host's.
  virtual void Download(void* to, const void* from, size_t bytes) = 0;
  /// Within the device's memory; the two places do not overlap.
  virtual void Copy(void* to, const void* from, size_t bytes) = 0;
  virtual void Zero(void* memory, size_t bytes) = 0;

  /// Returns when no upload that was called before, on whichever queue, reads the host's memory any more; what was
  /// called after it may still go on.
  virtual void FinishUploads() {}

  /// Returns when all that was called before is done.
  virtual void Synchronize() = 0;

  /// From here to EndRecording() ops and copies on the device are noted and not done. False: this device does not
  /// record. REQUIRES: the same ops have been done before, so that they allocate nothing now.
  virtual bool BeginRecording() { return false; }
  /// What was noted; null where that failed. The device must outlive it.
  virtual std::unique_ptr<Recording> EndRecording() { return nullptr; }

  /// Which the device must outlive; null where ops read the host's memory.
  virtual std::unique_ptr<SideQueue> OpenSideQueue() { return nullptr; }

  /// Of libraries of the device's maker: those that the calling thread uses take this device from now on. Thread-safe.
  virtual void Use() const {}

  /// What people call it: "GPU 0 (NVIDIA H100 80GB HBM3, 79.6 of 80.0 GB free)", with what was free when it was opened.
  virtual std::string Name() const { return "the CPU"; }

  /// The most bytes that were allocated at once; 0: nobody counts.
  virtual size_t MostBytes() const { return 0; }

  /// Unavailable, with what went wrong, if something has since the device was opened: nothing that ops wrote since can
  /// be trusted. What fails is seen after the next Synchronize() at the latest.
  virtual Status Health() const { return {}; }

  /// How often memory was given back because more was needed (DeviceArray::Reserve). Thread-safe.
  int64_t moves() const { return moves_; }
  void NoteMove() { ++moves_; }

 private:
  std::atomic<int64_t> moves_ = 0;
};

/// The processors of this machine: the host's memory is theirs. It has no state, and all of it is thread-safe.
Device& CpuDevice();

}  // namespace riffle
