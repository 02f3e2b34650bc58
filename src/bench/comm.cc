#include "bench/comm.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <set>

#include "base/arena.h"
#include "base/text.h"
#include "bench/statistics.h"
#include "report/table.h"
#include "train/parallel/host_gradient_reducer.h"

namespace riffle {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kBuckets[] = {1, 2, 4};
constexpr int64_t kFewestRuns = 3, kMostRuns = 2000;
constexpr size_t kFewValues[] = {1, 1 << 10, 1 << 16};

double Milliseconds(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

int HostsOf(const Communicator& ranks) {
  std::set<std::string> hosts;
  for (int r = 0; r < ranks.size(); ++r) {
    const std::string name = ranks.NameOf(r);
    hosts.insert(name.substr(name.rfind(' ') + 1));
  }
  return static_cast<int>(hosts.size());
}

/// How many runs of `ms` fill the time, at every rank as rank 0 finds.
Result<int64_t> RunsFor(Communicator& ranks, double seconds, double ms) {
  int64_t runs = std::clamp(static_cast<int64_t>(1e3 * seconds / ms), kFewestRuns, kMostRuns);
  RIFFLE_TRY(ranks.Broadcast(std::as_writable_bytes(std::span(&runs, 1))));
  return runs;
}

/// Sums all values in buckets, again and again; as often as rank 0 finds right after the first time.
Result<SumTime> TimeSums(Communicator& ranks, const std::string& what, std::span<float> values, int buckets,
                         double seconds) {
  const auto run = [&]() -> Result<double> {
    const Clock::time_point start = Clock::now();
    for (int b = 0; b < buckets; ++b) {
      const size_t begin = values.size() * b / buckets, end = values.size() * (b + 1) / buckets;
      RIFFLE_TRY(ranks.Sum(values.subspan(begin, end - begin)));
    }
    return Milliseconds(start);
  };
  RIFFLE_TRY(run().status());  // connects, and touches memory for the first time
  RIFFLE_ASSIGN(const double ms, run());
  RIFFLE_ASSIGN(const int64_t runs, RunsFor(ranks, seconds, ms));
  std::vector<double> times;
  for (int64_t i = 0; i < runs; ++i) {
    RIFFLE_ASSIGN(const double each, run());
    times.push_back(each);
  }
  return SumTime{.what = what,
                 .bytes = static_cast<int64_t>(values.size_bytes()),
                 .buckets = buckets,
                 .ms_median = Median(times),
                 .ms_p90 = Quantile(times, 0.9)};
}

double HiddenPercent(const SharedStep& step) {
  return step.sums_ms > 0 ? std::clamp(100 * (1 - step.waiting_ms / step.sums_ms), 0.0, 100.0) : 0;
}

double GigabitsPerSecond(const SumTime& sum, int processes) {
  return 8e-6 * static_cast<double>(sum.bytes) * SentShare(processes) / sum.ms_median;
}

}  // namespace

double SentShare(int processes) { return 2.0 * (processes - 1) / processes; }

// Least squares of (model - time) / time: latency · a + (seconds a byte) · b ≈ 1 for each sum.
LinkModel FitLink(const std::vector<SumTime>& sums, int processes) {
  double aa = 0, ab = 0, bb = 0, a1 = 0, b1 = 0;
  for (const SumTime& sum : sums) {
    const double a = sum.buckets / sum.ms_median,
                 b = SentShare(processes) * static_cast<double>(sum.bytes) / sum.ms_median;
    aa += a * a;
    ab += a * b;
    bb += b * b;
    a1 += a;
    b1 += b;
  }
  const double determinant = aa * bb - ab * ab;
  const double latency_ms = (a1 * bb - b1 * ab) / determinant, ms_per_byte = (b1 * aa - a1 * ab) / determinant;
  return {.latency_us = 1e3 * latency_ms, .gigabits_per_second = 8e-6 / ms_per_byte};
}

Result<CommBench> MeasureComm(Communicator& ranks, const std::vector<Plan>& plans, double seconds) {
  CommBench bench{.processes = ranks.size(), .hosts = HostsOf(ranks)};
  const double seconds_each = seconds / static_cast<double>(std::size(kFewValues) + plans.size() * std::size(kBuckets));
  const auto time = [&](const std::string& what, size_t count, int buckets) -> Status {
    AlignedArray<float> values(count);
    RIFFLE_ASSIGN(const SumTime sum, TimeSums(ranks, what, {values.data(), count}, buckets, seconds_each));
    bench.sums.push_back(sum);
    return {};
  };
  for (const size_t count : kFewValues) RIFFLE_TRY(time(GroupedCount(static_cast<int64_t>(count), "number"), count, 1));
  for (const Plan& plan : plans)
    for (const int buckets : kBuckets)
      RIFFLE_TRY(time("gradients of " + plan.model.name, plan.registry.trainable_count(), buckets));
  bench.link = FitLink(bench.sums, bench.processes);
  return bench;
}

Result<SharedStep> MeasureSharedStep(Communicator& ranks, TrainingWorkload& workload, double seconds) {
  const Plan& plan = workload.network().plan();
  RIFFLE_ASSIGN(const std::unique_ptr<HostGradientReducer> reducer,
                HostGradientReducer::Create(ranks, workload.execution().device, plan.registry));
  const auto run = [&](GradientReducer* with) {
    workload.ReduceBy(with);
    const Clock::time_point start = Clock::now();
    workload.Run();
    return Milliseconds(start);
  };
  run(reducer.get());
  RIFFLE_ASSIGN(const int64_t rounds, RunsFor(ranks, seconds, run(nullptr) + run(reducer.get())));
  const double sums_before = reducer->communicating_seconds(), waiting_before = reducer->waiting_seconds();
  std::vector<double> alone, together;
  for (int64_t i = 0; i < rounds; ++i) {
    alone.push_back(run(nullptr));
    RIFFLE_TRY(ranks.Agree({}));  // the step together begins at the same time everywhere
    together.push_back(run(reducer.get()));
  }
  RIFFLE_TRY(workload.Reduced());
  const auto per_step = [&](double seconds_in_all) { return 1e3 * seconds_in_all / static_cast<double>(rounds); };
  return SharedStep{.model = plan.model.name,
                    .batch_size = workload.batch().images,
                    .threads = workload.execution().pool.threads(),
                    .alone_ms = Median(alone),
                    .together_ms = Median(together),
                    .sums_ms = per_step(reducer->communicating_seconds() - sums_before),
                    .waiting_ms = per_step(reducer->waiting_seconds() - waiting_before)};
}

std::string TextOf(const CommBench& bench) {
  const SharedStep& step = bench.step;
  Table table({"sum of", "MB", "buckets", "ms", "90 %: ms", "Gbit/s each way"});
  for (const SumTime& sum : bench.sums)
    table.AddRow({sum.what, fmt::format("{:.3f}", 1e-6 * static_cast<double>(sum.bytes)), std::to_string(sum.buckets),
                  fmt::format("{:.3f}", sum.ms_median), fmt::format("{:.3f}", sum.ms_p90),
                  fmt::format("{:.2f}", GigabitsPerSecond(sum, bench.processes))});
  return fmt::format(
      "{} on {} sum their numbers\n\n{}\nabout {:.0f} µs for each bucket, and "
      "{:.2f} Gbit/s each way\n\n"
      "A training step of {}, batch {} on {} a process: {:.1f} ms without sums, {:.1f} ms with them\n"
      "Of {:.1f} ms of sums {:.0f} % are hidden behind the backward pass\n",
      Counted(bench.processes, "process"), Counted(bench.hosts, "host"), table.Text(), bench.link.latency_us,
      bench.link.gigabits_per_second, step.model, step.batch_size, Counted(step.threads, "thread"), step.alone_ms,
      step.together_ms, step.sums_ms, HiddenPercent(step));
}

nlohmann::ordered_json JsonOf(const CommBench& bench) {
  nlohmann::ordered_json sums = nlohmann::ordered_json::array();
  for (const SumTime& sum : bench.sums)
    sums.push_back({{"what", sum.what},
                    {"bytes", sum.bytes},
                    {"buckets", sum.buckets},
                    {"ms_median", sum.ms_median},
                    {"ms_p90", sum.ms_p90},
                    {"gigabits_per_second", GigabitsPerSecond(sum, bench.processes)}});
  return {{"processes", bench.processes},
          {"hosts", bench.hosts},
          {"sums", std::move(sums)},
          {"latency_us", bench.link.latency_us},
          {"gigabits_per_second", bench.link.gigabits_per_second},
          {"step",
           {{"model", bench.step.model},
            {"batch_size", bench.step.batch_size},
            {"threads", bench.step.threads},
            {"alone_ms", bench.step.alone_ms},
            {"together_ms", bench.step.together_ms},
            {"sums_ms", bench.step.sums_ms},
            {"waiting_ms", bench.step.waiting_ms},
            {"hidden_percent", HiddenPercent(bench.step)}}}};
}

}  // namespace riffle
