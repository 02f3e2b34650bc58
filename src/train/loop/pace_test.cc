#include "train/loop/pace.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "train/testing.h"

namespace riffle {
namespace {

using namespace std::chrono_literals;

TEST(Pace, IsThatOfTheWorkHoweverShortTheEpoch) {
  const std::unique_ptr<Dataset> data = TinyData(12);  // two batches: the first two are not counted
  const std::unique_ptr<Loader> loader = EvaluationLoader(*data, 6);
  int calls = 0;
  const Result<Pace> pace = MeasurePace(*loader, [&](const Batch& batch) -> Status {
    EXPECT_EQ(batch.images, 6);
    ++calls;
    std::this_thread::sleep_for(50ms);
    return {};
  });
  ASSERT_TRUE(pace.ok()) << pace.status().message();
  EXPECT_GE(pace->seconds_per_batch, 0.05);
  EXPECT_DOUBLE_EQ(pace->images_per_second * pace->seconds_per_batch, 6);
  EXPECT_GE(pace->seconds_per_batch * (calls - 2), 2) << "the first two are not among those of the two seconds";
  EXPECT_GE(pace->waiting_share, 0);
  EXPECT_LT(pace->waiting_share, 1);
}

TEST(Pace, EndsWithTheFirstError) {
  const std::unique_ptr<Dataset> data = TinyData(12);
  const std::unique_ptr<Loader> loader = EvaluationLoader(*data, 6);
  const Result<Pace> pace = MeasurePace(*loader, [](const Batch&) { return InvalidArgument("no"); });
  EXPECT_EQ(pace.status().message(), "no");
}

}  // namespace
}  // namespace riffle
