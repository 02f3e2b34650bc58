// A download under a clock that stands still until told otherwise.
#include "report/download_progress.h"

#include <gmock/gmock.h>

#include "report/testing/progress_test_base.h"

namespace riffle {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;

using DownloadProgressTest = ProgressTestBase;

TEST_F(DownloadProgressTest, WithoutATerminalItIsALineNowAndThenAndAtTheEnd) {
  Log log(out_, 0);
  DownloadProgress progress(log, Clock());
  progress.Report("a.gz", 1024, 4096);
  EXPECT_THAT(Written(), EndsWith("] Downloading a.gz: 1.0 KiB of 4.0 KiB (25 %)\n"));
  now_ms_ += 9000;
  progress.Report("a.gz", 2048, 4096);
  EXPECT_EQ(Written(), "");
  now_ms_ += 1000;
  progress.Report("a.gz", 3072, 4096);
  EXPECT_THAT(Written(), EndsWith("3.0 KiB of 4.0 KiB (75 %), 204 B/s, left 0:00:05\n"));
  progress.Report("a.gz", 4096, 4096);
  EXPECT_THAT(Written(), EndsWith("4.0 KiB of 4.0 KiB (100 %), 307 B/s\n"));
  progress.Report("a.gz", 4096, 4096);
  EXPECT_EQ(Written(), "") << "it was over";
  progress.Report("b.gz", 10, 0);
  EXPECT_THAT(Written(), EndsWith("Downloading b.gz: 10 B\n")) << "the size is not known";
}

TEST_F(DownloadProgressTest, OnATerminalItIsALiveLine) {
  Log log(out_, 80);
  DownloadProgress progress(log, Clock());
  progress.Report("a.gz", 1024, 4096);
  const std::string first = Written();
  EXPECT_THAT(first, HasSubstr("25 %"));
  EXPECT_EQ(first.find('\n'), std::string::npos);
  now_ms_ += 99;
  progress.Report("a.gz", 2048, 4096);
  EXPECT_EQ(Written(), "");
  now_ms_ += 1;
  progress.Report("a.gz", 2048, 4096);
  EXPECT_THAT(Written(), HasSubstr("50 %"));
}

}  // namespace
}  // namespace riffle
