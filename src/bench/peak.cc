// Both roofs share one scheme: a pilot tells how long a task takes, then as many tasks as fill the time run on all
// threads, handed out as the threads come. A task takes some ten microseconds: little beside the time measured, which
// keeps the last task's thread from standing alone for long, and much beside handing it out.
#include "bench/peak.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <vector>

#include "base/arena.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "bench/peak.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace riffle::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;
constexpr int kLanes = static_cast<int>(hn::MaxLanes(D()));

// Chains in flight to keep all FMA units busy: latency × units, 8 to 10 on x86 since Haswell and Zen, 16 on the widest
// Arm cores. They and two factors stay within 16 registers, or 32 where there are so many.
constexpr int kChains = HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_NEON ? 16 : 12;
constexpr int kIterations = 2048;

/// One task: kIterations × kChains multiply-adds of whole vectors. Returns the FLOPs; the sum goes to `sink`, so that
/// no chain is dead code.
double MultiplyAdds(float* sink) {
  const D d;
  // Chains converge to b / (1 − a): numbers stay normal however long they run.
  const V a = hn::Set(d, 0.5f), b = hn::Set(d, 1.0f);
  V chain[kChains];
  for (int i = 0; i < kChains; ++i) chain[i] = hn::Set(d, static_cast<float>(i));
  for (int n = 0; n < kIterations; ++n) {
    for (int i = 0; i < kChains; ++i) chain[i] = hn::MulAdd(chain[i], a, b);
  }
  V sum = chain[0];
  for (int i = 1; i < kChains; ++i) sum = hn::Add(sum, chain[i]);
  *sink = hn::GetLane(sum);
  return 2.0 * kLanes * kChains * kIterations;
}

/// data[i] = data[i]·a + b, `count` a multiple of 16.
void Update(float* HWY_RESTRICT data, int64_t count) {
  const D d;
  const V a = hn::Set(d, 0.5f), b = hn::Set(d, 1.0f);
  for (int64_t i = 0; i < count; i += kLanes) hn::Store(hn::MulAdd(hn::Load(d, data + i), a, b), d, data + i);
}

}  // namespace
}  // namespace riffle::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace riffle {
namespace {

HWY_EXPORT(MultiplyAdds);
HWY_EXPORT(Update);

template <class Task>
double Seconds(ThreadPool& pool, int64_t tasks, const Task& task) {
  const auto start = std::chrono::steady_clock::now();
  pool.ParallelForThread(tasks, task);
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// Tasks a second, over as many as fill the time; at least four a thread.
template <class Task>
double TasksPerSecond(ThreadPool& pool, double milliseconds, const Task& task) {
  const int64_t fewest = int64_t{4} * pool.threads();
  const double pilot = Seconds(pool, fewest, task);
  const int64_t tasks =
      std::max<int64_t>(fewest, std::llround(milliseconds * 1e-3 / pilot * static_cast<double>(fewest)));
  return static_cast<double>(tasks) / Seconds(pool, tasks, task);
}

}  // namespace

double MeasurePeakGflops(ThreadPool& pool, double milliseconds) {
  std::vector<float> sinks(pool.threads() * kCacheLineFloats);
  float* const sink = sinks.data();
  const double flops = HWY_DYNAMIC_DISPATCH(MultiplyAdds)(sink);
  return 1e-9 * flops * TasksPerSecond(pool, milliseconds, [&](int64_t, int thread) {
           HWY_DYNAMIC_DISPATCH(MultiplyAdds)(sink + thread * kCacheLineFloats);
         });
}

double MeasureBandwidthGbps(ThreadPool& pool, int64_t bytes_per_thread, double milliseconds) {
  constexpr int64_t kPieceFloats = 16384;  // 64 KB
  const int64_t pieces = std::max<int64_t>(1, bytes_per_thread / (kPieceFloats * static_cast<int64_t>(sizeof(float))));
  struct Area {
    AlignedArray<float> data;
    int64_t next = 0;
  };
  std::vector<Area> areas(pool.threads());
  for (Area& area : areas) {
    area.data = AlignedArray<float>(pieces * kPieceFloats);
    std::fill(area.data.begin(), area.data.end(),
              1.0f);  // so that the system has given all pages before the clock runs
  }
  const double rate = TasksPerSecond(pool, milliseconds, [&](int64_t, int thread) {
    Area& area = areas[thread];
    HWY_DYNAMIC_DISPATCH(Update)(area.data.data() + area.next % pieces * kPieceFloats, kPieceFloats);
    ++area.next;
  });
  return 1e-9 * 2 * sizeof(float) * kPieceFloats * rate;
}

}  // namespace riffle
#endif
