// A pool of workers that spin for a moment and then sleep. Each thread begins with a part of the tasks of its own, the
// same part each time: regions that follow one another on the same map leave its rows in the caches where they are used
// next. Who has done its part takes tasks of the others one by one, so that a thread without a core holds nobody up.
// Why no OpenMP: see docs/decisions.md, "Threads".
#include "backend/threads.h"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <string>
#include <system_error>

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

// Turns of a waiting thread before it sleeps, about 50 µs: longer than what one thread does alone between two regions
// of a network, far shorter than a time slice that a neighbour could use.
constexpr int kSpins = 2000;

// Of the whole process, as affinity is: LimitUsableCores.
std::atomic<int> core_limit = std::numeric_limits<int>::max();

// Part::unclaimed: how many tasks in the lower half, the number of the region in the upper one. A claim is an exchange
// of the whole word, so it cannot fall into another region than the one it was read from.
constexpr uint64_t kLeft = (uint64_t{1} << 32) - 1;

}  // namespace

int UsableCores() {
  static const int cores = [] {
    cpu_set_t set;
    int affinity = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set)
                                                               : static_cast<int>(std::thread::hardware_concurrency());
    const int limit = CgroupCores();
    return std::max(1, limit > 0 ? std::min(limit, affinity) : affinity);
  }();
  return std::min(cores, core_limit.load());
}

void LimitUsableCores(int cores) { core_limit = cores; }

int DefaultThreads() {
  const char* omp = std::getenv("OMP_NUM_THREADS");
  const int asked = omp ? std::atoi(omp) : 0;
  return asked > 0 ? asked : UsableCores();
}

ThreadPool::ThreadPool(int threads) : asked_(threads), parts_(threads) {
  // With more threads than cores a spinning thread only keeps a working one from its core.
  spins_ = threads <= UsableCores() ? kSpins : 0;
  workers_.reserve(threads - 1);
  try {
    for (int i = 1; i < threads; ++i) workers_.emplace_back([this, i] { Work(i); });
  } catch (const std::system_error&) {
    // Those that started will do; Started() tells.
  }
}

ThreadPool::~ThreadPool() {
  stop_.store(true, std::memory_order_relaxed);
  Wake();
  for (std::thread& worker : workers_) worker.join();
}

Status ThreadPool::Started() const {
  if (threads() == asked_) return {};
  return Unavailable("{} threads were asked for, and the system starts no more than {}: lower --threads", asked_,
                     threads());
}

void ThreadPool::ParallelForThread(int64_t tasks, TaskRef task) {
  // Inside a task the pool is always taken. One task alone leaves it to whatever that task calls.
  if (tasks <= 1 || workers_.empty() || taken_.load(std::memory_order_relaxed) ||
      taken_.exchange(true, std::memory_order_acquire)) {
    for (int64_t i = 0; i < tasks; ++i) task(i, 0);
    return;
  }
  Run(tasks, task);
  taken_.store(false, std::memory_order_release);
}

void ThreadPool::Run(int64_t tasks, TaskRef task) {
  // Nobody else reads these now: all claims of the region before are done, and there is nothing left to claim.
  task_ = &task;
  tasks_ = tasks;
  unfinished_.store(tasks, std::memory_order_relaxed);
  ++region_;
  for (int part = 0; part < threads(); ++part)
    parts_[part].unclaimed.store(uint64_t{region_} << 32 | static_cast<uint64_t>(PartBegin(part + 1) - PartBegin(part)),
                                 std::memory_order_release);
  Wake();
  Drain(0);
  // Only tasks are waited for: a worker that got no core meanwhile comes late and finds nothing to claim.
  for (int spin = 0; spin < spins_ && unfinished_.load(std::memory_order_acquire) != 0; ++spin) Pause();
  for (int64_t n; (n = unfinished_.load(std::memory_order_acquire)) != 0;)
    unfinished_.wait(n, std::memory_order_acquire);
}

void ThreadPool::Wake() {
  generation_.fetch_add(1, std::memory_order_release);
  generation_.notify_all();
}

// Runs tasks until none is left to claim: its own, then those that others are late with.
void ThreadPool::Drain(int thread) noexcept {
  for (int i = 0; i < threads(); ++i) DrainPart((thread + i) % threads(), thread);
}

// A claimed task that is not told to be finished keeps Run from returning, so task_ and tasks_ hold still.
void ThreadPool::DrainPart(int part, int thread) noexcept {
  std::atomic<uint64_t>& unclaimed = parts_[part].unclaimed;
  int64_t done = 0;
  uint64_t word = unclaimed.load(std::memory_order_acquire);
  while ((word & kLeft) != 0) {
    if (!unclaimed.compare_exchange_weak(word, word - 1, std::memory_order_acq_rel, std::memory_order_acquire))
      continue;
    (*task_)(PartBegin(part + 1) - static_cast<int64_t>(word & kLeft), thread);
    ++done;
    word = unclaimed.load(std::memory_order_acquire);
  }
  if (done > 0 && unfinished_.fetch_sub(done, std::memory_order_acq_rel) == done && thread != 0)
    unfinished_.notify_one();
}

void ThreadPool::Work(int thread) {
  for (uint32_t seen = 0;;) {
    for (int spin = 0; spin < spins_ && generation_.load(std::memory_order_acquire) == seen; ++spin) Pause();
    generation_.wait(seen, std::memory_order_acquire);
    seen = generation_.load(std::memory_order_acquire);
    if (stop_.load(std::memory_order_relaxed)) return;
    Drain(thread);
  }
}

}  // namespace riffle
