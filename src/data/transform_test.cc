#include "data/transform.h"

#include <algorithm>
#include <cmath>

#include "data/augment/color_jitter.h"
#include "data/augment/enhance.h"
#include "picture/crop.h"
#include "picture/testing/pictures.h"

namespace riffle {
namespace {

Preprocessing Plain(int image_size, int channels = 3) {  // mean 0, deviation 1: floats are bytes
  return {.image_size = image_size,
          .channels = channels,
          .crop_pct = 0.875,
          .interpolation = Interpolation::kBilinear,
          .mean = std::vector<float>(channels, 0),
          .std = std::vector<float>(channels, 1)};
}

RandomStream Random(uint32_t index) { return {11, RandomPurpose::kTest, 0, index}; }

// The transform's output as [channel][row][column], rows of channels `gap` floats apart from one another.
std::vector<float> Apply(const Transform& transform, const Picture& picture, uint32_t index = 0, int gap = 0) {
  const int64_t plane = int64_t{transform.image_size()} * transform.image_size() + gap;
  std::vector<float> out(transform.channels() * plane, -1);
  TransformScratch scratch;
  RandomStream random = Random(index);
  const Status status = transform.Apply(picture.View(), random, scratch, out.data(), plane);
  EXPECT_TRUE(status.ok()) << status.message();
  return out;
}

constexpr char kEvaluate[] = R"(
import sys
from PIL import Image
folder = sys.argv[1]
for line in open(folder + '/cases'):
    i, h, w, size, short = (int(v) for v in line.split())
    im = Image.frombytes('RGB', (w, h), open(f'{folder}/{i}.raw', 'rb').read())
    h, w = h * short // min(h, w), w * short // min(h, w)
    top, left = (h - size) // 2, (w - size) // 2
    im = im.resize((w, h), Image.BILINEAR).crop((left, top, left + size, top + size))
    open(f'{folder}/{i}.out', 'wb').write(im.tobytes())
)";

TEST(Transform, EvaluationIsPillowsResizeOfTheShortSideAndTheMiddle) {
  const auto folder = TestFolder();
  const int sizes[][3] = {{97, 131, 64}, {131, 97, 64}, {50, 50, 33}, {20, 90, 48}, {64, 64, 56}, {73, 80, 64}};
  std::ofstream list(folder / "cases");
  for (int i = 0; i < 6; ++i) {
    const auto [h, w, size] = sizes[i];
    list << fmt::format("{} {} {} {} {}\n", i, h, w, size, Plain(size).ResizedShortSide());
    WriteBytes(folder / fmt::format("{}.raw", i), SomePicture(h, w, 3).pixels);
  }
  list.close();
  ASSERT_NO_FATAL_FAILURE(RunPython(kEvaluate, {folder.string()}));
  for (int i = 0; i < 6; ++i) {
    const auto [h, w, size] = sizes[i];
    const std::vector<uint8_t> expected = ReadBytes(folder / fmt::format("{}.out", i));
    const std::vector<float> found = Apply(*Transform::ForEvaluation(Plain(size)), SomePicture(h, w, 3));
    ASSERT_EQ(expected.size(), found.size());
    for (int p = 0; p < size * size; ++p)
      for (int c = 0; c < 3; ++c) ASSERT_EQ(found[c * size * size + p], expected[3 * p + c]) << i << " " << p;
  }
}

TEST(Transform, NormalisesEachChannelIntoItsRowAndNothingElse) {
  Preprocessing p = Plain(8);
  p.crop_pct = 1;
  p.mean = {10, 20, 30};
  p.std = {2, 4, 8};
  const Picture picture = SomePicture(8, 8, 3);
  const std::vector<float> out = Apply(*Transform::ForEvaluation(p), picture, 0, 5);
  for (int c = 0; c < 3; ++c) {
    for (int i = 0; i < 64; ++i)
      EXPECT_NEAR(out[c * 69 + i], (picture.pixels[3 * i + c] - p.mean[c]) / p.std[c], 1e-5) << c << " " << i;
    for (int i = 64; i < 69; ++i) EXPECT_EQ(out[c * 69 + i], -1) << "wrote beyond the row";
  }
}

TEST(Transform, GreyPicturesAndPicturesOfOtherChannels) {
  const Transform grey = *Transform::ForEvaluation(Plain(8, 1));
  EXPECT_EQ(Apply(grey, SomePicture(9, 12, 1)).size(), 64u);
  TransformScratch scratch;
  std::vector<float> out(64);
  RandomStream random = Random(0);
  EXPECT_EQ(grey.Apply(SomePicture(9, 12, 3).View(), random, scratch, out.data(), 64).code(),
            ErrorCode::kInvalidArgument);
}

TEST(Transform, APictureTooThinToResizeIsAnError) {
  TransformScratch scratch;
  std::vector<float> out(3 * 4096 * 4096);
  RandomStream random = Random(0);
  const Transform transform = *Transform::ForEvaluation(Plain(4096));
  EXPECT_TRUE(transform.Apply(SomePicture(1, 100, 3).View(), random, scratch, out.data(), 4096 * 4096).ok());
  const Status status = transform.Apply(SomePicture(1, 10000, 3).View(), random, scratch, out.data(), 4096 * 4096);
  EXPECT_NE(status.message().find("10000 × 1"), std::string::npos) << status.message();
}

// Where one crop of a picture of unique values came from: (row, column) of its first pixel, mirrored or not.
TEST(Transform, PaddedCropsReachEveryPlaceAndKeepTheirNeighbours) {
  Picture picture;
  picture.Reshape(8, 8, 1);
  for (int i = 0; i < 64; ++i) picture.pixels[i] = static_cast<uint8_t>(i + 1);  // 0 is the border
  Preprocessing p = Plain(8, 1);
  p.crop_pct = 1;
  const Transform transform = *Transform::ForTraining(p, {.crop = TrainCrop::kPadded, .padding = 2, .hflip = 0.5});
  std::vector<int> seen(5 * 5 * 2);
  for (uint32_t draw = 0; draw < 2000; ++draw) {
    const std::vector<float> out = Apply(transform, picture, draw);
    // The middle 4 × 4 of the crop always lies within the picture.
    const int first = static_cast<int>(out[2 * 8 + 2]) - 1, second = static_cast<int>(out[2 * 8 + 3]) - 1;
    const bool mirrored = second < first;
    const int top = first / 8 - 2, left = first % 8 - (mirrored ? 5 : 2);
    ASSERT_TRUE(top >= -2 && top <= 2 && left >= -2 && left <= 2) << top << " " << left;
    ++seen[((top + 2) * 5 + left + 2) * 2 + mirrored];
    for (int y = 0; y < 8; ++y)
      for (int x = 0; x < 8; ++x) {
        const int row = top + y, column = left + (mirrored ? 7 - x : x);
        const bool inside = row >= 0 && row < 8 && column >= 0 && column < 8;
        ASSERT_EQ(out[y * 8 + x], inside ? row * 8 + column + 1 : 0) << draw;
      }
  }
  // 2000 draws over 50 places: 40 each; six deviations of the binomial.
  for (int count : seen) EXPECT_NEAR(count, 40, 6 * std::sqrt(40));
}

TEST(Transform, VerticalFlipTurnsRowsAround) {
  Preprocessing p = Plain(8);
  p.crop_pct = 1;
  const Picture picture = SomePicture(8, 8, 3);
  const auto upright = Apply(*Transform::ForTraining(p, {.crop = TrainCrop::kNone, .hflip = 0, .vflip = 0}), picture);
  const auto turned = Apply(*Transform::ForTraining(p, {.crop = TrainCrop::kNone, .hflip = 0, .vflip = 1}), picture);
  const auto mirrored = Apply(*Transform::ForTraining(p, {.crop = TrainCrop::kNone, .hflip = 1, .vflip = 0}), picture);
  for (int c = 0; c < 3; ++c)
    for (int i = 0; i < 64; ++i) {
      ASSERT_EQ(turned[c * 64 + i], upright[c * 64 + (7 - i / 8) * 8 + i % 8]);
      ASSERT_EQ(mirrored[c * 64 + i], upright[c * 64 + i / 8 * 8 + 7 - i % 8]);
    }
}

TEST(Transform, ColourJitterAndErasingLeaveCropsAndFlipsAsTheyWere) {
  const Picture picture = SomePicture(40, 40, 3);
  Augmentation plain = {.crop = TrainCrop::kPadded, .hflip = 0.5, .vflip = 0.5};
  const Transform before = *Transform::ForTraining(Plain(32), plain);
  plain.color_jitter = 0.4;
  const Transform jittered = *Transform::ForTraining(Plain(32), plain);
  plain.color_jitter = 0;
  plain.erasing = {.probability = 1, .value = {-5}};
  const Transform erased = *Transform::ForTraining(Plain(32), plain);
  int changed = 0;
  for (uint32_t draw = 0; draw < 20; ++draw) {
    const auto original = Apply(before, picture, draw), colours = Apply(jittered, picture, draw);
    const auto holes = Apply(erased, picture, draw);
    // Colours move and edges stay: the two correlate. A hole is a hole, all else is the same.
    double xy = 0, x = 0, y = 0, xx = 0, yy = 0;
    for (size_t i = 0; i < original.size(); ++i) {
      x += original[i], y += colours[i], xy += original[i] * colours[i];
      xx += original[i] * original[i], yy += colours[i] * colours[i];
      ASSERT_TRUE(holes[i] == -5 || holes[i] == original[i]);
      changed += holes[i] == -5;
    }
    const double n = static_cast<double>(original.size());
    EXPECT_GT((xy - x * y / n) / std::sqrt((xx - x * x / n) * (yy - y * y / n)), 0.7) << draw;
    EXPECT_NE(original, colours);
  }
  EXPECT_GT(changed, 0);
}

TEST(Transform, VersionsOfASampleShareCropAndFlipAndTheFirstIsClean) {
  const Picture picture = SomePicture(40, 40, 3);
  Augmentation a = {.crop = TrainCrop::kPadded, .hflip = 0.5, .vflip = 0.5};
  const Transform plain = *Transform::ForTraining(Plain(32), a);
  a.policy = *ParseAugmentPolicy("randaug-p1");
  const Transform augmented = *Transform::ForTraining(Plain(32), a);
  a.splits = 3;
  const Transform splits = *Transform::ForTraining(Plain(32), a);
  for (uint32_t draw = 0; draw < 20; ++draw) {
    std::vector<float> out(3 * 3 * 1024);
    TransformScratch scratch;
    RandomStream random = Random(draw);
    // Channel-major over all pictures, as batches are: version s of the only sample is picture s.
    ASSERT_TRUE(splits.Apply(picture.View(), random, scratch, out.data(), 3 * 1024, 1024).ok());
    const auto version = [&](int s) {
      std::vector<float> values;
      for (int c = 0; c < 3; ++c)
        values.insert(values.end(), out.begin() + (3 * c + s) * 1024, out.begin() + (3 * c + s + 1) * 1024);
      return values;
    };
    EXPECT_EQ(version(0), Apply(plain, picture, draw)) << "clean";
    EXPECT_EQ(version(1), Apply(augmented, picture, draw)) << "as if it were the only one";
    EXPECT_NE(version(2), version(1));
  }
}

TEST(ColourJitter, IsTheThreeOperationsInEachOrderWithUniformFactors) {
  Picture grey;  // without colour, and of its own mean: brightness alone shows
  grey.Reshape(4, 4, 3);
  std::ranges::fill(grey.pixels, uint8_t{100});
  constexpr int kDraws = 4000;
  double sum = 0, least = 255, most = 0;
  for (uint32_t draw = 0; draw < kDraws; ++draw) {
    Picture picture = grey;
    RandomStream random = Random(draw);
    Enhance(picture, DrawColorJitter(0.4, random));
    const double value = picture.pixels[0];
    sum += value, least = std::min(least, value), most = std::max(most, value);
  }
  EXPECT_NEAR(sum / kDraws, 99.5, 6 * 80 / std::sqrt(12.0 * kDraws));  // rounded down, hence the half
  EXPECT_TRUE(least >= 60 && least < 62 && most <= 140 && most > 138) << least << " " << most;

  // Every order of the three appears, each a sixth of the time.
  const Picture original = SomePicture(16, 16, 3);
  std::vector<int> orders(6);
  for (uint32_t draw = 0; draw < 600; ++draw) {
    RandomStream random = Random(draw);
    Picture found = original;
    Enhance(found, DrawColorJitter(0.9, random));
    RandomStream again = Random(draw);
    float f[3];
    for (float& factor : f) factor = static_cast<float>(again.Uniform(0.1, 1.9));
    void (*const enhance[3])(Picture&, float) = {Brightness, Contrast, Color};
    std::vector<int> order = {0, 1, 2};
    int number = 0, matches = 0;
    do {
      Picture expected = original;
      for (int step : order) enhance[step](expected, f[step]);
      if (expected.pixels == found.pixels) ++matches, ++orders[number];
      ++number;
    } while (std::next_permutation(order.begin(), order.end()));
    ASSERT_GE(matches, 1) << draw;
  }
  for (int count : orders) EXPECT_GT(count, 60);
}

TEST(Transform, RandomResizedCropIsTheResizedCrop) {
  const Picture picture = SomePicture(60, 80, 3);
  const Transform transform = *Transform::ForTraining(Plain(24), {.crop = TrainCrop::kRandomResized, .hflip = 0});
  for (uint32_t draw = 0; draw < 20; ++draw) {
    RandomStream random = Random(draw);
    const CropBox box = RandomResizedCropBox(60, 80, {0.08, 1}, {3.0 / 4, 4.0 / 3}, random);
    ResizeScratch scratch;
    Picture expected;
    Resize(picture.View().Crop(box.top, box.left, box.height, box.width), 24, 24, {0, 0, 24, 24},
           Interpolation::kBilinear, scratch, expected);
    const std::vector<float> found = Apply(transform, picture, draw);
    for (int i = 0; i < 24 * 24 * 3; ++i) ASSERT_EQ(found[i % 3 * 576 + i / 3], expected.pixels[i]);
  }
}

TEST(Crop, AreasAreUniformShapesLogUniformPlacesInside) {
  constexpr int kDraws = 40000;
  double areas = 0, log_shapes = 0, tops = 0;
  for (uint32_t draw = 0; draw < kDraws; ++draw) {
    RandomStream random = Random(draw);
    const CropBox box = RandomResizedCropBox(1000, 1000, {0.1, 0.5}, {0.5, 2}, random);
    ASSERT_TRUE(box.top >= 0 && box.left >= 0 && box.top + box.height <= 1000 && box.left + box.width <= 1000);
    const double area = box.height * box.width / 1e6, shape = 1.0 * box.width / box.height;
    ASSERT_TRUE(area > 0.099 && area < 0.501 && shape > 0.49 && shape < 2.02) << area << " " << shape;
    areas += area, log_shapes += std::log(shape), tops += 1.0 * box.top / (1000 - box.height);
  }
  // Six standard errors of the means of uniform variables.
  EXPECT_NEAR(areas / kDraws, 0.3, 6 * 0.4 / std::sqrt(12 * kDraws));
  EXPECT_NEAR(log_shapes / kDraws, 0, 6 * std::log(4) / std::sqrt(12 * kDraws));
  EXPECT_NEAR(tops / kDraws, 0.5, 6 / std::sqrt(12 * kDraws));
}

TEST(Crop, WhatNeverFitsFallsBackToTheMiddle) {
  RandomStream random = Random(0);
  EXPECT_EQ(RandomResizedCropBox(10, 1000, {1, 1}, {3.0 / 4, 4.0 / 3}, random), (CropBox{0, 493, 10, 13}));
  EXPECT_EQ(RandomResizedCropBox(1001, 9, {1, 1}, {3.0 / 4, 4.0 / 3}, random), (CropBox{494, 0, 12, 9}));
  EXPECT_EQ(RandomResizedCropBox(1, 1, {0.1, 0.2}, {1, 1}, random), (CropBox{0, 0, 1, 1}));
}

TEST(Augmentation, WrongNumbersNameTheOption) {
  const auto message = [](const Augmentation& a) { return Check(a, 3).message(); };
  EXPECT_NE(message({.scale = {0.5, 0.1}}).find("scale"), std::string::npos);
  EXPECT_NE(message({.scale = {0, 1}}).find("scale"), std::string::npos);
  EXPECT_NE(message({.ratio = {-1, 1}}).find("ratio"), std::string::npos);
  EXPECT_NE(message({.hflip = 1.1}).find("hflip"), std::string::npos);
  EXPECT_NE(message({.vflip = -0.1}).find("vflip"), std::string::npos);
  EXPECT_NE(message({.color_jitter = -1}).find("color_jitter"), std::string::npos);
  EXPECT_NE(message({.erasing = {.probability = 2}}).find("re_prob"), std::string::npos);
  EXPECT_EQ(message({}), "");
}

}  // namespace
}  // namespace riffle
