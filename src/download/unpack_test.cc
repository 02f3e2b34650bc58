#include "download/unpack.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include "base/file.h"
#include "download/testing/archives.h"
#include "download/testing/files.h"

namespace riffle {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(UnpackTest, FilesAndFoldersComeOutAndReplaceWhatStoodThere) {
  const fs::path folder = TestFolder(), archive = folder / "a.tar.gz";
  WriteText(folder / "kept", "kept");
  fs::create_directories(folder / "set");
  WriteText(folder / "set/old", "old");
  WriteTarGz(archive, {{"set/", ""}, {"set/a.bin", "aaa"}, {"set/deep/b.bin", std::string(3000000, 'b')}, {"top", ""}});
  const Status status = Unpack(archive, folder);
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_EQ(*ReadTextFile(folder / "set/a.bin"), "aaa");
  EXPECT_EQ(*ReadTextFile(folder / "set/deep/b.bin"), std::string(3000000, 'b'));
  EXPECT_EQ(*ReadTextFile(folder / "top"), "");
  EXPECT_EQ(*ReadTextFile(folder / "kept"), "kept");
  EXPECT_FALSE(fs::exists(folder / "set/old"));
  EXPECT_FALSE(fs::exists(folder / ".unpacking"));
}

TEST(UnpackTest, WhatComesOutCanBeReadAndReplacedWhateverTheArchiveAllows) {
  const fs::path folder = TestFolder(), archive = folder / "a.tar.gz";
  for (const unsigned permissions : {0000u, 04777u}) {
    WriteTarGz(archive, {{"set/", ""}, {"set/a", "a"}}, permissions);
    ASSERT_EQ(Unpack(archive, folder).message(), "");
    const mode_t mask = umask(0);
    umask(mask);
    EXPECT_EQ(fs::status(folder / "set").permissions(), static_cast<fs::perms>(0777 & ~mask));
    EXPECT_EQ(fs::status(folder / "set/a").permissions(), static_cast<fs::perms>(0666 & ~mask));
  }
}

TEST(UnpackTest, TheFolderMayLieBehindALink) {
  const fs::path folder = TestFolder(), archive = folder / "a.tar.gz", link = folder / "link";
  fs::create_directories(folder / "real");
  fs::create_directory_symlink(folder / "real", link);
  WriteTarGz(archive, {{"./set/a", "a"}});
  ASSERT_EQ(Unpack(archive, link).message(), "");
  EXPECT_EQ(*ReadTextFile(folder / "real/set/a"), "a");
}

TEST(UnpackTest, ADamagedArchiveChangesNothing) {
  const fs::path folder = TestFolder(), archive = folder / "a.tar.gz";
  WriteTarGz(archive, {{"first", "1"}, {"second", std::string(100000, '2')}});
  const std::string bytes = *ReadTextFile(archive);
  for (const std::string& damaged : {bytes.substr(0, bytes.size() / 2), std::string(1000, 'x'), std::string()}) {
    WriteText(archive, damaged);
    const Status status = Unpack(archive, folder);
    EXPECT_EQ(status.code(), ErrorCode::kDataLoss) << damaged.size();
    EXPECT_THAT(status.message(), HasSubstr("a.tar.gz: "));
    EXPECT_FALSE(fs::exists(folder / "first"));
    EXPECT_FALSE(fs::exists(folder / ".unpacking"));
  }
  EXPECT_EQ(Unpack(folder / "nowhere.tar.gz", folder).code(), ErrorCode::kDataLoss);
}

// The header of a file in a tar archive, which may promise more than the archive has.
std::string TarHeader(const std::string& name, const std::string& octal_bytes) {
  std::string header(512, '\0');
  const auto put = [&](size_t at, const std::string& text) { header.replace(at, text.size(), text); };
  put(0, name);
  put(100, "0000644");
  put(124, octal_bytes);
  put(148, "        ");
  header[156] = '0';
  int sum = 0;
  for (const char c : header) sum += static_cast<unsigned char>(c);
  put(148, fmt::format("{:06o}", sum));
  return header;
}

TEST(UnpackTest, ABombIsRefusedBeforeItFillsTheDisk) {
  const fs::path folder = TestFolder(), archive = folder / "a.tar.gz";
  // As large as octal digits can say, a block of which is there: one alone is allowed, and is cut off.
  const std::string huge = TarHeader("huge", "77777777777") + std::string(512, 'x');
  WriteText(archive, huge);
  EXPECT_THAT(Unpack(archive, folder).message(), Not(HasSubstr("more than")));
  WriteText(archive, TarHeader("small", "00000000001") + std::string(512, 'x') + huge);
  const Status status = Unpack(archive, folder);
  EXPECT_EQ(status.code(), ErrorCode::kDataLoss);
  EXPECT_THAT(status.message(), HasSubstr("a.tar.gz: it unpacks to more than the 8589934592 bytes that are allowed"));
  EXPECT_FALSE(fs::exists(folder / "small"));
  EXPECT_FALSE(fs::exists(folder / ".unpacking"));
}

TEST(UnpackTest, NothingIsWrittenOutsideTheFolder) {
  const fs::path folder = TestFolder() / "below";
  fs::create_directories(folder);
  for (const char* name : {"../evil", "good/../../../evil", "/tmp/riffle_evil"}) {
    WriteTarGz(folder / "a.tar.gz", {{name, "evil"}});
    const Status status = Unpack(folder / "a.tar.gz", folder);
    EXPECT_EQ(status.code(), ErrorCode::kDataLoss) << name;
    EXPECT_THAT(status.message(), HasSubstr(name));
  }
  for (const char* target : {"->/etc", "=>/etc/passwd", "|"}) {
    WriteTarGz(folder / "a.tar.gz", {{"good", "good"}, {"link", target}, {"link/passwd", "evil"}});
    const Status status = Unpack(folder / "a.tar.gz", folder);
    EXPECT_EQ(status.code(), ErrorCode::kDataLoss) << target;
    EXPECT_THAT(status.message(), HasSubstr("'link', which is neither a file nor a folder"));
    EXPECT_FALSE(fs::exists(folder / "good")) << "nothing is moved";
  }
  EXPECT_FALSE(fs::exists(folder.parent_path() / "evil"));
  EXPECT_FALSE(fs::exists("/tmp/riffle_evil"));
}

}  // namespace
}  // namespace riffle
