// Locks: one process at a time, whatever becomes of the one that holds it.
#include "base/file_lock.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <optional>
#include <thread>

#include "base/file.h"
#include "base/testing/test_folder.h"

namespace riffle {
namespace {

const auto kNobody = [] { FAIL() << "nobody holds it"; };

// The error of taking a lock at once, "" if there is none.
std::string ErrorOfTaking(const std::filesystem::path& file) {
  return FileLock::TakeAtOnce(file, [](const std::string& holder) { return IoError("held by {}", holder); })
      .status()
      .message();
}

TEST(FileLockTest, ASecondOneWaitsUntilTheFirstLetsGo) {
  const std::filesystem::path file = TestFolder() / ".lock";
  std::optional<FileLock> first(std::move(*FileLock::Wait(file, kNobody)));
  EXPECT_TRUE(first->locks());
  std::atomic<bool> waits = false, has_it = false;
  std::thread second([&] {
    const auto lock = FileLock::Wait(file, [&] { waits = true; });
    has_it = lock.ok();
  });
  while (!waits) std::this_thread::yield();
  EXPECT_FALSE(has_it);
  first.reset();
  second.join();
  EXPECT_TRUE(has_it);
}

TEST(FileLockTest, OneThatDoesNotWaitLearnsWhoHoldsIt) {
  const std::filesystem::path file = TestFolder() / ".lock";
  {
    const auto lock = FileLock::Wait(file, kNobody);
    ASSERT_TRUE(lock.ok());
    EXPECT_EQ(ErrorOfTaking(file), fmt::format("held by process {}", getpid()));
    std::ofstream(file) << "4711 somewhere.else\n";
    EXPECT_EQ(ErrorOfTaking(file), "held by process 4711 on somewhere.else");
    std::ofstream(file) << "";
    EXPECT_EQ(ErrorOfTaking(file), "held by another process");
  }
  EXPECT_EQ(ErrorOfTaking(file), "");
}

TEST(FileLockTest, ARemovedFileLocksNobodyOut) {
  const std::filesystem::path file = TestFolder() / ".lock";
  std::optional<FileLock> first(std::move(*FileLock::Wait(file, kNobody)));
  std::atomic<bool> waits = false;
  std::thread second([&] {
    const auto lock = FileLock::Wait(file, [&] { waits = true; });
    ASSERT_TRUE(lock.ok());
    EXPECT_TRUE(lock->CheckHeld().ok()) << "it waited for a file that is gone, and has the one that is there now";
    EXPECT_NE(ErrorOfTaking(file), "");
  });
  while (!waits) std::this_thread::yield();
  first->RemoveFile();
  EXPECT_FALSE(std::filesystem::exists(file));
  first.reset();
  second.join();
}

TEST(FileLockTest, AFileOfSomeoneElseIsNotRemoved) {
  const std::filesystem::path file = TestFolder() / ".lock";
  std::ofstream(file) << "my notes\n";
  FileLock::Wait(file, kNobody)->RemoveFile();
  EXPECT_EQ(*ReadTextFile(file), "my notes\n");
}

TEST(FileLockTest, KnowsWhetherItsFileIsStillTheOneByThatName) {
  const std::filesystem::path file = TestFolder() / ".lock";
  const auto lock = FileLock::Wait(file, kNobody);
  ASSERT_TRUE(lock.ok());
  EXPECT_TRUE(lock->CheckHeld().ok());
  std::filesystem::remove(file);
  EXPECT_THAT(lock->CheckHeld().message(), testing::HasSubstr(file.string()));
  const auto next = FileLock::Wait(file, kNobody);
  EXPECT_TRUE(next->CheckHeld().ok());
  EXPECT_FALSE(lock->CheckHeld().ok()) << "the name is another's now";
}

TEST(FileLockTest, AProcessThatDiesLetsGo) {
  const std::filesystem::path file = TestFolder() / ".lock";
  const pid_t child = fork();
  if (child == 0) {
    const auto lock = FileLock::Wait(file, [] {});
    _exit(lock.ok() ? 7 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 7);
  EXPECT_EQ(ErrorOfTaking(file), "") << "the dead hold it";
}

TEST(FileLockTest, WhatSomeoneElseWroteStays) {
  const std::filesystem::path file = TestFolder() / ".lock";
  const auto text = [&] { return *ReadTextFile(file); };
  for (const std::string theirs : {"precious", "4711", "12 days\nof notes\n", "\n", "7 a b\n"}) {
    std::ofstream(file) << theirs;
    EXPECT_EQ(ErrorOfTaking(file), "") << theirs;
    EXPECT_EQ(text(), theirs);
  }
  std::ofstream(file) << "4711 somewhere.else\n";
  EXPECT_EQ(ErrorOfTaking(file), "");
  EXPECT_THAT(text(), testing::StartsWith(fmt::format("{} ", getpid()))) << "an earlier holder";
}

TEST(FileLockTest, ALinkIsNotFollowed) {
  const std::filesystem::path folder = TestFolder(), file = folder / ".lock";
  for (const char* target : {"precious", "none"}) {
    std::ofstream(folder / "precious") << "";
    std::filesystem::create_symlink(target, file);
    EXPECT_THAT(ErrorOfTaking(file), testing::HasSubstr(file.string() + ": expected a file"));
    EXPECT_EQ(*ReadTextFile(folder / "precious"), "");
    EXPECT_FALSE(std::filesystem::exists(folder / "none"));
    std::filesystem::remove(file);
  }
  ASSERT_EQ(mkfifo(file.c_str(), 0600), 0);
  EXPECT_THAT(ErrorOfTaking(file), testing::HasSubstr("expected a file"));
}

TEST(FileLockTest, AFileThatCannotBeLockedIsNamed) {
  EXPECT_THAT(ErrorOfTaking("/nowhere/.lock"), testing::HasSubstr("/nowhere/.lock"));
}

}  // namespace
}  // namespace riffle
