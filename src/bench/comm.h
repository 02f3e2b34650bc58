// What it costs that processes tell one another their gradients: sums of the sizes that networks have, and how much of
// that a training step hides behind its backward pass.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "bench/workloads.h"
#include "dist/communicator.h"
#include "model/plan.h"

namespace riffle {

/// Gradients of one network, or another number of values, summed over all processes in so many parts of one size.
struct SumTime {
  std::string what;
  int64_t bytes = 0;  ///< in all
  int buckets = 1;
  double ms_median = 0, ms_p90 = 0;
};

/// t = buckets · latency + bytes · share / rate, where share = 2 (n - 1) / n is what each of n processes sends, and
/// receives, of the values that are summed.
struct LinkModel {
  double latency_us = 0;
  double gigabits_per_second = 0;  ///< each way, of a process
};

/// A training step in all processes at once, without and with the sum of its gradients.
struct SharedStep {
  std::string model;
  int64_t batch_size = 0;  ///< of each process
  int threads = 1;
  double alone_ms = 0, together_ms = 0;  ///< medians
  double sums_ms = 0;                    ///< of a step, in the thread that sums
  double waiting_ms = 0;                 ///< of that, what the step waits for after its backward pass
};

struct CommBench {
  int processes = 1, hosts = 1;
  std::vector<SumTime> sums;
  LinkModel link;  ///< fitted to the sums
  SharedStep step;
};

/// The fraction of the summed bytes that each process sends.
double SentShare(int processes);

/// The one that is nearest to the times, in relative terms. REQUIRES: two sums at least, of different bytes per bucket.
LinkModel FitLink(const std::vector<SumTime>& sums, int processes);

/// Collective: sums of the gradients of each plan, in 1, 2 and 4 buckets, for about `seconds` in all. The times are
/// those of rank 0.
Result<CommBench> MeasureComm(Communicator& ranks, const std::vector<Plan>& plans, double seconds);

/// Collective: steps of `workload` without sums and with them, in turn, for about `seconds`.
Result<SharedStep> MeasureSharedStep(Communicator& ranks, TrainingWorkload& workload, double seconds);

std::string TextOf(const CommBench& bench);
nlohmann::ordered_json JsonOf(const CommBench& bench);

}  // namespace riffle
