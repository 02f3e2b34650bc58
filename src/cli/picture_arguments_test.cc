// Which pictures a command is given, by its arguments and by lists.
#include "cli/picture_arguments.h"

#include <gmock/gmock.h>

#include "data/left_out.h"
#include "picture/draw/draw.h"
#include "picture/testing/pictures.h"

namespace riffle {
namespace {

using namespace std::string_view_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Optional;

std::optional<std::vector<std::string>> Listed(std::string_view text) {
  return NamesListed({reinterpret_cast<const uint8_t*>(text.data()), text.size()});
}

TEST(NamesListed, OneALine) {
  EXPECT_THAT(Listed("a.jpg\nb c.png\n"), Optional(ElementsAre("a.jpg", "b c.png")));
  EXPECT_THAT(Listed("\na.jpg\n\n  b\tc"), Optional(ElementsAre("a.jpg", "  b\tc"))) << "blanks are part of a name";
  EXPECT_THAT(Listed("a.jpg\r\nb.jpg\r\n"), Optional(ElementsAre("a.jpg", "b.jpg")));
  EXPECT_THAT(Listed("BMW/1.jpg\nRIFF/2.jpg\nGIF89a\n\xE9.jpg"),
              Optional(ElementsAre("BMW/1.jpg", "RIFF/2.jpg", "GIF89a", "\xE9.jpg")))
      << "names may begin as pictures do, and need not be UTF-8";
  EXPECT_THAT(Listed(""), Optional(IsEmpty()));
  EXPECT_THAT(Listed("\n\r\n"), Optional(IsEmpty()));
}

TEST(NamesListed, OneBeforeEachNulWhereThereIsOne) {
  EXPECT_THAT(Listed("a\nb.jpg\0c.jpg\r\0"sv), Optional(ElementsAre("a\nb.jpg", "c.jpg\r")));
  EXPECT_THAT(Listed("BM.jpg\0"sv), Optional(ElementsAre("BM.jpg")));
}

TEST(NamesListed, AShortNameIsOneWhateverItBeginsWith) {
  for (const char* name : {"RIFF", "RIFFS", "RIFF.jpg", "BM", "a"})
    EXPECT_THAT(Listed(name), Optional(ElementsAre(name)));
}

TEST(NamesListed, APictureIsNoList) {
  const Picture picture = SomePicture(9, 9, 3);
  EXPECT_EQ(Listed(*EncodePng(picture.View())), std::nullopt);
  const std::vector<uint8_t> bmp = Bmp(9, 9, 'a');
  EXPECT_EQ(NamesListed(bmp), std::nullopt);
  EXPECT_EQ(Listed("\xFF\xD8\xFF\xE0\x01\x10JFIF"), std::nullopt);
  EXPECT_EQ(Listed("RIFF\x11\x22\x33\x44WEBPVP8 "), std::nullopt);
  EXPECT_EQ(Listed("GIF89a\x01\0\x01\0\x80\0\0"sv), std::nullopt) << "so that the error says what it is";
}

class PictureArgumentsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* file :
         {"b/2.jpg", "b/1.PNG", "b/c/3.webp", "b/notes.txt", "b/x.gif", "b/.hidden.jpg", "a.dat", "none/x.gif"})
      WriteText(folder_ / file, "x");
  }
  PictureArguments Of(const std::vector<std::string>& names) const {
    std::vector<std::string> arguments;
    for (const std::string& name : names) arguments.push_back((folder_ / name).string());
    return PicturesOf(arguments);
  }
  /// Below the folder of the test.
  std::vector<std::string> Names(const PictureArguments& found) const {
    std::vector<std::string> names;
    for (const PictureInput& picture : found.pictures)
      names.push_back(std::filesystem::path(picture.name).lexically_relative(folder_).string());
    return names;
  }

  const std::filesystem::path folder_ = TestFolder();
};

TEST_F(PictureArgumentsTest, FilesAndWhatIsInFoldersInTheirOrder) {
  const PictureArguments found = Of({"missing.jpg", "b", "a.dat", "b/x.gif", "b/2.jpg"});
  EXPECT_THAT(Names(found),
              ElementsAre("missing.jpg", "b/1.PNG", "b/2.jpg", "b/c/3.webp", "a.dat", "b/x.gif", "b/2.jpg"));
  EXPECT_THAT(found.errors, IsEmpty()) << "what a file is shows when it is read";
}

TEST_F(PictureArgumentsTest, WhatIsLeftOutOfFoldersIsCounted) {
  const std::string text = Described(WithoutHarmless(Of({"b", "none"}).left_out));
  EXPECT_THAT(text, HasSubstr(".gif files, which are not read (2, such as " + (folder_ / "b/x.gif").string()));
  EXPECT_THAT(text, HasSubstr("hidden files (1: "));
  EXPECT_THAT(text, testing::Not(HasSubstr("notes.txt"))) << "nobody takes it for a picture";
}

TEST_F(PictureArgumentsTest, AFolderWithoutPicturesIsAnErrorBesideTheOthers) {
  const PictureArguments found = Of({"none", "a.dat"});
  EXPECT_THAT(Names(found), ElementsAre("a.dat"));
  ASSERT_EQ(found.errors.size(), 1u);
  EXPECT_EQ(found.errors[0].code(), ErrorCode::kNotFound);
  EXPECT_THAT(found.errors[0].message(), HasSubstr("none: no .jpg, .jpeg"));
}

TEST_F(PictureArgumentsTest, ALinkInACircleEnds) {
  std::filesystem::create_directory_symlink("..", folder_ / "b/c/up");
  EXPECT_THAT(Names(Of({"b"})), ElementsAre("b/1.PNG", "b/2.jpg", "b/c/3.webp"));
}

}  // namespace
}  // namespace riffle
