// Where the time of a pass goes, step by step, beside the least that the step needs on this machine.
#pragma once

#include <atomic>
#include <string>
#include <vector>

#include "bench/cost.h"
#include "bench/measure.h"
#include "bench/workloads.h"

namespace riffle {

/// Medians over the runs of the profile.
struct StepTime {
  std::string name;  ///< of the plan's step
  Op op;
  Pass pass;
  Cost cost;      ///< of the whole batch
  double ms = 0;  ///< of the batch's wall time
  double floor_ms = 0;
};

struct Profile {
  std::vector<StepTime> steps;  ///< in the order in which they ran
  double total_ms = 0;          ///< of a whole run, which has also the loss and the optimizer in training
  double peak_gflops = 0;
  double bandwidth_gbps = 0;
  int64_t bandwidth_bytes = 0;  ///< of each thread: what the bandwidth was measured on
};

/// Collects the times of one run's steps.
class StepClock : public StepObserver {
 public:
  /// Of steps on this device, each of which is waited for.
  explicit StepClock(size_t steps, Device& device = CpuDevice())
      : nanoseconds_(2 * steps), steps_(steps), device_(device) {}

  void Begin(size_t step, Pass pass) override;
  void End(size_t step, Pass pass) override;

  /// Milliseconds by step, forward then backward, as shares of a run that took `wall_ms`; starts anew. Where several
  /// threads ran steps at once, their times add up to more than the wall's and are scaled down to it.
  std::vector<double> Take(double wall_ms);

 private:
  std::vector<std::atomic<int64_t>> nanoseconds_;
  const size_t steps_;
  Device& device_;
};

/// Runs until options.seconds are over; their progress is called after each run.
Profile ProfileInference(InferenceWorkload& workload, const MeasureOptions& options);
Profile ProfileTraining(TrainingWorkload& workload, const Plan& plan, const MeasureOptions& options);

}  // namespace riffle
