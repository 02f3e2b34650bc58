// Whether the roofs are roofs: the peak far above what one chain of multiply-adds reaches, and the first cache above
// memory. On one thread; a benchmark and no test, since a busy machine can make either untrue for a while.
#include <benchmark/benchmark.h>

#include <chrono>

#include "backend/threads.h"
#include "bench/peak.h"

namespace riffle {
namespace {

constexpr double kMilliseconds = 20;

/// GFLOP/s of one chain of multiply-adds, each waiting for the one before it.
double DependentChainGflops() {
  constexpr int kSteps = 2'000'000;
  volatile float factor = 0.5f;
  const float a = factor;
  float x = 1;
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < kSteps; ++i) x = x * a + 1.0f;
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  factor = x;
  return 2e-9 * kSteps / seconds;
}

void BM_PeakOverOneChain(benchmark::State& state) {
  ThreadPool pool(1);
  double peak = 0, chain = 0;
  for (auto _ : state) peak = MeasurePeakGflops(pool, kMilliseconds), chain = DependentChainGflops();
  state.counters["peak_gflops"] = peak;
  state.counters["chain_gflops"] = chain;
  // At least 4 lanes, and as many chains as the latency is long: above 10 even without FMA.
  if (peak < 4 * chain) state.SkipWithError("the peak is not 4 times what one dependent chain reaches");
}
BENCHMARK(BM_PeakOverOneChain)->Iterations(5);

void BM_FirstCacheOverMemory(benchmark::State& state) {
  ThreadPool pool(1);
  double cache = 0, memory = 0;
  for (auto _ : state)
    cache = MeasureBandwidthGbps(pool, 64 << 10, kMilliseconds),
    memory = MeasureBandwidthGbps(pool, 256 << 20, kMilliseconds);
  state.counters["cache_gbps"] = cache;
  state.counters["memory_gbps"] = memory;
  if (cache < memory) state.SkipWithError("the first cache is not faster than memory");
}
BENCHMARK(BM_FirstCacheOverMemory)->Iterations(5);

}  // namespace
}  // namespace riffle
