// A device whose memory the host cannot touch, as that of a graphics card: a host access that is no transfer ends the
// test program.
#pragma once

#include <sys/mman.h>

#include <cstring>
#include <map>
#include <mutex>
#include <new>
#include <vector>

#include "backend/device.h"
#include "base/arena.h"

namespace riffle {

/// Its memory is the machine's, and closed but for transfers and the lives of Openings. Thread-safe.
class GuardedDevice : public Device {
 public:
  /// The memory is open as long as there is one: an op that the CPU computes goes in between.
  class Opening {
   public:
    explicit Opening(GuardedDevice& device) : device_(device) { device_.Count(1); }
    ~Opening() { device_.Count(-1); }
    Opening(const Opening&) = delete;
    Opening& operator=(const Opening&) = delete;

   private:
    GuardedDevice& device_;
  };

  void* Allocate(size_t bytes) override {
    const std::lock_guard lock(mutex_);
    void* memory = ::mmap(nullptr, bytes, Protection(), MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    blocks_[memory] = bytes;
    return memory;
  }
  void Free(void* memory, size_t bytes) override {
    const std::lock_guard lock(mutex_);
    blocks_.erase(memory);
    ::munmap(memory, bytes);
  }
  void* AllocateStaging(size_t bytes) override { return AllocateZeroed(bytes); }
  void FreeStaging(void* memory, size_t bytes) override { FreeZeroed(memory, bytes); }
  bool ReadsHostMemory() const override { return false; }
  void Upload(void* to, const void* from, size_t bytes) override { Transfer(to, from, bytes); }
  /// As late as is allowed.
  void UploadBeside(Mark, void* to, const void* from, size_t bytes) override { beside_.push_back({to, from, bytes}); }
  void JoinUploads() override { FinishUploads(); }
  void FinishUploads() override {
    for (const auto& [to, from, bytes] : beside_) Transfer(to, from, bytes);
    beside_.clear();
  }
  void Download(void* to, const void* from, size_t bytes) override { Transfer(to, from, bytes); }
  void Copy(void* to, const void* from, size_t bytes) override { Transfer(to, from, bytes); }
  void Zero(void* memory, size_t bytes) override {
    const Opening opening(*this);
    std::memset(memory, 0, bytes);
  }
  void Synchronize() override { FinishUploads(); }

 private:
  void Transfer(void* to, const void* from, size_t bytes) {
    const Opening opening(*this);
    std::memcpy(to, from, bytes);
  }
  int Protection() const { return openings_ > 0 ? PROT_READ | PROT_WRITE : PROT_NONE; }
  void Count(int change) {
    const std::lock_guard lock(mutex_);
    const int before = Protection();
    openings_ += change;
    if (Protection() == before) return;
    for (const auto& [memory, bytes] : blocks_) ::mprotect(memory, bytes, Protection());
  }

  struct Beside {
    void* to;
    const void* from;
    size_t bytes;
  };

  std::vector<Beside> beside_;
  std::mutex mutex_;
  std::map<void*, size_t> blocks_;
  int openings_ = 0;
};

}  // namespace riffle
