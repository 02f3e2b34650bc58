#include "bench/roofs.h"

#include <algorithm>

#include "backend/target.h"
#include "bench/peak.h"
#include "bench/statistics.h"

namespace riffle {
namespace {

// In the first-level cache, the second, the last, and none of them.
constexpr int64_t kWorkingSets[] = {int64_t{16} << 10, int64_t{256} << 10, int64_t{4} << 20, int64_t{64} << 20};
constexpr int kSamples = 5;

double MedianPeak(ThreadPool& pool, double milliseconds) {
  std::vector<double> peaks(kSamples);
  std::ranges::generate(peaks, [&] { return MeasurePeakGflops(pool, milliseconds / kSamples); });
  return Median(peaks);
}

}  // namespace

Result<Roofs> MeasureRoofs(ThreadPool& all_threads, double seconds) {
  const std::vector<std::string> targets = AvailableTargets();
  const std::string active = ActiveTarget();
  ThreadPool one_thread(1);
  // Half of the time for the one figure that others are compared with.
  const double half = 1e3 * seconds / 2;
  const double milliseconds = half / static_cast<double>(2 * targets.size() - 1 + std::size(kWorkingSets));
  Roofs roofs{.threads = all_threads.threads()};
  for (const std::string& target : targets) {
    RIFFLE_TRY(ForceTarget(target));
    const double all = MedianPeak(all_threads, target == active ? half : milliseconds);
    roofs.peaks.push_back({.target = target, .one_thread_gflops = MedianPeak(one_thread, milliseconds), .gflops = all});
    if (target == active) roofs.peak_gflops = all;
  }
  RIFFLE_TRY(ForceTarget(active));
  for (const int64_t bytes : kWorkingSets)
    roofs.bandwidths.push_back(
        {.bytes_per_thread = bytes, .gbps = MeasureBandwidthGbps(all_threads, bytes, milliseconds)});
  return roofs;
}

}  // namespace riffle
