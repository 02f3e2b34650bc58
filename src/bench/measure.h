// How fast something runs, as a share of what the machine can do at that moment: short rounds of the workload stand
// between measurements of the machine's roof, and the share is the median of the rounds' ratios. What slows the machine
// down for a while slows both. The roof of the CPU is its peak of multiply-adds; that of a graphics card, which waits
// for memory long before, the bandwidth of a copy.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "backend/execution.h"

namespace riffle {

/// Something to measure: one call of `run` is a batch through the network.
struct Workload {
  std::function<void()> run;
  int64_t images = 0;  ///< of one run
  double flops = 0;    ///< of one run, on paper (cost.h)
  double bytes = 0;    ///< likewise
};

struct MeasureOptions {
  double seconds = 2;  ///< at least; and at least `rounds` rounds unless that takes more than `most_seconds`
  int rounds = 15;
  double most_seconds = 30;  ///< after that five rounds are enough
  std::function<void(int rounds_done, double seconds)> progress = nullptr;
};

/// Medians over rounds but for the latencies, which are over single runs.
struct Measurement {
  int rounds = 0;
  int64_t runs = 0;
  double images_per_second = 0;
  double latency_ms_median = 0, latency_ms_p90 = 0, latency_ms_p99 = 0;
  double rate = 0, roof = 0;  ///< GFLOP/s of the CPU, GB/s of other devices
  double percent_of_roof = 0;
  double percent_of_roof_low = 0, percent_of_roof_high = 0;  ///< quartiles of the rounds
};

/// Whether the roof of this device is the bandwidth of a copy.
bool HasCopyRoof(const Device& device);

/// GB/s of copies within the device's memory, bytes read and written counted each. Takes about `milliseconds`.
double MeasureCopyGbps(Device& device, double milliseconds);

/// Runs the workload, which computes on `execution`: once to warm up, then rounds of at least 40 ms.
Measurement Measure(const Execution& execution, const Workload& workload, const MeasureOptions& options);

/// Bytes of memory that this process holds at most so far (resident set).
int64_t ResidentBytes();

}  // namespace riffle
