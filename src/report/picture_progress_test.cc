#include "report/picture_progress.h"

#include <gmock/gmock.h>

#include "report/testing/progress_test_base.h"

namespace riffle {
namespace {

using ::testing::HasSubstr;

using PictureProgressTest = ProgressTestBase;

TEST_F(PictureProgressTest, IsALineEveryTenSecondsWithoutATerminal) {
  Log log(out_, 0);
  PictureProgress progress(log, Clock());
  now_ms_ += 1999;
  progress.Report(1000, 6000);
  EXPECT_EQ(Written(), "") << "what is over soon needs none";
  now_ms_ += 1;
  progress.Report(1000, 6000);
  EXPECT_THAT(Written(), HasSubstr("] 1,000 of 6,000 pictures, 500 a second, left 0:00:10\n"));
  now_ms_ += 9999;
  progress.Report(2000, 6000);
  EXPECT_EQ(Written(), "");
  now_ms_ += 1;
  progress.Report(6000, 6000);
  EXPECT_THAT(Written(), HasSubstr("] 6,000 of 6,000 pictures, 500 a second"));
}

TEST_F(PictureProgressTest, IsALiveLineOnATerminalThatLeavesNothing) {
  Log log(out_, 80);
  {
    PictureProgress progress(log, Clock());
    now_ms_ += 2000;
    progress.Report(10, 20);
    EXPECT_THAT(Written(), HasSubstr("10 of 20 pictures"));
    now_ms_ += 99;
    progress.Report(11, 20);
    EXPECT_EQ(Written(), "");
  }
  EXPECT_NE(Written(), "") << "it is taken away";
}

}  // namespace
}  // namespace riffle
