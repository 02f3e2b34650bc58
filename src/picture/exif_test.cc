// EXIF orientation: all eight against Pillow, in each format that has it; blocks that lie.
#include "picture/exif.h"

#include "picture/decode.h"
#include "picture/testing/pictures.h"

namespace riffle {
namespace {

namespace fs = std::filesystem;

constexpr char kWrite[] = R"(
import sys
from PIL import Image, ImageOps
folder = sys.argv[1]
picture = Image.frombytes('RGB', (13, 9), open(folder + '/rgb.raw', 'rb').read())
for orientation in range(1, 9):
    exif = Image.Exif()
    exif[0x010F] = 'a camera'
    exif[0x0112] = orientation
    for ending, more in (('jpg', {'quality': 95}), ('png', {}), ('webp', {'lossless': True})):
        name = f'{folder}/{orientation}.{ending}'
        picture.save(name, exif=exif, **more)
        upright = ImageOps.exif_transpose(Image.open(name))
        open(name + '.raw', 'wb').write(upright.convert('RGB').tobytes())
)";

/// A JPEG header with one EXIF block, and nothing else.
std::vector<uint8_t> JpegWith(const std::vector<uint8_t>& tiff) {
  std::vector<uint8_t> file(12 + tiff.size());
  const auto length = static_cast<uint8_t>(2 + 6 + tiff.size());
  std::ranges::copy(std::initializer_list<uint8_t>{0xFF, 0xD8, 0xFF, 0xE1, 0, length, 'E', 'x', 'i', 'f', 0, 0},
                    file.begin());
  std::ranges::copy(tiff, file.begin() + 12);
  return file;
}

// One entry: the orientation 6.
const std::vector<uint8_t> kLittleEndian = {'I', 'I', 42, 0, 8, 0, 0, 0, 1, 0, 0x12, 1, 3, 0, 1, 0, 0, 0, 6, 0, 0, 0};
const std::vector<uint8_t> kBigEndian = {'M', 'M', 0, 42, 0, 0, 0, 8, 0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1, 0, 6, 0, 0};

TEST(Exif, PicturesAreTurnedAsPillowTurnsThem) {
  const fs::path folder = TestFolder();
  WriteBytes(folder / "rgb.raw", SomePicture(9, 13, 3).pixels);
  RunPython(kWrite, {folder.string()});
  for (const std::string ending : {".jpg", ".png", ".webp"})
    for (int orientation = 1; orientation <= 8; ++orientation) {
      const std::string name = std::to_string(orientation) + ending;
      const std::vector<uint8_t> file = ReadBytes(folder / name);
      EXPECT_EQ(ExifOrientation(file), orientation) << name;
      Picture upright, lying, first;
      ASSERT_TRUE(Decode(file, 3, upright, Exif::kFollowed).ok()) << name;
      EXPECT_EQ(upright.pixels, ReadBytes(folder / (name + ".raw"))) << name;
      EXPECT_EQ(upright.height, orientation >= 5 ? 13 : 9) << name;
      EXPECT_EQ(upright.exif_orientation, orientation);
      ASSERT_TRUE(Decode(file, 3, lying).ok());
      ASSERT_TRUE(Decode(ReadBytes(folder / ("1" + ending)), 3, first).ok());
      EXPECT_EQ(lying.pixels, first.pixels) << name << " is left as it lies unless that is asked for";
      EXPECT_EQ(lying.exif_orientation, orientation);
    }
}

TEST(Exif, APartOfATurnedPictureIsThatOfTheUprightOne) {
  const fs::path folder = TestFolder();
  WriteBytes(folder / "rgb.raw", SomePicture(9, 13, 3).pixels);
  RunPython(kWrite, {folder.string()});
  for (int orientation = 1; orientation <= 8; ++orientation) {
    const std::vector<uint8_t> file = ReadBytes(folder / (std::to_string(orientation) + ".jpg"));
    Picture whole, scratch;
    ASSERT_TRUE(Decode(file, 1, whole, Exif::kFollowed).ok());
    const auto part = DecodeRegion(
        file, 1,
        [&](int height, int width) {
          EXPECT_EQ(height, whole.height);
          EXPECT_EQ(width, whole.width);
          return Need{.box = {2, 3, 4, 5}};
        },
        scratch, Exif::kFollowed);
    ASSERT_TRUE(part.ok()) << part.status().message();
    const int top = static_cast<int>(part->top), left = static_cast<int>(part->left);
    for (int y = 0; y < 4; ++y)
      for (int x = 0; x < 5; ++x)
        EXPECT_EQ(part->pixels.Row(top + y)[left + x], whole.Row(2 + y)[3 + x]) << orientation;
  }
}

TEST(Exif, BothByteOrdersAreRead) {
  EXPECT_EQ(ExifOrientation(JpegWith(kLittleEndian)), 6);
  EXPECT_EQ(ExifOrientation(JpegWith(kBigEndian)), 6);
}

TEST(Exif, AnOrientationOfTypeLongIsRead) {
  EXPECT_EQ(ExifOrientation(JpegWith({'I', 'I', 42, 0, 8, 0, 0, 0, 1, 0, 0x12, 1, 4, 0, 1, 0, 0, 0, 8, 0, 0, 0})), 8);
  EXPECT_EQ(ExifOrientation(JpegWith({'M', 'M', 0, 42, 0, 0, 0, 8, 0, 1, 1, 0x12, 0, 4, 0, 0, 0, 1, 0, 0, 0, 8})), 8);
  EXPECT_EQ(ExifOrientation(JpegWith({'I', 'I', 42, 0, 8, 0, 0, 0, 1, 0, 0x12, 1, 4, 0, 1, 0, 0, 0, 6, 0, 1, 0})), 1)
      << "a number beyond 8";
}

TEST(Exif, WhatCannotBeUnderstoodIsUpright) {
  const auto with = [](size_t at, uint8_t value) {
    std::vector<uint8_t> tiff = kLittleEndian;
    tiff[at] = value;
    return ExifOrientation(JpegWith(tiff));
  };
  EXPECT_EQ(with(18, 0), 1) << "no orientation";
  EXPECT_EQ(with(18, 9), 1) << "no orientation";
  EXPECT_EQ(with(12, 1), 1) << "another type";
  EXPECT_EQ(with(10, 0x13), 1) << "another tag";
  EXPECT_EQ(with(0, 'X'), 1) << "no byte order";
  EXPECT_EQ(with(4, 0xFF), 1) << "a directory beyond the end";
  EXPECT_EQ(with(7, 0xFF), 1) << "a directory far beyond the end";
  EXPECT_EQ(with(9, 0xFF), 6) << "more entries than there are: the first is there";
  EXPECT_EQ(ExifOrientation({}), 1);
}

// Run this under the address sanitizer: nothing is read beyond the end, and nothing goes on for ever.
TEST(Exif, AnyTruncationAndAnyByteIsHarmless) {
  const std::vector<uint8_t> png = {0x89, 'P',  'N',  'G', 13,  10,  26,  10,  0xFF,
                                    0xFF, 0xFF, 0xFF, 'e', 'X', 'I', 'f', 'I', 'I'};
  const std::vector<uint8_t> webp = {'R', 'I', 'F', 'F', 0,   0,    0,    0,    'W',  'E', 'B',
                                     'P', 'E', 'X', 'I', 'F', 0xFF, 0xFF, 0xFF, 0xFF, 'M', 'M'};
  for (const std::vector<uint8_t>& whole : {JpegWith(kLittleEndian), JpegWith(kBigEndian), png, webp})
    for (size_t length = 0; length <= whole.size(); ++length)
      for (size_t at = 0; at < length; ++at)
        for (const uint8_t value : {0x00, 0x01, 0x7F, 0xFF}) {
          std::vector<uint8_t> file(whole.begin(), whole.begin() + static_cast<int64_t>(length));
          file[at] = value;
          const int orientation = ExifOrientation(file);
          EXPECT_GE(orientation, 1);
          EXPECT_LE(orientation, 8);
        }
}

}  // namespace
}  // namespace riffle
