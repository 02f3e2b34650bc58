#include "base/scratch_folder.h"

#include <gmock/gmock.h>

#include <cstdlib>
#include <fstream>

namespace riffle {
namespace {

namespace fs = std::filesystem;

TEST(ScratchFolder, GoesAwayWithWhatIsInIt) {
  fs::path path;
  {
    Result<ScratchFolder> folder = ScratchFolder::Create();
    ASSERT_TRUE(folder.ok()) << folder.status().message();
    const ScratchFolder moved = std::move(*folder);
    path = moved.path();
    std::ofstream(moved / "file") << "text";
    EXPECT_TRUE(fs::exists(path / "file"));
    EXPECT_EQ(fs::status(path).permissions(), fs::perms::owner_all);
    EXPECT_NE(ScratchFolder::Create()->path(), path);
  }
  EXPECT_FALSE(fs::exists(path));
}

TEST(ScratchFolder, SaysWhatToDoWhereItCannotBe) {
  const char* const tmpdir = std::getenv("TMPDIR");
  const std::string before = tmpdir ? tmpdir : "";
  ::setenv("TMPDIR", "/dev/null", 1);
  const Result<ScratchFolder> folder = ScratchFolder::Create();
  tmpdir ? ::setenv("TMPDIR", before.c_str(), 1) : ::unsetenv("TMPDIR");
  ASSERT_FALSE(folder.ok());
  EXPECT_THAT(folder.status().message(), testing::HasSubstr("set TMPDIR to a folder"));
}

}  // namespace
}  // namespace riffle
