#include "download/checksum.h"

#include <gmock/gmock.h>

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
    EXPECT_EQ(*Md5OfFile(file), sum) << text;
  }
  EXPECT_EQ(Md5OfFile(file.parent_path() / "nowhere").status().code(), ErrorCode::kNotFound);
}

TEST(ChecksumTest, ListsReadAsMd5sumWritesThem) {
  const std::filesystem::path list = TestFolder() / "MD5SUMS";
  WriteText(list,
            "# of a mirror\n\n"
            "d41d8cd98f00b204e9800998ecf8427e  a.gz\n"
            "F96B697D7CB7938D525A2F31AAF161D0 *./below/b c.gz\r\n");
  EXPECT_THAT(*ReadChecksums(list), ElementsAre(Pair("a.gz", "d41d8cd98f00b204e9800998ecf8427e"),
                                                Pair("b c.gz", "f96b697d7cb7938d525a2f31aaf161d0")));
}

TEST(ChecksumTest, ALineThatIsNoneIsNamed) {
  const std::filesystem::path list = TestFolder() / "MD5SUMS";
  const std::string good = "d41d8cd98f00b204e9800998ecf8427e  a.gz\n";
  for (const char* line : {"a.gz", "d41d8cd98f00b204e9800998ecf8427  a.gz", "d41d8cd98f00b204e9800998ecf8427e a.gz",
                           "g41d8cd98f00b204e9800998ecf8427e  b.gz", "f96b697d7cb7938d525a2f31aaf161d0  a.gz"}) {
    WriteText(list, good + line + "\n");
    const auto sums = ReadChecksums(list);
    ASSERT_FALSE(sums.ok()) << line;
    EXPECT_THAT(sums.status().message(), HasSubstr("MD5SUMS line 2: ")) << line;
  }
}

}  // namespace
}  // namespace riffle
