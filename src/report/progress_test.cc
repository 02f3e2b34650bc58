// Progress and log, written to a string under a clock that stands still until told otherwise.
#include "report/progress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>

#include "report/testing/progress_test_base.h"

namespace riffle {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class ProgressTest : public ProgressTestBase {
 protected:
  void SetUp() override {
    setenv("TZ", "UTC", 1);
    tzset();
  }
  Log MakeLog(int live_width) {
    return Log(out_, live_width, [] { return std::chrono::system_clock::from_time_t(1700000000); });
  }
  int CountLines() {
    const std::string text = Written();
    return static_cast<int>(std::count(text.begin(), text.end(), '\n'));
  }
};

TEST_F(ProgressTest, ALogLineStartsWithTheTime) {
  Log log = MakeLog(0);
  log.Line("hello {} %s %v");
  EXPECT_EQ(Written(), "[2023-11-14 22:13:20] hello {} %s %v\n");
}

TEST_F(ProgressTest, ALineGoesAboveTheLiveLine) {
  Log log = MakeLog(20);
  log.Live("live");
  Written();
  log.Line("x");
  EXPECT_EQ(Written(), "\r\x1b[K[2023-11-14 22:13:20] x\nlive");
  log.Live("");
  EXPECT_EQ(Written(), "\r\x1b[K");
  log.Line("y");
  EXPECT_EQ(Written(), "[2023-11-14 22:13:20] y\n");
}

TEST_F(ProgressTest, TheLiveLineIsCutToTheTerminalAndAbsentWithoutOne) {
  Log terminal = MakeLog(6);
  terminal.Live("123456789");
  EXPECT_EQ(Written(), "\r\x1b[K12345");
  terminal.Live("");
  Written();
  Log file = MakeLog(0);
  file.Live("123456789");
  EXPECT_EQ(Written(), "");
}

TEST_F(ProgressTest, PlainLinesComeAtTheFirstBatchEveryIntervalAndTheLast) {
  Log log = MakeLog(0);
  Progress progress(log, 100, Clock());
  std::string batches;
  for (int64_t batch = 1; batch <= 250; ++batch) {
    now_ms_ += 10;
    progress.Report({.epochs = 1, .batch = batch, .batches = 250});
    if (CountLines() > 0) batches += std::to_string(batch) + " ";
  }
  EXPECT_EQ(batches, "1 100 200 250 ");
}

TEST_F(ProgressTest, APlainLineTellsLossSpeedWaitingAndTimeLeft) {
  Log log = MakeLog(0);
  Progress progress(log, 100, Clock());
  now_ms_ += 60000;  // an earlier epoch and its validation: they count for the time left, not for the speed
  progress.BeginEpoch();
  now_ms_ += 4000;
  progress.Report({.epoch = 2,
                   .epochs = 3,
                   .batch = 1,
                   .batches = 10,
                   .loss = 6.9123456,
                   .lr = 0.0039568,
                   .images = 512,
                   .waiting_seconds = 1});
  EXPECT_EQ(Written(),
            "[2023-11-14 22:13:20] Epoch: [2/3], batch: [1/10], loss: 6.912346, lr: 0.0039568, time: 4.000s, "
            "pictures/s: 128.0, waiting for data: 25.0%, left: 0:20:16\n")
      << "19 batches are left at 64 s each";
}

TEST_F(ProgressTest, TheTimeLeftGoesByWhatABatchOfEachEpochCosts) {
  Log log = MakeLog(0);
  Progress progress(log, 1, Clock(), [](int epoch) { return epoch == 3 ? 4.0 : 1.0; });
  now_ms_ += 2000;
  progress.Report({.epoch = 1, .epochs = 3, .batch = 1, .batches = 2});
  EXPECT_THAT(Written(), HasSubstr("left: 0:00:22\n")) << "three batches of 2 s and two of 8 s";
  now_ms_ += 6000;
  progress.Report({.epoch = 3, .epochs = 3, .batch = 1, .batches = 2});
  EXPECT_THAT(Written(), HasSubstr("left: 0:00:06\n")) << "8 s for 1 + 4, and 4 to come";
}

TEST_F(ProgressTest, TheTimeLeftForgetsWhatWasBeforeTheEpochBefore) {
  Log log = MakeLog(0);
  Progress progress(log, 1, Clock());
  for (const int seconds : {1000, 10, 10}) {
    progress.BeginEpoch();
    now_ms_ += 1000 * seconds;
    Written();
    progress.Report({.epoch = 1, .epochs = 3, .batch = 1, .batches = 1});
  }
  EXPECT_THAT(Written(), HasSubstr("left: 0:00:20\n")) << "two epochs of a batch, the slow one forgotten";
}

TEST_F(ProgressTest, TheLiveLineComesAfterTwoSecondsAndTenTimesASecond) {
  Log log = MakeLog(200);
  Progress progress(log, 100, Clock());
  int draws = 0;
  for (int64_t batch = 1; batch <= 400; ++batch) {
    now_ms_ += 10;
    progress.Report({.epochs = 1, .batch = batch, .batches = 1000, .loss = 1.5, .lr = 0.1, .images = batch * 64});
    const std::string text = Written();
    if (batch < 200) {
      EXPECT_EQ(text, "") << batch;
    }
    if (batch == 200) {
      EXPECT_EQ(text,
                "\r\x1b[Kepoch 1/1  batch 200/1000  loss 1.5000  lr 0.1  6400 pictures/s  waiting for data 0 %  "
                "left 0:00:08");
    }
    draws += !text.empty();
  }
  EXPECT_EQ(draws, 21);
}

TEST_F(ProgressTest, TheLiveLineIsTakenAwayAtTheEnd) {
  Log log = MakeLog(80);
  {
    Progress progress(log, 100, Clock());
    now_ms_ += 3000;
    progress.Report({.epochs = 1});
    EXPECT_THAT(Written(), StartsWith("\r\x1b[Kepoch"));
  }
  EXPECT_EQ(Written(), "\r\x1b[K");
}

TEST_F(ProgressTest, ALossThatIsCostlyToKnowIsReadWhereItShowsAndItsErrorShowsNowhere) {
  Log log = MakeLog(0);
  Progress progress(log, 100, Clock());
  int reads = 0;
  const auto read = [&]() -> Result<double> { return 0.5 + ++reads; };
  for (int64_t batch = 1; batch <= 150; ++batch)
    EXPECT_TRUE(progress.Report({.epochs = 1, .batch = batch, .batches = 250}, read).ok());
  EXPECT_EQ(reads, 2) << "batches 1 and 100";
  EXPECT_THAT(Written(), HasSubstr("batch: [100/250], loss: 2.500000"));
  const auto fail = []() -> Result<double> { return InvalidArgument("not finite"); };
  EXPECT_TRUE(progress.Report({.epochs = 1, .batch = 151, .batches = 250}, fail).ok());
  EXPECT_EQ(progress.Report({.epochs = 1, .batch = 200, .batches = 250}, fail).message(), "not finite");
  EXPECT_EQ(Written(), "");
}

TEST_F(ProgressTest, AShortValidationIsSilentAndALongOneSpeaks) {
  Log log = MakeLog(0);
  Progress progress(log, 10, Clock());
  now_ms_ += 1999;
  progress.Report({.batch = 10, .batches = 30, .loss = 1.7, .images = 100});
  EXPECT_EQ(Written(), "");
  now_ms_ += 1;
  progress.Report({.batch = 20, .batches = 30, .loss = 1.7, .images = 200});
  const std::string text = Written();
  EXPECT_THAT(text, HasSubstr("Validation batch: [20/30], loss: 1.700000, time"));
  EXPECT_THAT(text, Not(HasSubstr("lr")));
}

TEST(DurationTextTest, ShowsHoursMinutesSeconds) {
  EXPECT_EQ(DurationText(0.4), "0:00:00");
  EXPECT_EQ(DurationText(59.6), "0:01:00");
  EXPECT_EQ(DurationText(96000), "26:40:00");
  EXPECT_EQ(DurationText(-5), "0:00:00");
}

}  // namespace
}  // namespace riffle
