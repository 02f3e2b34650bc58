#include "bench/measure.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "backend/testing/execution.h"
#include "bench/peak.h"

namespace riffle {
namespace {

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

TEST(Peak, IsFarAboveWhatOneDependentChainReaches) {
  // At least 4 lanes, and as many chains as the latency is long: above 10 even without FMA.
  EXPECT_GT(MeasurePeakGflops(OnThreads(1).pool, 20), 4 * DependentChainGflops());
}

TEST(Bandwidth, OfTheFirstCacheIsAboveThatOfMemory) {
  EXPECT_GT(MeasureBandwidthGbps(OnThreads(1).pool, 64 << 10, 50),
            MeasureBandwidthGbps(OnThreads(1).pool, 256 << 20, 50));
}

TEST(Measure, TellsTheRateOfAWorkloadThatIsKnown) {
  int runs = 0;
  const Workload sleep{
      .run = [&] { ++runs, std::this_thread::sleep_for(std::chrono::milliseconds(5)); }, .images = 3, .flops = 1e6};
  int reported_rounds = 0;
  const Measurement m =
      Measure(OnThreads(1).pool, sleep,
              {.seconds = 0, .rounds = 4, .progress = [&](int rounds, double) { reported_rounds = rounds; }});
  EXPECT_EQ(m.rounds, 4);
  EXPECT_EQ(reported_rounds, 4);
  EXPECT_EQ(m.runs, runs - 1) << "the warm-up is no run";
  EXPECT_GE(m.latency_ms_median, 5);
  EXPECT_LE(m.latency_ms_median, m.latency_ms_p90);
  EXPECT_LE(m.latency_ms_p90, m.latency_ms_p99);
  EXPECT_LE(m.images_per_second, 600);
  EXPECT_GT(m.images_per_second, 100) << "a machine that sleeps 30 ms for 5?";
  EXPECT_NEAR(m.gflops, m.images_per_second / 3 * 1e-3, 1e-9);
  EXPECT_GT(m.peak_gflops, m.gflops);
  EXPECT_LE(m.percent_of_peak_low, m.percent_of_peak);
  EXPECT_LE(m.percent_of_peak, m.percent_of_peak_high);
}

TEST(Measure, GoesOnUntilTheTimeIsOver) {
  const Workload nothing{.run = [] {}, .images = 1, .flops = 1};
  const auto start = std::chrono::steady_clock::now();
  Measure(OnThreads(1).pool, nothing, {.seconds = 0.3, .rounds = 1});
  EXPECT_GE(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(300));
}

TEST(Measure, FiveRoundsAreEnoughForWhatIsSlow) {
  const Workload sleep{
      .run = [] { std::this_thread::sleep_for(std::chrono::milliseconds(40)); }, .images = 1, .flops = 1};
  EXPECT_EQ(Measure(OnThreads(1).pool, sleep, {.seconds = 100, .rounds = 100, .most_seconds = 0.05}).rounds, 5);
}

}  // namespace
}  // namespace riffle
