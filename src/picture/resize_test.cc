#include "picture/resize.h"

#include "backend/target.h"
#include "picture/testing/pictures.h"

namespace riffle {
namespace {

struct Case {
  int height, width, channels, new_height, new_width;
  Interpolation interpolation;
};

std::vector<Case> Cases() {
  // From → to: down, up, one side only, odd sizes, single rows and columns, and the sizes that training meets.
  constexpr int kSizes[][4] = {{32, 32, 224, 224}, {28, 28, 32, 32}, {97, 61, 13, 40},     {61, 97, 61, 31},
                               {50, 70, 25, 70},   {7, 5, 11, 23},   {1, 40, 3, 17},       {40, 1, 9, 5},
                               {3, 3, 1, 1},       {1, 1, 6, 4},     {375, 500, 256, 341}, {64, 48, 64, 48},
                               {200, 100, 33, 7},  {45, 45, 30, 30}};
  std::vector<Case> cases;
  for (const auto& s : kSizes)
    for (int channels : {1, 3})
      for (Interpolation f : {Interpolation::kNearest, Interpolation::kBox, Interpolation::kBilinear,
                              Interpolation::kHamming, Interpolation::kBicubic, Interpolation::kLanczos})
        cases.push_back({s[0], s[1], channels, s[2], s[3], f});
  return cases;
}

constexpr char kPillow[] = R"(
import sys
from PIL import Image
folder = sys.argv[1]
filters = dict(nearest=0, lanczos=1, bilinear=2, bicubic=3, box=4, hamming=5)
for line in open(folder + '/cases'):
    i, h, w, c, nh, nw, name = line.split()
    raw = open(f'{folder}/{i}.raw', 'rb').read()
    im = Image.frombytes('RGB' if c == '3' else 'L', (int(w), int(h)), raw)
    im = im.resize((int(nw), int(nh)), filters[name])
    open(f'{folder}/{i}.out', 'wb').write(im.tobytes())
)";

TEST(Resize, EqualsPillowInEveryValueOfEveryFilter) {
  const auto folder = TestFolder();
  const std::vector<Case> cases = Cases();
  std::ofstream list(folder / "cases");
  for (size_t i = 0; i < cases.size(); ++i) {
    const Case& c = cases[i];
    list << fmt::format("{} {} {} {} {} {} {}\n", i, c.height, c.width, c.channels, c.new_height, c.new_width,
                        NameOf(c.interpolation));
    WriteBytes(folder / fmt::format("{}.raw", i), SomePicture(c.height, c.width, c.channels, i).pixels);
  }
  list.close();
  ASSERT_NO_FATAL_FAILURE(RunPython(kPillow, {folder.string()}));
  ResizeScratch scratch;
  Picture out;
  for (const std::string& target : AvailableTargets())
    for (size_t i = 0; i < cases.size(); ++i) {
      ASSERT_TRUE(ForceTarget(target).ok());
      const Case& c = cases[i];
      Resize(SomePicture(c.height, c.width, c.channels, i).View(), c.new_height, c.new_width,
             {0, 0, c.new_height, c.new_width}, c.interpolation, scratch, out);
      EXPECT_EQ(out.pixels, ReadBytes(folder / fmt::format("{}.out", i)))
          << c.height << "×" << c.width << "×" << c.channels << " to " << c.new_height << "×" << c.new_width << " "
          << NameOf(c.interpolation) << " " << target;
    }
  ASSERT_TRUE(ForceTarget("").ok());
}

TEST(Resize, AWindowHoldsWhatTheWholeWouldHoldThere) {
  const Picture picture = SomePicture(70, 90, 3);
  ResizeScratch scratch;
  Picture whole, part;
  for (const auto& name : InterpolationNames())
    for (const auto& [height, width] : {std::pair{41, 53}, {70, 53}, {41, 90}, {141, 180}}) {
      Resize(picture.View(), height, width, {0, 0, height, width}, name.interpolation, scratch, whole);
      Resize(picture.View(), height, width, {9, 14, 20, 31}, name.interpolation, scratch, part);
      for (int y = 0; y < 20; ++y)
        ASSERT_TRUE(std::equal(part.Row(y), part.Row(y) + 31 * 3, whole.Row(9 + y) + 14 * 3))
            << name.name << " row " << y << " of " << height << "×" << width;
    }
}

TEST(Resize, ACropDoesNotSeeBeyondItsBorder) {
  Picture picture = SomePicture(20, 20, 3);
  ResizeScratch scratch;
  Picture first, second;
  Resize(picture.View().Crop(5, 5, 8, 8), 4, 4, {0, 0, 4, 4}, Interpolation::kBicubic, scratch, first);
  for (int y = 0; y < 20; ++y)
    for (int x = 0; x < 20; ++x)
      if (y < 5 || y >= 13 || x < 5 || x >= 13) std::fill_n(picture.Row(y) + 3 * x, 3, uint8_t{255});
  Resize(picture.View().Crop(5, 5, 8, 8), 4, 4, {0, 0, 4, 4}, Interpolation::kBicubic, scratch, second);
  EXPECT_EQ(first.pixels, second.pixels);
}

// Pillow's resize(size, filter, box) with a box between pixels.
TEST(Resize, ABoxBetweenPixelsEqualsPillows) {
  const auto folder = TestFolder();
  const Picture picture = SomePicture(61, 83, 3);
  WriteBytes(folder / "in.raw", picture.pixels);
  ASSERT_NO_FATAL_FAILURE(RunPython(R"(
import sys
from PIL import Image
folder = sys.argv[1]
im = Image.frombytes('RGB', (83, 61), open(folder + '/in.raw', 'rb').read())
for f in (1, 2, 3, 4, 5):
    out = im.resize((40, 30), f, box=(3.25, 7.5, 80.0, 55.125))
    open(f'{folder}/{f}.out', 'wb').write(out.tobytes())
)",
                                    {folder.string()}));
  ResizeScratch scratch;
  Picture out;
  for (const auto& [number, filter] : {std::pair{1, Interpolation::kLanczos},
                                       {2, Interpolation::kBilinear},
                                       {3, Interpolation::kBicubic},
                                       {4, Interpolation::kBox},
                                       {5, Interpolation::kHamming}}) {
    Resize(picture.View(), {7.5, 3.25, 47.625, 76.75}, 30, 40, {0, 0, 30, 40}, filter, scratch, out);
    EXPECT_EQ(out.pixels, ReadBytes(folder / fmt::format("{}.out", number))) << NameOf(filter);
  }
}

TEST(Resize, NamesAreParsedAndAWrongOneIsTold) {
  for (const auto& name : InterpolationNames()) EXPECT_EQ(*ParseInterpolation(name.name), name.interpolation);
  EXPECT_EQ(NameOf(Interpolation::kBilinear), "bilinear");
  const auto wrong = ParseInterpolation("bilinaer");
  ASSERT_FALSE(wrong.ok());
  EXPECT_NE(wrong.status().message().find("'bilinear'"), std::string::npos);
}

}  // namespace
}  // namespace riffle
