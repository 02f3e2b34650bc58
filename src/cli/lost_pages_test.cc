#include "cli/lost_pages.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <optional>

#include "base/mapped_file.h"
#include "cli/run.h"
#include "picture/testing/pictures.h"

namespace riffle {
namespace {

TEST(LostPages, AreToldInALineAndAnExitCode) {
  const std::filesystem::path path = TestFolder() / "file";
  WriteBytes(path, std::vector<uint8_t>(100'000, 1));
  const auto file = MappedFile::Open(path);
  ASSERT_TRUE(file.ok());
  const auto pages = file->Fetch(0, 100'000);  // all is well, and then it is not
  ASSERT_TRUE(pages.ok());
  std::filesystem::resize_file(path, 10);
  const auto damaged = std::ranges::find(ExitCodes(), std::optional(ErrorCode::kDataLoss), &ExitCodeRow::error);
  EXPECT_EXIT(
      {
        TellLostPages();
        volatile uint8_t seen = pages->back();
        static_cast<void>(seen);
      },
      testing::ExitedWithCode(damaged->exit_code), "error: .* lost pages .*'riffle data check'");
}

TEST(LostPages, OtherFaultsStayAsTheyAre) {
  EXPECT_EXIT(
      {
        TellLostPages();
        raise(SIGBUS);
        raise(SIGBUS);
      },
      testing::KilledBySignal(SIGBUS), "");
}

}  // namespace
}  // namespace riffle
