#include "bench/measure.h"

#include <sys/resource.h>

#include <algorithm>
#include <chrono>

#include "backend/device_array.h"
#include "bench/peak.h"
#include "bench/statistics.h"

namespace riffle {
namespace {

constexpr double kRoundSeconds = 0.04;  // long beside a switch of tasks, short beside a change of the clock
constexpr double kRoofMilliseconds = 5;
constexpr int kFewestRounds = 5;

using Clock = std::chrono::steady_clock;
double Since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

/// What the rounds gave, one value each; latencies one a run.
struct Samples {
  std::vector<double> images_per_second, rates, roofs, percents, latencies_ms;
};

void RunRound(const Workload& workload, double work, Samples& samples) {
  const Clock::time_point start = Clock::now();
  int runs = 0;
  for (double begin = 0, end = 0; end < kRoundSeconds; begin = end, ++runs) {
    workload.run();
    end = Since(start);
    samples.latencies_ms.push_back(1e3 * (end - begin));
  }
  const double runs_per_second = runs / Since(start);
  samples.images_per_second.push_back(runs_per_second * static_cast<double>(workload.images));
  samples.rates.push_back(1e-9 * runs_per_second * work);
}

}  // namespace

bool HasCopyRoof(const Device& device) { return !device.ReadsHostMemory(); }

double MeasureCopyGbps(Device& device, double milliseconds) {
  constexpr size_t kBytes = size_t{256} << 20;  // beyond every cache
  const DeviceArray<std::byte> from(device, kBytes);
  DeviceArray<std::byte> to(device, kBytes);
  to.CopyFrom(from);
  device.Synchronize();
  int copies = 0;
  const Clock::time_point start = Clock::now();
  for (; copies == 0 || 1e3 * Since(start) < milliseconds; copies += 8) {
    for (int i = 0; i < 8; ++i) to.CopyFrom(from);
    device.Synchronize();
  }
  return 2e-9 * static_cast<double>(kBytes) * copies / Since(start);
}

Measurement Measure(const Execution& execution, const Workload& workload, const MeasureOptions& options) {
  const bool copies = HasCopyRoof(execution.device);
  const auto roof = [&] {
    return copies ? MeasureCopyGbps(execution.device, kRoofMilliseconds)
                  : MeasurePeakGflops(execution.pool, kRoofMilliseconds);
  };
  workload.run();
  Samples samples;
  const Clock::time_point start = Clock::now();
  double before = roof();
  const auto done = [&](int rounds) {
    const double seconds = Since(start);
    if (seconds > options.most_seconds) return rounds >= kFewestRounds;
    return rounds >= options.rounds && seconds >= options.seconds;
  };
  for (int round = 0; !done(round); ++round) {
    RunRound(workload, copies ? workload.bytes : workload.flops, samples);
    const double after = roof();
    samples.roofs.push_back((before + after) / 2);
    samples.percents.push_back(100 * samples.rates.back() / samples.roofs.back());
    before = after;
    if (options.progress) options.progress(round + 1, Since(start));
  }
  return {.rounds = static_cast<int>(samples.percents.size()),
          .runs = static_cast<int64_t>(samples.latencies_ms.size()),
          .images_per_second = Median(samples.images_per_second),
          .latency_ms_median = Median(samples.latencies_ms),
          .latency_ms_p90 = Quantile(samples.latencies_ms, 0.9),
          .latency_ms_p99 = Quantile(samples.latencies_ms, 0.99),
          .rate = Median(samples.rates),
          .roof = Median(samples.roofs),
          .percent_of_roof = Median(samples.percents),
          .percent_of_roof_low = Quantile(samples.percents, 0.25),
          .percent_of_roof_high = Quantile(samples.percents, 0.75)};
}

int64_t ResidentBytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return int64_t{1024} * usage.ru_maxrss;
}

}  // namespace riffle
