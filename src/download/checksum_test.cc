#include "download/checksum.h"

#include <gmock/gmock.h>

#include <array>

#include "download/testing/files.h"

namespace riffle {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

TEST(ChecksumTest, SumsAreThoseOfRfc1321) {
  const std::filesystem::path file = TestFolder() / "file";
  for (const auto& [text, sum] : {std::pair{"", "d41d8cd98f00b204e9800998ecf8427e"},
                                  {"message digest", "f96b697d7cb7938d525a2f31aaf161d0"},
                                  {"abcdefghijklmnopqrstuvwxyz", "c3fcd3d76192e4007dfb496cca67e13b"}}) {
    WriteText(file, text);
    EXPECT_EQ(*DigestOfFile(Digest::kMd5, file), sum) << text;
  }
  EXPECT_EQ(DigestOfFile(Digest::kMd5, file.parent_path() / "nowhere").status().code(), ErrorCode::kNotFound);
}

// FIPS 180-4's examples of "abc".
TEST(ChecksumTest, SumsAreThoseOfFips180) {
  const std::array<uint8_t, 3> abc = {'a', 'b', 'c'};
  EXPECT_EQ(*DigestOf(Digest::kSha1, abc), "a9993e364706816aba3e25717850c26c9cd0d89d");
  EXPECT_EQ(*DigestOf(Digest::kSha256, abc), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(ChecksumTest, AFewFirstDigitsAreEnough) {
  const std::filesystem::path file = TestFolder() / "file";
  WriteText(file, "abc");
  EXPECT_TRUE(HasDigest(Digest::kSha256, "ba7816bf")(file).ok());
  const Status wrong = HasDigest(Digest::kSha256, "ba7816be")(file);
  EXPECT_EQ(wrong.code(), ErrorCode::kDataLoss);
  EXPECT_THAT(wrong.message(), HasSubstr("sha256 expected ba7816be..., found ba7816bf8f01"));
  EXPECT_EQ(HasDigest(Digest::kMd5, "")(file.parent_path() / "nowhere").code(), ErrorCode::kNotFound);
}

TEST(ChecksumTest, ListsReadAsMd5sumWritesThem) {
  const std::filesystem::path list = TestFolder() / "MD5SUMS";
  WriteText(list,
            "\xef\xbb\xbf# of a mirror, saved by an editor of Windows\n\n"
            "d41d8cd98f00b204e9800998ecf8427e  a.gz\n"
            "F96B697D7CB7938D525A2F31AAF161D0 *./below/b c.gz\r\n");
  EXPECT_THAT(*ReadChecksums(list), ElementsAre(Pair("a.gz", "d41d8cd98f00b204e9800998ecf8427e"),
                                                Pair("b c.gz", "f96b697d7cb7938d525a2f31aaf161d0")));
}

TEST(ChecksumTest, ALineThatIsNoneIsNamed) {
  const std::filesystem::path list = TestFolder() / "MD5SUMS";
  const std::string good = "d41d8cd98f00b204e9800998ecf8427e  a.gz\n";
  for (const char* line : {"a.gz", "d41d8cd98f00b204e9800998ecf8427  a.gz", "d41d8cd98f00b204e9800998ecf8427e a.gz",
                           "g41d8cd98f00b204e9800998ecf8427e  b.gz", "d41d8cd98f00b204e9800998ecf8427e  folder/",
                           "f96b697d7cb7938d525a2f31aaf161d0  a.gz"}) {
    WriteText(list, good + line + "\n");
    const auto sums = ReadChecksums(list);
    ASSERT_FALSE(sums.ok()) << line;
    EXPECT_THAT(sums.status().message(), HasSubstr("MD5SUMS line 2: ")) << line;
  }
}

}  // namespace
}  // namespace riffle
