// A pool of workers that spin for a moment and then sleep. Tasks are handed out by one atomic counter, in order.
// Why no OpenMP: see docs/decisions.md, "Threads".
#include "base/threads.h"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace riffle {
namespace {

// CPU limit of the container in cores, rounded up; 0 where there is none.
int CgroupCores() {
  double quota = 0, period = 0;
  if (std::ifstream v2("/sys/fs/cgroup/cpu.max"); v2) {
    std::string max;
    if (v2 >> max >> period && max != "max") quota = std::atof(max.c_str());
  } else {
    std::ifstream("/sys/fs/cgroup/cpu/cpu.cfs_quota_us") >> quota;
    std::ifstream("/sys/fs/cgroup/cpu/cpu.cfs_period_us") >> period;
  }
  return quota > 0 && period > 0 ? static_cast<int>(std::ceil(quota / period)) : 0;
}

void Pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

class Pool {
 public:
  explicit Pool(int threads) {
    for (int i = 1; i < threads; ++i) workers_.emplace_back([this, i] { Work(i); });
    // With more threads than cores a spinning thread only keeps a working one from its core.
    spins_ = threads <= UsableCores() ? 4000 : 0;
  }

  ~Pool() {
    stop_.store(true, std::memory_order_relaxed);
    generation_.fetch_add(1, std::memory_order_release);
    generation_.notify_all();
    for (std::thread& worker : workers_) worker.join();
  }

  void Run(int64_t tasks, const std::function<void(int64_t, int)>& task) {
    task_ = &task;
    tasks_ = tasks;
    next_.store(0, std::memory_order_relaxed);
    busy_.store(static_cast<int>(workers_.size()), std::memory_order_relaxed);
    generation_.fetch_add(1, std::memory_order_release);
    generation_.notify_all();
    Drain(0);
    for (int spin = 0; spin < spins_ && busy_.load(std::memory_order_acquire) != 0; ++spin) Pause();
    for (int busy; (busy = busy_.load(std::memory_order_acquire)) != 0;) busy_.wait(busy, std::memory_order_acquire);
  }

 private:
  void Drain(int thread) {
    for (int64_t i; (i = next_.fetch_add(1, std::memory_order_relaxed)) < tasks_;) (*task_)(i, thread);
  }

  void Work(int thread);

  std::vector<std::thread> workers_;
  const std::function<void(int64_t, int)>* task_ = nullptr;
  int64_t tasks_ = 0;
  std::atomic<int> spins_ = 0;
  std::atomic<bool> stop_ = false;
  alignas(64) std::atomic<uint32_t> generation_ = 0;
  alignas(64) std::atomic<int64_t> next_ = 0;
  alignas(64) std::atomic<int> busy_ = 0;
};

thread_local int this_thread = -1;  // within a task: the thread that runs it
int configured_threads = 0;
std::unique_ptr<Pool> pool;

void Pool::Work(int thread) {
  this_thread = thread;
  for (uint32_t seen = 0;;) {
    const int spins = spins_.load(std::memory_order_relaxed);
    for (int spin = 0; spin < spins && generation_.load(std::memory_order_acquire) == seen; ++spin) Pause();
    generation_.wait(seen, std::memory_order_acquire);
    ++seen;
    if (stop_.load(std::memory_order_relaxed)) return;
    Drain(thread);
    if (busy_.fetch_sub(1, std::memory_order_acq_rel) == 1) busy_.notify_one();
  }
}

int DefaultThreads() {
  const char* omp = std::getenv("OMP_NUM_THREADS");
  const int asked = omp ? std::atoi(omp) : 0;
  return asked > 0 ? asked : UsableCores();
}

}  // namespace

int UsableCores() {
  static const int cores = [] {
    cpu_set_t set;
    int affinity = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set)
                                                               : static_cast<int>(std::thread::hardware_concurrency());
    const int limit = CgroupCores();
    return std::max(1, limit > 0 ? std::min(limit, affinity) : affinity);
  }();
  return cores;
}

void SetThreads(int threads) {
  threads = std::max(1, threads);
  if (threads == configured_threads) return;
  configured_threads = threads;
  pool.reset();
}

int Threads() {
  if (configured_threads == 0) configured_threads = DefaultThreads();
  return configured_threads;
}

void ParallelForThread(int64_t tasks, const std::function<void(int64_t, int)>& task) {
  if (this_thread >= 0 || tasks <= 1 || Threads() == 1) {
    for (int64_t i = 0; i < tasks; ++i) task(i, std::max(0, this_thread));
    return;
  }
  if (!pool) pool = std::make_unique<Pool>(Threads());
  this_thread = 0;
  pool->Run(tasks, task);
  this_thread = -1;
}

void ParallelFor(int64_t tasks, const std::function<void(int64_t)>& task) {
  ParallelForThread(tasks, [&](int64_t i, int) { task(i); });
}

}  // namespace riffle
