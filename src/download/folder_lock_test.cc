#include "download/folder_lock.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <optional>
#include <thread>

#include "download/testing/files.h"

namespace riffle {
namespace {

TEST(FolderLockTest, ASecondOneWaitsUntilTheFirstLetsGo) {
  const std::filesystem::path folder = TestFolder();
  std::optional<FolderLock> first(std::move(*FolderLock::Take(folder, [] { FAIL() << "nobody holds it"; })));
  std::atomic<bool> waits = false, has_it = false;
  std::thread second([&] {
    const auto lock = FolderLock::Take(folder, [&] { waits = true; });
    has_it = lock.ok();
  });
  while (!waits) std::this_thread::yield();
  EXPECT_FALSE(has_it);
  first.reset();
  second.join();
  EXPECT_TRUE(has_it);
}

TEST(FolderLockTest, AProcessThatDiesLetsGo) {
  const std::filesystem::path folder = TestFolder();
  const pid_t child = fork();
  if (child == 0) {
    const auto lock = FolderLock::Take(folder, [] {});
    _exit(lock.ok() ? 7 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 7);
  EXPECT_TRUE(FolderLock::Take(folder, [] { FAIL() << "the dead hold it"; }).ok());
}

TEST(FolderLockTest, AFolderThatCannotBeLockedIsNamed) {
  const auto lock = FolderLock::Take("/nowhere", [] {});
  ASSERT_FALSE(lock.ok());
  EXPECT_NE(lock.status().message().find("/nowhere/.lock"), std::string::npos);
}

}  // namespace
}  // namespace riffle
