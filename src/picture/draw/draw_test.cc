#include "picture/draw/draw.h"

#include <gmock/gmock.h>

#include <set>

#include "base/random.h"
#include "picture/decode.h"
#include "picture/testing/pictures.h"

namespace riffle {
namespace {

using ::testing::EndsWith;
using ::testing::Not;
using ::testing::StartsWith;

TEST(Draw, PicturesAreEnlargedInTheirPlaceAndCutAtTheEdge) {
  Picture canvas = Canvas(10, 12, {9, 8, 7});
  const Picture colours = SomePicture(3, 3, 3), grey = SomePicture(2, 2, 1);
  Draw(canvas, 1, 2, colours.View(), 2);
  Draw(canvas, 8, 10, grey.View(), 2);
  for (int y = 0; y < 10; ++y)
    for (int x = 0; x < 12; ++x)
      for (int c = 0; c < 3; ++c) {
        int expected = 9 - c;
        if (y >= 1 && y < 7 && x >= 2 && x < 8) expected = colours.pixels[((y - 1) / 2 * 3 + (x - 2) / 2) * 3 + c];
        if (y >= 8 && x >= 10) expected = grey.pixels[0];
        ASSERT_EQ(canvas.Row(y)[3 * x + c], expected) << y << " " << x;
      }
}

TEST(Draw, EveryLetterIsAnotherAndFillsItsBox) {
  std::set<std::string> seen;
  for (char letter = ' '; letter < 127; ++letter) {
    std::string dots;
    for (int row = 0; row < kGlyphHeight; ++row)
      for (int column = 0; column < kGlyphWidth; ++column) dots += GlyphDot(letter, row, column) ? '#' : '.';
    EXPECT_TRUE(seen.insert(dots).second) << letter;
  }
}

TEST(Draw, TextIsAsWideAsItSays) {
  EXPECT_EQ(TextWidth("", 2), 0);
  EXPECT_EQ(TextWidth("ab", 2), 22);
  EXPECT_EQ(TextWidth("\xC3\xA4", 1), 5) << "one letter, whatever its bytes";
  Picture canvas = Canvas(20, 40, {0, 0, 0});
  DrawText(canvas, 2, 3, "##", {255, 0, 0}, 2);
  int left = 40, right = 0;
  for (int y = 0; y < 20; ++y)
    for (int x = 0; x < 40; ++x)
      if (canvas.Row(y)[3 * x] == 255) left = std::min(left, x), right = std::max(right, x);
  EXPECT_EQ(left, 3);
  EXPECT_EQ(right, 3 + TextWidth("##", 2) - 1);
}

TEST(Draw, PngFilesHoldWhatWasDrawn) {
  for (int channels : {1, 3}) {
    const Picture picture = SomePicture(17, 23, channels);
    const Result<std::string> file = EncodePng(picture.View().Crop(2, 3, 11, 13));
    ASSERT_TRUE(file.ok()) << file.status().message();
    Picture decoded;
    const std::vector<uint8_t> bytes(file->begin(), file->end());
    ASSERT_TRUE(Decode(bytes, channels, decoded).ok());
    ASSERT_EQ(decoded.height, 11);
    for (int y = 0; y < 11; ++y)
      EXPECT_TRUE(std::equal(decoded.Row(y), decoded.Row(y) + 13 * channels, picture.View().Row(y + 2) + 3 * channels));
  }
}

TEST(Draw, APngHoldsNoiseToo) {
  Picture noise, decoded;
  noise.Reshape(200, 300, 3);
  RandomStream random(7, RandomPurpose::kTest, 0, 0);
  for (uint8_t& value : noise.pixels) value = static_cast<uint8_t>(random.Below(256));
  const Result<std::string> file = EncodePng(noise.View());
  ASSERT_TRUE(file.ok()) << file.status().message();
  ASSERT_TRUE(Decode(std::vector<uint8_t>(file->begin(), file->end()), 3, decoded).ok());
  EXPECT_EQ(decoded.pixels, noise.pixels);
}

TEST(Draw, APngThatCannotBeMadeIsAnErrorThatSaysWhy) {
  const Picture picture = SomePicture(2, 2, 3);
  for (const auto& [height, width] : {std::pair{0, 2}, {2, 0}}) {
    const Status status = EncodePng(picture.View().Crop(0, 0, height, width)).status();
    EXPECT_EQ(status.code(), ErrorCode::kUnavailable);
    EXPECT_THAT(status.message(), StartsWith(fmt::format("a PNG of {} × {} pixels cannot be made: ", width, height)));
    EXPECT_THAT(status.message(), Not(EndsWith(": "))) << "libpng's reason";
  }
}

}  // namespace
}  // namespace riffle
