#include "train/loop/pace.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "train/testing.h"

namespace riffle {
namespace {

using namespace std::chrono_literals;

TEST(Pace, IsThatOfTheWorkHoweverShortTheEpoch) {
  GivenBatches source(std::vector<Batch>(2, {.images = 6}));  // no more than those that are not counted
  int calls = 0;
  const Result<Pace> pace = MeasurePace(source, [&](const Batch& batch) -> Status {
    EXPECT_EQ(batch.images, 6);
    ++calls;
    std::this_thread::sleep_for(50ms);
    return {};
  });
  ASSERT_TRUE(pace.ok()) << pace.status().message();
  EXPECT_GE(pace->seconds_per_batch, 0.05);
  EXPECT_DOUBLE_EQ(pace->images_per_second * pace->seconds_per_batch, 6);
  EXPECT_GE(pace->seconds_per_batch * (calls - 2), 2) << "the first two are not among those of the two seconds";
  EXPECT_EQ(pace->waiting_share, 0);
}

TEST(Pace, WaitingCountsFromTheThirdBatchOn) {
  std::vector<Batch> batches(100, {.images = 6});
  std::vector<double> waits(100, 0.25);
  waits[0] = waits[1] = 77;
  GivenBatches source(std::move(batches), std::move(waits));
  const Result<Pace> pace = MeasurePace(source, [](const Batch&) -> Status {
    std::this_thread::sleep_for(500ms);
    return {};
  });
  ASSERT_TRUE(pace.ok()) << pace.status().message();
  EXPECT_NEAR(pace->waiting_share * pace->seconds_per_batch, 0.25, 1e-9);
}

TEST(Pace, EndsWithTheFirstError) {
  GivenBatches source(std::vector<Batch>(1, {.images = 6}));
  const Result<Pace> pace = MeasurePace(source, [](const Batch&) { return InvalidArgument("no"); });
  EXPECT_EQ(pace.status().message(), "no");
}

}  // namespace
}  // namespace riffle
