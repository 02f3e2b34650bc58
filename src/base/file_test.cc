#include "base/file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <future>

#include "base/testing/test_folder.h"

namespace riffle {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;

/// Names in a folder, the unfinished ones among them.
std::vector<std::string> NamesIn(const fs::path& folder) {
  std::vector<std::string> names;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) names.push_back(entry.path().filename());
  std::ranges::sort(names);
  return names;
}

mode_t ModeOf(const fs::path& path) {
  struct stat info = {};
  EXPECT_EQ(::stat(path.c_str(), &info), 0) << path;
  return info.st_mode & 07777;
}

TEST(File, WhatWasWrittenIsRead) {
  const fs::path file = TestFolder() / "a";
  ASSERT_TRUE(WriteFileAtomically(file, "first").ok());
  const std::string_view parts[] = {"one", "", "two"};
  ASSERT_TRUE(WriteFileAtomically(file, parts).ok());
  auto text = ReadTextFile(file);
  ASSERT_TRUE(text.ok());
  EXPECT_EQ(*text, "onetwo");
}

TEST(File, ALargeFileIsReadWhole) {
  const fs::path file = TestFolder() / "large";
  std::string content(5'000'001, 'x');
  content.front() = 'a', content.back() = 'z';
  ASSERT_TRUE(WriteFileAtomically(file, content).ok());
  const auto bytes = ReadLargeFile(file);
  ASSERT_TRUE(bytes.ok());
  EXPECT_TRUE(std::equal(bytes->begin(), bytes->end(), content.begin(), content.end()));
}

TEST(File, AFailedWriteLeavesTheOldFileAndNothingBeside) {
  const fs::path folder = TestFolder(), file = folder / "kept";
  ASSERT_TRUE(WriteFileAtomically(file, "old").ok());
  fs::create_directory(folder / "target");
  EXPECT_FALSE(WriteFileAtomically(folder / "target", "a folder stands there").ok());
  EXPECT_FALSE(WriteFileAtomically(folder / "nowhere" / "x", "no such folder").ok());
  EXPECT_EQ(*ReadTextFile(file), "old");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder), fs::directory_iterator()), 2);
}

TEST(File, WhatAKilledProcessLeftIsKnownByItsName) {
  EXPECT_EQ(UnfinishedOf("a/x.safetensors.part123"), "a/x.safetensors");
  for (const char* other : {"a/x.safetensors", "x.part", "x.partial", "x.part12a", "x.part123.txt"})
    EXPECT_EQ(UnfinishedOf(other), std::nullopt) << other;
}

TEST(File, ErrorsNameThePath) {
  const fs::path folder = TestFolder();
  auto missing = ReadFile(folder / "missing");
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.status().code(), ErrorCode::kNotFound);
  EXPECT_NE(missing.status().message().find("missing"), std::string::npos);
  EXPECT_FALSE(ReadFile(folder).ok());
  std::ofstream(folder / "big") << "0123456789";
  EXPECT_FALSE(ReadFile(folder / "big", 9).ok());
  EXPECT_TRUE(ReadFile(folder / "big", 10).ok());
}

// The path by which this process has the end of a pipe, to which somebody writes `content`.
struct GivenPipe {
  explicit GivenPipe(const std::string& content) {
    EXPECT_EQ(::pipe(ends), 0);
    writer = std::async(std::launch::async, [this, content] {
      (void)!::write(ends[1], content.data(), content.size());
      ::close(ends[1]);
    });
  }
  ~GivenPipe() {
    ::close(ends[0]);
    writer.get();
  }
  fs::path Path() const { return "/dev/fd/" + std::to_string(ends[0]); }

  int ends[2];
  std::future<void> writer;
};

TEST(File, WhatHasNoSizeIsReadToItsEnd) {
  const std::string content(300'000, 'x');
  EXPECT_EQ(*ReadTextFile(GivenPipe(content).Path()), content);
  const auto large = ReadLargeFile(GivenPipe(content).Path());
  ASSERT_TRUE(large.ok());
  EXPECT_EQ(std::string(large->begin(), large->end()), content);
  EXPECT_THAT(ReadFile(GivenPipe("12345678").Path(), 7).status().message(), HasSubstr("more than 7 bytes"));
  EXPECT_THAT(*ReadTextFile("/proc/self/status"), HasSubstr("Pid:"));
  EXPECT_EQ(*ReadTextFile("/dev/null"), "");
}

TEST(File, WhatWouldLetAReaderWaitOrNeverEndIsRefused) {
  const fs::path folder = TestFolder(), fifo = folder / "fifo", link = folder / "link";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);  // nobody writes to it
  fs::create_symlink("fifo", link);
  const int zeros = ::open("/dev/zero", O_RDONLY);
  for (const auto& [path, kind] : {std::pair{fifo, "is a pipe (FIFO)"},
                                   {link, "is a pipe (FIFO)"},
                                   {"/dev/zero", "is a device"},
                                   {"/dev/urandom", "is a device"},
                                   {"/dev/fd/" + std::to_string(zeros), "is a device"}}) {
    for (const Status& status : {ReadFile(path).status(), ReadLargeFile(path).status(), ReadTextFile(path).status(),
                                 OpenToRead(path).status()}) {
      EXPECT_EQ(status.code(), ErrorCode::kInvalidArgument);
      EXPECT_EQ(status.message(), fmt::format("{}: {}, a file was expected", path.string(), kind));
    }
  }
  ::close(zeros);
}

// What has a size that no file of ours has is refused before there is memory for it.
TEST(File, AFileOfHolesIsRefusedBeforeItFillsTheMemory) {
  const fs::path file = TestFolder() / "holes";
  std::ofstream(file) << "x";
  fs::resize_file(file, uint64_t{100} << 30);
  EXPECT_THAT(ReadLargeFile(file).status().message(),
              HasSubstr("107374182400 bytes, at most 4294967296 were expected"));
  EXPECT_EQ(ReadFile(file).status().code(), ErrorCode::kInvalidArgument);
}

TEST(File, ALinkStaysAndWhatItLeadsToIsReplaced) {
  const fs::path folder = TestFolder();
  fs::create_directory(folder / "real");
  std::ofstream(folder / "real" / "a") << "old";
  fs::create_symlink("real/a", folder / "relative");
  fs::create_symlink(folder / "relative", folder / "chain");
  fs::create_symlink("real/new", folder / "dangling");
  ASSERT_TRUE(WriteFileAtomically(folder / "chain", "first").ok());
  EXPECT_EQ(*ReadTextFile(folder / "real" / "a"), "first");
  ASSERT_TRUE(WriteFileAtomically(folder / "dangling", "second").ok());
  EXPECT_EQ(*ReadTextFile(folder / "real" / "new"), "second");
  for (const char* link : {"relative", "chain", "dangling"}) EXPECT_TRUE(fs::is_symlink(folder / link)) << link;
  EXPECT_EQ(NamesIn(folder / "real"), (std::vector<std::string>{"a", "new"}));
}

TEST(File, LinksInACircleAreAnError) {
  const fs::path folder = TestFolder();
  fs::create_symlink("b", folder / "a");
  fs::create_symlink("a", folder / "b");
  EXPECT_THAT(WriteFileAtomically(folder / "a", "x").message(), HasSubstr("its links lead in a circle"));
  EXPECT_FALSE(CheckWritable(folder / "a").ok());
}

TEST(File, WhatIsNoFileIsWrittenToAndStays) {
  const fs::path folder = TestFolder(), fifo = folder / "fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  auto reader = std::async(std::launch::async, [&] {
    std::string text;
    std::ifstream(fifo) >> text;
    return text;
  });
  ASSERT_TRUE(WriteFileAtomically(fifo, "through").ok());
  EXPECT_EQ(reader.get(), "through");
  EXPECT_TRUE(fs::is_fifo(fifo));
  fs::create_symlink("/dev/null", folder / "null");
  ASSERT_TRUE(WriteFileAtomically(folder / "null", "x").ok());
  EXPECT_TRUE(fs::is_symlink(folder / "null"));
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
  EXPECT_EQ(WriteFileAtomically("/dev/full", "x").code(), ErrorCode::kIo);
  EXPECT_EQ(NamesIn(folder), (std::vector<std::string>{"fifo", "null"}));
}

TEST(File, AnOpenDescriptorIsWrittenToWhateverItIs) {
  const fs::path folder = TestFolder();
  const int fd = ::open((folder / "file").c_str(), O_WRONLY | O_CREAT, 0600);
  ASSERT_GE(fd, 0);
  ASSERT_EQ(::write(fd, "before ", 7), 7);
  fs::create_symlink("/dev/fd/" + std::to_string(fd), folder / "link");
  ASSERT_TRUE(WriteFileAtomically("/dev/fd/" + std::to_string(fd), "one ").ok());
  ASSERT_TRUE(WriteFileAtomically("/proc/self/fd/" + std::to_string(fd), "two ").ok());
  ASSERT_TRUE(WriteFileAtomically(folder / "link", "three").ok());
  ::close(fd);
  EXPECT_EQ(*ReadTextFile(folder / "file"), "before one two three");
  EXPECT_FALSE(CheckWritable(folder / "link").ok()) << "it is closed";
  EXPECT_EQ(DescriptorOf("/dev/stdout"), 1);
  EXPECT_EQ(DescriptorOf("/dev/fd/7"), 7);
  EXPECT_EQ(DescriptorOf(folder / "file"), -1);
}

TEST(File, WhatAProcessHasOpenIsWrittenToByEachOfItsNames) {
  const fs::path folder = TestFolder(), file = folder / "log";
  std::ofstream(file) << "before ";
  const int fd = ::open(file.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  ASSERT_GE(fd, 0);
  int held[2];
  ASSERT_EQ(::pipe(held), 0);
  const pid_t other = ::fork();  // has the same files open
  if (other == 0) {
    char byte;
    ::close(held[1]);
    (void)!::read(held[0], &byte, 1);
    ::_exit(0);
  }
  fs::create_directory_symlink("/proc/self/fd", folder / "mine");
  const std::string number = std::to_string(fd), self = std::to_string(::getpid());
  const std::string ours[] = {"/proc/thread-self/fd/" + number, "/proc/" + self + "/fd/" + number,
                              "/proc/" + self + "/task/" + self + "/fd/" + number, "/proc/self/../self/fd/" + number,
                              (folder / "mine" / number).string()};
  const std::string theirs = "/proc/" + std::to_string(other) + "/fd/" + number;
  std::string all = "before ";
  for (const std::string& name : ours) {
    EXPECT_EQ(DescriptorOf(name), fd) << name;
    EXPECT_EQ(WriteFileAtomically(name, ".").message(), "") << name;
    all += ".";
  }
  EXPECT_EQ(DescriptorOf(theirs), -1);
  EXPECT_TRUE(IsStream(theirs));
  EXPECT_EQ(WriteFileAtomically(theirs, "theirs").message(), "");
  EXPECT_EQ(*ReadTextFile(file), all + "theirs");
  ::close(fd);
  ::close(held[1]);
  ::waitpid(other, nullptr, 0);
  EXPECT_EQ(*ReadTextFile(file), all + "theirs");
}

TEST(File, AStreamIsNoNameOfAFile) {
  const fs::path folder = TestFolder();
  ASSERT_EQ(::mkfifo((folder / "fifo").c_str(), 0600), 0);
  std::ofstream(folder / "file") << "x";
  for (const std::string& stream :
       {std::string("-"), std::string("/dev/stdout"), std::string("/dev/null"), (folder / "fifo").string()})
    EXPECT_TRUE(IsStream(stream)) << stream;
  for (const fs::path& name : {folder, folder / "file", folder / "new", folder / "-", fs::path("./-"), fs::path()})
    EXPECT_FALSE(IsStream(name)) << name;
}

/// Another user's rights while it lives, where the tests run as root; of a test's folder it sees the names that it
/// knows.
struct AsNobody {
  explicit AsNobody(const fs::path& test_folder) {
    if (::geteuid() != 0) return;
    EXPECT_EQ(::chmod(test_folder.c_str(), 0711), 0);
    EXPECT_EQ(::seteuid(65534), 0);
    ::prctl(PR_SET_DUMPABLE, 1);  // /proc/self stays readable
  }
  ~AsNobody() { (void)!::seteuid(::getuid()); }
};

TEST(File, InAFolderThatCannotBeChangedAFileIsWrittenInItsPlace) {
  const fs::path folder = TestFolder() / "fixed", file = folder / "file";
  fs::create_directory(folder);
  std::ofstream(file) << "an older and longer text";
  ASSERT_EQ(::chmod(file.c_str(), 0666), 0);
  ASSERT_EQ(::chmod(folder.c_str(), 0555), 0);
  {
    const AsNobody nobody(folder.parent_path());
    EXPECT_EQ(CheckWritable(file).message(), "");
    EXPECT_EQ(WriteFileAtomically(file, "new").message(), "");
    EXPECT_FALSE(CheckWritable(folder / "other").ok());
  }
  ::chmod(folder.c_str(), 0755);
  EXPECT_EQ(*ReadTextFile(file), "new");
}

TEST(File, AnotherOwnersFileInAFolderLikeTmpIsWrittenInItsPlace) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give files away";
  const fs::path folder = TestFolder() / "sticky", file = folder / "file";
  fs::create_directory(folder);
  ASSERT_EQ(::chmod(folder.c_str(), 01777), 0);
  std::ofstream(file) << "old";
  ASSERT_EQ(::chmod(file.c_str(), 0666), 0);
  {
    const AsNobody nobody(folder.parent_path());
    EXPECT_EQ(CheckWritable(file).message(), "");
    EXPECT_EQ(WriteFileAtomically(file, "new").message(), "");
  }
  EXPECT_EQ(*ReadTextFile(file), "new");
  EXPECT_EQ(NamesIn(folder), std::vector<std::string>{"file"});
}

TEST(File, AMountedFileIsWrittenInItsPlace) {
  const fs::path folder = TestFolder(), file = folder / "file";
  std::ofstream(folder / "outside") << "old";
  std::ofstream(file) << "hidden";
  const pid_t child = ::fork();
  if (child == 0) {
    const bool mounted = ::unshare(CLONE_NEWNS) == 0 && ::mount("", "/", "", MS_REC | MS_PRIVATE, "") == 0 &&
                         ::mount((folder / "outside").c_str(), file.c_str(), "", MS_BIND, "") == 0;
    ::_exit(!mounted ? 2 : CheckWritable(file).ok() && WriteFileAtomically(file, "new").ok() ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  if (WEXITSTATUS(status) == 2) GTEST_SKIP() << "not allowed to mount";
  EXPECT_EQ(WEXITSTATUS(status), 0);
  EXPECT_EQ(*ReadTextFile(folder / "outside"), "new");
  EXPECT_EQ(NamesIn(folder), (std::vector<std::string>{"file", "outside"}));
}

TEST(File, PermissionsAreTheOldFilesOrThoseOfTheUmask) {
  const fs::path folder = TestFolder();
  const mode_t before = ::umask(027);
  ASSERT_TRUE(WriteFileAtomically(folder / "new", "x").ok());
  EXPECT_EQ(ModeOf(folder / "new"), 0640u);
  ASSERT_EQ(::chmod((folder / "new").c_str(), 0606), 0);
  ASSERT_TRUE(WriteFileAtomically(folder / "new", "y").ok());
  EXPECT_EQ(ModeOf(folder / "new"), 0606u);
  ::umask(before);
}

TEST(File, WhatCannotBeWrittenShowsBeforehand) {
  const fs::path folder = TestFolder();
  std::ofstream(folder / "file") << "old";
  EXPECT_TRUE(CheckWritable(folder / "file").ok());
  EXPECT_TRUE(CheckWritable(folder / "new").ok());
  EXPECT_EQ(CheckWritable(folder).code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(CheckWritable("").code(), ErrorCode::kInvalidArgument);
  const Status missing = CheckWritable(folder / "nowhere" / "x");
  EXPECT_EQ(missing.code(), ErrorCode::kNotFound);
  EXPECT_THAT(missing.message(), HasSubstr("there is no folder " + (folder / "nowhere").string()));
  EXPECT_EQ(CheckWritable(folder / "file" / "x").code(), ErrorCode::kIo);
  EXPECT_EQ(CheckWritable(folder / std::string(256, 'n')).code(), ErrorCode::kIo);
  EXPECT_TRUE(WriteFileAtomically(folder / std::string(255, 'n'), "long").ok());
  EXPECT_FALSE(CheckWritable("/proc/new").ok()) << "nothing can be made there";
  fs::remove(folder / std::string(255, 'n'));
  EXPECT_EQ(NamesIn(folder), std::vector<std::string>{"file"}) << "a check leaves nothing";
  EXPECT_EQ(*ReadTextFile(folder / "file"), "old");
}

TEST(File, BeyondTheLimitOfFileSizesTheOldFileStays) {
  const fs::path folder = TestFolder();
  std::ofstream(folder / "file") << "old";
  rlimit before = {};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);  // as main.cc does
  const rlimit small = {.rlim_cur = 1000, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const Status status = WriteFileAtomically(folder / "file", std::string(2000, 'x'));
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_EQ(status.code(), ErrorCode::kIo);
  EXPECT_THAT(status.message(), Not(HasSubstr(".part")));
  EXPECT_EQ(NamesIn(folder), std::vector<std::string>{"file"});
  EXPECT_EQ(*ReadTextFile(folder / "file"), "old");
}

TEST(File, ATildeIsTheHomeFolder) {
  const char* home = std::getenv("HOME");
  const std::string before = home ? home : "";
  ::setenv("HOME", "/home/ada", 1);
  EXPECT_EQ(*ExpandHome("~"), "/home/ada");
  EXPECT_EQ(*ExpandHome("~/photos"), "/home/ada/photos");
  for (const char* path : {"", "photos", "./~", "a/~/b", "/~"}) EXPECT_EQ(*ExpandHome(path), path);
  EXPECT_THAT(ExpandHome("~grace/photos").status().message(), HasSubstr("'~grace/photos'"));
  ::unsetenv("HOME");
  EXPECT_THAT(ExpandHome("~/photos").status().message(), HasSubstr("HOME"));
  if (home) ::setenv("HOME", before.c_str(), 1);
}

}  // namespace
}  // namespace riffle
