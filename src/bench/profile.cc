#include "bench/profile.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <limits>
#include <numeric>

#include "bench/peak.h"
#include "bench/statistics.h"
#include "model/training_memory.h"

namespace riffle {
namespace {

constexpr double kPeakMilliseconds = 5;
constexpr double kBandwidthMilliseconds = 100;
constexpr int64_t kMostBandwidthBytes = int64_t{64} << 20;
constexpr int kFewestRuns = 5;

using Clock = std::chrono::steady_clock;
double Since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

thread_local Clock::time_point step_began;

/// What one pass over a plan gave, run by run.
struct Samples {
  std::vector<std::vector<double>> step_ms;  // by step, then run
  std::vector<double> total_ms, peaks;
};

Samples Run(const Execution& execution, StepClock& clock, size_t steps, const std::function<void()>& run,
            const MeasureOptions& options) {
  run();
  clock.Take(0);
  Samples samples{.step_ms = std::vector<std::vector<double>>(2 * steps)};
  const Clock::time_point start = Clock::now();
  double seconds = 0;
  for (int runs = 0; runs < kFewestRuns || seconds < options.seconds; ++runs) {
    if (!HasCopyRoof(execution.device)) samples.peaks.push_back(MeasurePeakGflops(execution.pool, kPeakMilliseconds));
    const Clock::time_point begin = Clock::now();
    run();
    samples.total_ms.push_back(1e3 * Since(begin));
    const std::vector<double> ms = clock.Take(samples.total_ms.back());
    for (size_t i = 0; i < ms.size(); ++i) samples.step_ms[i].push_back(ms[i]);
    seconds = Since(start);
    if (options.progress) options.progress(runs + 1, seconds);
  }
  return samples;
}

/// The rows of one pass, with the roofs that `profile` holds.
void AddSteps(const Plan& plan, Pass pass, int64_t images, double map_bytes, const Samples& samples, Profile& profile) {
  const size_t steps = plan.steps.size();
  for (size_t k = 0; k < steps; ++k) {
    const size_t i = pass == Pass::kForward ? k : steps - 1 - k;
    const Step& step = plan.steps[i];
    Cost cost = StepCost(plan, i, pass, images);
    cost.bytes *= map_bytes / sizeof(float);
    profile.steps.push_back({.name = step.name,
                             .op = step.op,
                             .pass = pass,
                             .cost = cost,
                             .ms = Median(samples.step_ms[pass == Pass::kForward ? i : steps + i]),
                             .floor_ms = 1e3 * FloorSeconds(cost, profile.peak_gflops, profile.bandwidth_gbps)});
  }
}

Profile WithRoofs(const Execution& execution, const Samples& samples, int64_t working_set_bytes) {
  if (HasCopyRoof(execution.device))
    return {.total_ms = Median(samples.total_ms),
            .peak_gflops = std::numeric_limits<double>::infinity(),
            .bandwidth_gbps = MeasureCopyGbps(execution.device, kBandwidthMilliseconds)};
  Profile profile{.total_ms = Median(samples.total_ms), .peak_gflops = Median(samples.peaks)};
  profile.bandwidth_bytes = std::min(working_set_bytes, kMostBandwidthBytes);
  profile.bandwidth_gbps = MeasureBandwidthGbps(execution.pool, profile.bandwidth_bytes, kBandwidthMilliseconds);
  return profile;
}

}  // namespace

void StepClock::Begin(size_t, Pass) { step_began = Clock::now(); }

void StepClock::End(size_t step, Pass pass) {
  device_.Synchronize();
  const auto passed = std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - step_began);
  nanoseconds_[pass == Pass::kForward ? step : steps_ + step].fetch_add(passed.count(), std::memory_order_relaxed);
}

std::vector<double> StepClock::Take(double wall_ms) {
  std::vector<double> ms;
  for (std::atomic<int64_t>& step : nanoseconds_) ms.push_back(1e-6 * static_cast<double>(step.exchange(0)));
  const double sum = std::accumulate(ms.begin(), ms.end(), 0.0);
  if (sum > wall_ms)
    for (double& step : ms) step *= wall_ms / sum;
  return ms;
}

Profile ProfileInference(InferenceWorkload& workload, const MeasureOptions& options) {
  Session& session = workload.session();
  const Execution& execution = session.execution();
  StepClock clock(session.plan().steps.size(), execution.device);
  session.SetObserver(&clock);
  const Samples samples = Run(
      execution, clock, session.plan().steps.size(), [&] { workload.Run(); }, options);
  session.SetObserver(nullptr);
  // Each thread works on pictures of its own, in an arena of its own.
  Profile profile = WithRoofs(execution, samples, InferenceArenaBytes(session.plan(), 1));
  AddSteps(session.plan(), Pass::kForward, workload.batch().images, workload.map_bytes(), samples, profile);
  return profile;
}

Profile ProfileTraining(TrainingWorkload& workload, const Plan& plan, const MeasureOptions& options) {
  const Execution& execution = workload.execution();
  StepClock clock(plan.steps.size(), execution.device);
  workload.network().SetObserver(&clock);
  const Samples samples = Run(
      execution, clock, plan.steps.size(), [&] { workload.Run(); }, options);
  workload.network().SetObserver(nullptr);
  Profile profile =
      WithRoofs(execution, samples, TrainingArenaBytes(plan, workload.batch().images) / execution.pool.threads());
  AddSteps(plan, Pass::kForward, workload.batch().images, workload.map_bytes(), samples, profile);
  AddSteps(plan, Pass::kBackward, workload.batch().images, workload.map_bytes(), samples, profile);
  return profile;
}

}  // namespace riffle
