// Decoding a part gives the pixels that decoding the whole gives there; scaled decoding stays near.
#include "picture/region.h"

#include <cmath>

#include "picture/decode.h"
#include "picture/resize.h"
#include "picture/testing/pictures.h"

namespace riffle {
namespace {

namespace fs = std::filesystem;

constexpr int kHeight = 203, kWidth = 331;

// One picture in many kinds of file.
constexpr char kPillow[] = R"(
import sys
from PIL import Image, ImageFile
ImageFile.MAXBLOCK = 1 << 24
folder, w, h = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
im = Image.frombytes('RGB', (w, h), open(folder + '/in.raw', 'rb').read())
for name, sampling in (('444', 0), ('422', 1), ('420', 2)):
    for progressive in (False, True):
        im.save(f'{folder}/{name}{"p" if progressive else ""}.jpg', quality=90, subsampling=sampling, progressive=progressive)
im.convert('L').save(folder + '/grey.jpg', quality=90)
im.convert('CMYK').save(folder + '/cmyk.jpg', quality=90)
im.save(folder + '/whole.png')
)";

std::vector<fs::path> Pictures(const fs::path& folder, const Picture& picture) {
  WriteBytes(folder / "in.raw", picture.pixels);
  RunPython(kPillow, {folder.string(), std::to_string(picture.width), std::to_string(picture.height)});
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder))
    if (const fs::path ending = entry.path().extension(); ending == ".jpg" || ending == ".png")
      files.push_back(entry.path());
  EXPECT_EQ(files.size(), 9u);
  return files;
}

TEST(DecodeRegion, APartInFullHoldsThePixelsOfTheWhole) {
  for (const fs::path& file : Pictures(TestFolder(), SomePicture(kHeight, kWidth, 3))) {
    const std::vector<uint8_t> bytes = ReadBytes(file);
    RandomStream random(1, RandomPurpose::kTest, 0, 0);
    for (const int channels : {1, 3}) {
      Picture whole, part;
      ASSERT_TRUE(Decode(bytes, channels, whole).ok());
      for (int round = 0; round < 60; ++round) {
        CropBox box;
        box.height = 1 + static_cast<int>(random.Below(kHeight));
        box.width = 1 + static_cast<int>(random.Below(kWidth));
        box.top = static_cast<int>(random.Below(kHeight - box.height + 1));
        box.left = static_cast<int>(random.Below(kWidth - box.width + 1));
        int asked = 0;
        const auto region = DecodeRegion(
            bytes, channels,
            [&](int height, int width) {
              EXPECT_EQ(height, kHeight);
              EXPECT_EQ(width, kWidth);
              ++asked;
              return Need{.box = box};
            },
            part);
        ASSERT_TRUE(region.ok()) << file << region.status().message();
        EXPECT_EQ(asked, 1);
        const PictureView& pixels = region->pixels;
        ASSERT_EQ(pixels.height, box.height);
        ASSERT_EQ(pixels.width, box.width);
        EXPECT_EQ(region->top, 0);
        EXPECT_EQ(region->left, 0);
        EXPECT_EQ(region->height, box.height);
        EXPECT_EQ(region->width, box.width);
        for (int y = 0; y < box.height; ++y)
          ASSERT_TRUE(std::equal(pixels.Row(y), pixels.Row(y) + box.width * channels,
                                 whole.Row(box.top + y) + box.left * channels))
              << file << " row " << y << " of " << box.height << "×" << box.width << " at " << box.top << ", "
              << box.left;
      }
    }
  }
}

// What docs/data.md promises for photographs: where the scaled part has 1.5 times the pixels of what comes
// of it, the two differ by less than 2.5 of 255 in the mean.
TEST(DecodeRegion, AScaledPartIsNearTheOneInFull) {
  Picture photograph;  // as large ones are: sharp in few places
  ResizeScratch scratch;
  Resize(SomePicture(151, 207, 3).View(), 1203, 1651, {0, 0, 1203, 1651}, Interpolation::kBicubic, scratch, photograph);
  for (const fs::path& file : Pictures(TestFolder(), photograph)) {
    if (file.extension() != ".jpg") continue;
    const std::vector<uint8_t> bytes = ReadBytes(file);
    const int spare = file.stem().string().starts_with("422") ? 2 : 1;  // chroma is not scaled apart from luma
    for (const auto& [box, usual_scale] : {std::pair{CropBox{131, 77, 1001, 1303}, 8},
                                           {CropBox{300, 501, 577, 490}, 4},
                                           {CropBox{7, 1100, 266, 251}, 2},
                                           {CropBox{300, 300, 230, 500}, 1}}) {
      const int scale = std::max(1, usual_scale / spare);
      Picture full_pixels, scaled_pixels, full, scaled;
      const auto exact = DecodeRegion(
          bytes, 3, [&](int, int) { return Need{.box = box}; }, full_pixels);
      const auto near = DecodeRegion(
          bytes, 3, [&](int, int) { return Need{.box = box, .least_height = 120, .least_width = 120}; }, scaled_pixels);
      ASSERT_TRUE(exact.ok() && near.ok());
      EXPECT_DOUBLE_EQ(near->height * scale, box.height) << file;
      EXPECT_LE(near->left + near->width, near->pixels.width);
      EXPECT_LE(near->top + near->height, near->pixels.height);
      const auto resize = [&](const Region& r, Picture& out) {
        Resize(r.pixels, {r.top, r.left, r.height, r.width}, 80, 80, {0, 0, 80, 80}, Interpolation::kBilinear, scratch,
               out);
      };
      resize(*exact, full);
      resize(*near, scaled);
      double sum = 0;
      for (size_t i = 0; i < full.pixels.size(); ++i) sum += std::abs(full.pixels[i] - scaled.pixels[i]);
      EXPECT_LT(sum / static_cast<double>(full.pixels.size()), 2.5) << file << " 1/" << scale;
    }
  }
}

TEST(DecodeRegion, ABrokenFileIsTheSameErrorAsDecodes) {
  const std::vector<uint8_t> broken = {0xFF, 0xD8, 0xFF, 0xE0, 0, 16};
  Picture picture;
  const auto region = DecodeRegion(broken, 3, Need::Whole, picture);
  ASSERT_FALSE(region.ok());
  EXPECT_EQ(region.status().message(), Decode(broken, 3, picture).message());
}

}  // namespace
}  // namespace riffle
