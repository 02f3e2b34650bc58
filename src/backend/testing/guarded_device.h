// A device whose memory the host cannot touch, as that of a graphics card: a host access that is no transfer ends the
// test program.
#pragma once

#include <sys/mman.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <thread>
#include <utility>
#include <vector>

#include "backend/device.h"
#include "base/arena.h"

namespace riffle {

/// Its memory is the machine's, and closed but for transfers and the lives of Openings. Where it records, it does so as
/// a card: ops and copies that are called meanwhile are done by the recording alone, and what cannot be recorded ends
/// the program. Memory is thread-safe.
class GuardedDevice : public Device {
 public:
  explicit GuardedDevice(bool records = false) : records_(records) {}

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
    RequireNotRecorded("an allocation");
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
  void FinishUploads() override {
    for (Queue* queue : queues_) queue->FinishUploads();
  }
  void Download(void* to, const void* from, size_t bytes) override { Transfer(to, from, bytes); }
  void Copy(void* to, const void* from, size_t bytes) override {
    Do([=] { std::memcpy(to, from, bytes); });
  }
  void Zero(void* memory, size_t bytes) override {
    Do([=] { std::memset(memory, 0, bytes); });
  }
  void Synchronize() override {
    RequireNotRecorded("a wait");
    FinishUploads();
  }

  bool BeginRecording() override {
    if (!records_) return false;
    recording_ = std::make_unique<Tape>(*this);
    recorder_ = std::this_thread::get_id();
    return true;
  }
  std::unique_ptr<Recording> EndRecording() override {
    ++recordings_;
    return std::move(recording_);
  }

  /// What is enqueued on it is done as late as is allowed.
  class Queue : public SideQueue {
   public:
    explicit Queue(GuardedDevice& device) : device_(device) { device_.queues_.push_back(this); }
    ~Queue() override { std::erase(device_.queues_, this); }
    Queue(const Queue&) = delete;
    Queue& operator=(const Queue&) = delete;

    void Follow() override {}
    void Upload(void* to, const void* from, size_t bytes) override {
      device_.RequireNotRecorded("a transfer");
      uploads_ = true;
      Enqueue([=] { std::memcpy(to, from, bytes); });
    }
    void Join() override {
      uploads_ = false;
      for (std::function<void()>& each : std::exchange(work_, {})) device_.Do(std::move(each));
    }
    void* handle() override { return nullptr; }

    void Enqueue(std::function<void()> work) { work_.push_back(std::move(work)); }
    void FinishUploads() {
      if (uploads_) Join();
    }

   private:
    GuardedDevice& device_;
    std::vector<std::function<void()>> work_;
    bool uploads_ = false;  // there are some in it
  };
  std::unique_ptr<SideQueue> OpenSideQueue() override { return std::make_unique<Queue>(*this); }

  /// Does `work`, which touches the memory; within a recording only notes it.
  void Do(std::function<void()> work) {
    if (recording_) return recording_->work.push_back(std::move(work));
    const Opening opening(*this);
    work();
  }
  /// What the recording under way, if there is one, works on.
  void KeepForRecording(std::shared_ptr<void> memory) {
    if (recording_) recording_->memory.push_back(std::move(memory));
  }

  bool is_recording() const { return recording_ != nullptr; }
  int recordings() const { return recordings_; }  ///< that were made
  int replays() const { return replays_; }        ///< how often one was enqueued

 private:
  struct Tape : Recording {
    explicit Tape(GuardedDevice& of) : device(of) {}
    void Enqueue() override {
      ++device.replays_;
      for (const auto& each : work) device.Do(each);
    }
    GuardedDevice& device;
    std::vector<std::function<void()>> work;
    std::vector<std::shared_ptr<void>> memory;
  };

  void RequireNotRecorded(const char* what) const {
    if (!recording_ || std::this_thread::get_id() != recorder_) return;
    std::fprintf(stderr, "guarded device: %s within a recording\n", what);
    std::abort();
  }
  void Transfer(void* to, const void* from, size_t bytes) {
    RequireNotRecorded("a transfer");
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

  std::vector<Queue*> queues_;
  std::mutex mutex_;
  std::map<void*, size_t> blocks_;
  int openings_ = 0;
  const bool records_;
  std::unique_ptr<Tape> recording_;  // under way
  std::thread::id recorder_;
  int recordings_ = 0, replays_ = 0;
};

}  // namespace riffle
