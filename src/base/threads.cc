// A pool of workers that spin for a moment and then sleep. Tasks are handed out in order by one atomic word.
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
#include <system_error>
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
    // With more threads than cores a spinning thread only keeps a working one from its core.
    spins_ = threads <= UsableCores() ? kSpins : 0;
    workers_.reserve(threads - 1);
    try {
      for (int i = 1; i < threads; ++i) workers_.emplace_back([this, i] { Work(i); });
    } catch (const std::system_error&) {  // the system has no more: those that started do the work
    }
  }

  /// How many there are, the caller among them.
  int threads() const { return static_cast<int>(workers_.size()) + 1; }

  ~Pool() {
    stop_.store(true, std::memory_order_relaxed);
    Wake();
    for (std::thread& worker : workers_) worker.join();
  }

  void Run(int64_t tasks, TaskRef task) {
    // Nobody else reads these now: all claims of the region before are done, and there is nothing left to claim.
    task_ = &task;
    tasks_ = tasks;
    unfinished_.store(tasks, std::memory_order_relaxed);
    const uint64_t region = (claims_.load(std::memory_order_relaxed) & ~kLeft) + kRegion;
    claims_.store(region | static_cast<uint64_t>(tasks), std::memory_order_release);
    Wake();
    Drain(0);
    // Only tasks are waited for: a worker that got no core meanwhile comes late and finds nothing to claim.
    for (int spin = 0; spin < spins_ && unfinished_.load(std::memory_order_acquire) != 0; ++spin) Pause();
    for (int64_t n; (n = unfinished_.load(std::memory_order_acquire)) != 0;)
      unfinished_.wait(n, std::memory_order_acquire);
  }

 private:
  // Turns of a waiting thread before it sleeps, about 50 µs: longer than what one thread does alone between two regions
  // of a network, far shorter than a time slice that a neighbour could use.
  static constexpr int kSpins = 2000;
  // claims_: tasks left to claim in the lower half, the number of the region in the upper one. A claim is an exchange
  // of the whole word, so it cannot fall into another region than the one it was read from.
  static constexpr uint64_t kRegion = uint64_t{1} << 32, kLeft = kRegion - 1;

  void Wake() {
    generation_.fetch_add(1, std::memory_order_release);
    generation_.notify_all();
  }

  // Runs tasks until none is left to claim. A claimed task keeps Run from returning, so task_ and tasks_ hold still.
  void Drain(int thread) {
    uint64_t claims = claims_.load(std::memory_order_acquire);
    while ((claims & kLeft) != 0) {
      if (!claims_.compare_exchange_weak(claims, claims - 1, std::memory_order_acq_rel, std::memory_order_acquire))
        continue;
      (*task_)(tasks_ - static_cast<int64_t>(claims & kLeft), thread);
      if (unfinished_.fetch_sub(1, std::memory_order_acq_rel) == 1 && thread != 0) unfinished_.notify_one();
      claims = claims_.load(std::memory_order_acquire);
    }
  }

  void Work(int thread);

  std::vector<std::thread> workers_;
  const TaskRef* task_ = nullptr;
  int64_t tasks_ = 0;
  int spins_ = 0;
  std::atomic<bool> stop_ = false;
  alignas(64) std::atomic<uint32_t> generation_ = 0;
  alignas(64) std::atomic<uint64_t> claims_ = 0;
  alignas(64) std::atomic<int64_t> unfinished_ = 0;
};

thread_local int this_thread = -1;  // within a task: the thread that runs it
int configured_threads = 0;
std::unique_ptr<Pool> pool;

void Pool::Work(int thread) {
  this_thread = thread;
  for (uint32_t seen = 0;;) {
    for (int spin = 0; spin < spins_ && generation_.load(std::memory_order_acquire) == seen; ++spin) Pause();
    generation_.wait(seen, std::memory_order_acquire);
    seen = generation_.load(std::memory_order_acquire);
    if (stop_.load(std::memory_order_relaxed)) return;
    Drain(thread);
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

Status StartThreads(int threads) {
  if (threads > 0) SetThreads(threads);
  if (!pool) pool = std::make_unique<Pool>(Threads());
  if (pool->threads() == Threads()) return {};
  return Unavailable("option threads: {} threads were to compute, the system starts only {}; lower --threads",
                     Threads(), pool->threads());
}

void ParallelForThread(int64_t tasks, TaskRef task) {
  if (this_thread >= 0 || tasks <= 1 || Threads() == 1) {
    for (int64_t i = 0; i < tasks; ++i) task(i, std::max(0, this_thread));
    return;
  }
  if (!pool) pool = std::make_unique<Pool>(Threads());
  this_thread = 0;
  pool->Run(tasks, task);
  this_thread = -1;
}

}  // namespace riffle
