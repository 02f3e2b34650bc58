#include "bench/comm.h"

#include <gmock/gmock.h>

#include "dist/testing/thread_group.h"
#include "model/zoo.h"
#include "ops/backends.h"

namespace riffle {
namespace {

TEST(FitLink, FindsTheLinkThatMadeTheTimes) {
  const LinkModel link = {.latency_us = 120, .gigabits_per_second = 8};
  for (const int processes : {2, 3, 512}) {
    std::vector<SumTime> sums;
    for (const int64_t bytes : {3'000'000, 7'000'000, 22'000'000})
      for (const int buckets : {1, 4})
        sums.push_back(
            {.bytes = bytes,
             .buckets = buckets,
             .ms_median = 1e-3 * link.latency_us * buckets +
                          8e-6 * static_cast<double>(bytes) * SentShare(processes) / link.gigabits_per_second});
    const LinkModel fitted = FitLink(sums, processes);
    EXPECT_NEAR(fitted.latency_us, link.latency_us, 1e-6);
    EXPECT_NEAR(fitted.gigabits_per_second, link.gigabits_per_second, 1e-9);
  }
}

TEST(SentShare, OfTwoProcessesEachSendsAsMuchAsIsSummed) {
  EXPECT_EQ(SentShare(2), 1);
  EXPECT_NEAR(SentShare(512), 2, 0.01);
}

TEST(MeasureComm, HasARowForEachNetworkAndNumberOfBuckets) {
  const Result<ModelDescription> model = FindModel("shufflenet_v1_g3_x0_25");
  ASSERT_TRUE(model.ok());
  const Result<Plan> plan = MakePlan(*model);
  ASSERT_TRUE(plan.ok());
  RunRanks(2, [&](Communicator& ranks) {
    const Result<CommBench> bench = MeasureComm(ranks, {*plan}, 0);
    ASSERT_TRUE(bench.ok()) << bench.status().message();
    EXPECT_EQ(bench->processes, 2);
    ASSERT_EQ(bench->sums.size(), 6);
    for (const SumTime& sum : bench->sums) EXPECT_GT(sum.ms_median, 0) << sum.what;
    EXPECT_EQ(bench->sums.front().bytes, 4);
    EXPECT_EQ(bench->sums.back().bytes, 4 * plan->registry.trainable_count());
    EXPECT_EQ(bench->sums.back().buckets, 4);
  });
}

TEST(MeasureSharedStep, WaitsForNoMoreThanTheSumsTake) {
  Result<ModelDescription> model = FindModel("shufflenet_v1_g3_x0_25");
  ASSERT_TRUE(model.ok());
  model->image_size = 32;
  const Result<Plan> plan = MakePlan(*model);
  const Result<const OpTable<float>*> ops = FindBackend("");
  ASSERT_TRUE(plan.ok() && ops.ok());
  RunRanks(2, [&](Communicator& ranks) {
    ThreadPool pool(1);
    TrainingWorkload workload({pool}, *plan, **ops, 2);
    const Result<SharedStep> step = MeasureSharedStep(ranks, workload, 0);
    ASSERT_TRUE(step.ok()) << step.status().message();
    EXPECT_EQ(step->batch_size, 2);
    EXPECT_GT(step->alone_ms, 0);
    EXPECT_GT(step->together_ms, step->waiting_ms);
    EXPECT_GT(step->sums_ms, 0);
  });
}

}  // namespace
}  // namespace riffle
