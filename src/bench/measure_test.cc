#include "bench/measure.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "backend/testing/execution.h"

namespace riffle {
namespace {

TEST(Measure, TellsTheRateOfAWorkloadThatIsKnown) {
  int runs = 0;
  const Workload sleep{
      .run = [&] { ++runs, std::this_thread::sleep_for(std::chrono::milliseconds(5)); }, .images = 3, .flops = 1e6};
  int reported_rounds = 0;
  const auto start = std::chrono::steady_clock::now();
  const Measurement m =
      Measure(OnThreads(1), sleep,
              {.seconds = 0, .rounds = 4, .progress = [&](int rounds, double) { reported_rounds = rounds; }});
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  EXPECT_EQ(m.rounds, 4);
  EXPECT_EQ(reported_rounds, 4);
  EXPECT_EQ(m.runs, runs - 1) << "the warm-up is no run";
  EXPECT_GE(m.latency_ms_median, 5);
  EXPECT_LE(m.latency_ms_median, m.latency_ms_p90);
  EXPECT_LE(m.latency_ms_p90, m.latency_ms_p99);
  EXPECT_LE(m.images_per_second, 600);
  EXPECT_GE(m.images_per_second, 3 / seconds) << "no run took longer than all of them";
  EXPECT_NEAR(m.rate, m.images_per_second / 3 * 1e-3, 1e-9);
  EXPECT_GT(m.roof, m.rate);
  EXPECT_LE(m.percent_of_roof_low, m.percent_of_roof);
  EXPECT_LE(m.percent_of_roof, m.percent_of_roof_high);
}

TEST(Measure, GoesOnUntilTheTimeIsOver) {
  const Workload nothing{.run = [] {}, .images = 1, .flops = 1};
  const auto start = std::chrono::steady_clock::now();
  Measure(OnThreads(1), nothing, {.seconds = 0.3, .rounds = 1});
  EXPECT_GE(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(300));
}

TEST(Measure, FiveRoundsAreEnoughForWhatIsSlow) {
  const Workload sleep{
      .run = [] { std::this_thread::sleep_for(std::chrono::milliseconds(40)); }, .images = 1, .flops = 1};
  EXPECT_EQ(Measure(OnThreads(1), sleep, {.seconds = 100, .rounds = 100, .most_seconds = 0.05}).rounds, 5);
}

}  // namespace
}  // namespace riffle
