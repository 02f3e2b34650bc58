#include "picture/encode_jpeg.h"

#include <algorithm>
#include <array>

#include "picture/testing/pictures.h"

namespace riffle {
namespace {

namespace fs = std::filesystem;

constexpr char kWrite[] = R"(
import sys
from PIL import Image
folder = sys.argv[1]
for mode in ('RGB', 'L'):
    picture = Image.frombytes(mode, (61, 45), open(f'{folder}/{mode}.raw', 'rb').read())
    for quality in (1, 75, 90, 100): picture.save(f'{folder}/{mode}{quality}.jpg', quality=quality)
)";

// Of a JPEG file what comes after its first segments: Pillow's has the density in other units.
std::vector<uint8_t> FromTheTablesOn(const std::vector<uint8_t>& file) {
  const std::array<uint8_t, 2> tables = {0xFF, 0xDB};
  return {std::ranges::search(file, tables).begin(), file.end()};
}

TEST(EncodeJpeg, WritesTheBytesThatPillowWrites) {
  const fs::path folder = TestFolder();
  const Picture rgb = SomePicture(45, 61, 3), grey = SomePicture(45, 61, 1);
  WriteBytes(folder / "RGB.raw", rgb.pixels);
  WriteBytes(folder / "L.raw", grey.pixels);
  RunPython(kWrite, {folder.string()});
  for (const int quality : {1, 75, 90, 100})
    for (const auto& [mode, picture] : {std::pair("RGB", &rgb), {"L", &grey}}) {
      const auto file = EncodeJpeg(picture->View(), quality);
      ASSERT_TRUE(file.ok()) << file.status().message();
      EXPECT_EQ(FromTheTablesOn(*file), FromTheTablesOn(ReadBytes(folder / fmt::format("{}{}.jpg", mode, quality))))
          << mode << quality;
    }
}

TEST(EncodeJpeg, ASideThatJpegCannotHaveIsAnError) {
  Picture wide;
  wide.Reshape(1, 70'000, 1);
  EXPECT_EQ(EncodeJpeg(wide.View(), 90).status().code(), ErrorCode::kUnavailable);
}

}  // namespace
}  // namespace riffle
