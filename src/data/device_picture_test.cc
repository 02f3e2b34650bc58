// What a device's ops make of what a transform leaves to it has the bits that the transform gives on the CPU: kernels
// in emulation, or on a card where RIFFLE_TEST_GPU=1 asks for it.
#include "data/device_picture.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include "backend/cuda/testing/emulation.h"
#include "backend/testing/execution.h"
#include "data/transform.h"
#include "ops/gpu_ops.h"
#include "ops/testing/card.h"
#include "picture/testing/pictures.h"

namespace riffle {
namespace {

RandomStream Random(uint32_t index) { return {12, RandomPurpose::kTest, 0, index}; }

Preprocessing Input(int size, int channels = 3, Interpolation interpolation = Interpolation::kBilinear,
                    double crop_pct = 0.875) {
  return {.image_size = size,
          .channels = channels,
          .crop_pct = crop_pct,
          .interpolation = interpolation,
          .mean = std::vector<float>(channels, 120.7f),
          .std = std::vector<float>(channels, 57.3f)};
}

// The versions of a picture, [version][channel][row][column].
std::vector<float> OnCpu(const Transform& transform, const Picture& picture, uint32_t index) {
  const int64_t area = int64_t{transform.image_size()} * transform.image_size();
  std::vector<float> out(static_cast<size_t>(transform.splits() * transform.channels() * area));
  TransformScratch scratch;
  RandomStream random = Random(index);
  EXPECT_EQ(transform.Apply(picture.View(), random, scratch, out.data(), area, transform.channels() * area).message(),
            "");
  return out;
}

struct OnDevice {
  std::vector<float> pictures;
  int64_t most_source_bytes = 0;
};

// All that the ops are given is allocated, since a card does not read the stack (ops/testing/card.h).
OnDevice ByOps(const Execution& execution, const OpTable<float>& ops, const Transform& transform,
               const Picture& picture, uint32_t index) {
  const PicturesShape shape = {1, transform.image_size(), transform.channels()};
  const int64_t area = shape.plane().area();
  OnDevice found;
  TransformScratch scratch;
  RandomStream random = Random(index);
  const CropBox box = transform.Choose(picture.height, picture.width, random).box;
  const Region region = Region::Whole(picture.View().Crop(box.top, box.left, box.height, box.width));
  TransformDraw draw;
  transform.Draw(random, draw);
  const auto make = [&](int version, const DevicePicture& device) {
    EXPECT_EQ(version * shape.values(), static_cast<int64_t>(found.pictures.size()));
    found.most_source_bytes = std::max(found.most_source_bytes, device.source_bytes());
    // Of just the bytes and the taps that are to be read.
    std::vector<uint8_t> bytes;
    for (int y = 0; y < device.source.height; ++y)
      bytes.insert(bytes.end(), device.source.Row(y), device.source.Row(y) + device.source.width * shape.channels);
    std::vector<int32_t> taps = device.rows.taps;
    taps.insert(taps.end(), device.columns.taps.begin(), device.columns.taps.end());
    const std::vector<PictureSource> sources = {
        {.row_bytes = int64_t{device.source.width} * shape.channels,
         .rows = {0, device.rows.most},
         .columns = {static_cast<int64_t>(device.rows.taps.size()), device.columns.most}}};
    const std::vector<PictureFinish> finishes = {device.finish};
    std::vector<uint8_t> resampled(shape.values());
    std::vector<float> made(shape.values());
    ops.resample_pictures(execution, shape, {resampled.data(), bytes.data(), nullptr, taps.data(), sources.data()});
    ops.finish_pictures(execution, shape,
                        {.pictures = {made.data(), area},
                         .resampled = resampled.data(),
                         .finishes = finishes.data(),
                         .options = transform.DeviceOptions()});
    execution.Synchronize();
    found.pictures.insert(found.pictures.end(), made.begin(), made.end());
  };
  EXPECT_EQ(transform.ForDevice(region, draw, scratch, make).message(), "");
  return found;
}

OnDevice ByOps(const Transform& transform, const Picture& picture, uint32_t index) {
  return ByOps(OnThreads(), CpuOps(), transform, picture, index);
}

void ExpectSameBits(const Transform& transform, const Picture& picture, uint32_t index, float noise_error = 0) {
  const std::vector<float> expected = OnCpu(transform, picture, index);
  const auto expect = [&](const Execution& execution, const OpTable<float>& ops, float error) {
    const OnDevice found = ByOps(execution, ops, transform, picture, index);
    EXPECT_LE(found.most_source_bytes, transform.MostDeviceBytes());
    ASSERT_EQ(found.pictures.size(), expected.size());
    for (size_t i = 0; i < expected.size(); ++i)
      ASSERT_NEAR(found.pictures[i], expected[i], error)
          << picture.height << "x" << picture.width << "x" << picture.channels << " to " << transform.image_size()
          << ", draw " << index << ", value " << i;
  };
  if (const TestCard* card = OnCard()) return expect(card->execution, card->ops, noise_error);
  expect(OnThreads(), CpuOps(), 0);
  expect(OnThreads(), emulated::Ops(), 0);
}

constexpr std::pair<int, int> kSides[] = {{1, 1}, {1, 9}, {7, 1}, {8, 8}, {13, 17}, {40, 31}, {61, 90}, {120, 33}};

TEST(DevicePicture, OfEachFilterAndSizeIsTheCpus) {
  Augmentation augmentation = {.scale = {0.05, 1}, .ratio = {0.3, 3}, .hflip = 0.5, .vflip = 0.5};
  for (const InterpolationName& name : InterpolationNames().first(6))
    for (const int channels : {1, 3})
      for (const auto& [height, width] : kSides) {
        SCOPED_TRACE(name.name);
        const Transform transform = *Transform::ForTraining(Input(11, channels, name.interpolation), augmentation);
        for (uint32_t draw = 0; draw < 3; ++draw) ExpectSameBits(transform, SomePicture(height, width, channels), draw);
      }
}

TEST(DevicePicture, OfCropsOfOnePixelIsTheCpus) {
  const Transform transform = *Transform::ForTraining(Input(6), {.scale = {1e-4, 1e-3}, .ratio = {1, 1}, .vflip = 0.5});
  for (uint32_t draw = 0; draw < 10; ++draw) ExpectSameBits(transform, SomePicture(23, 19, 3), draw);
}

TEST(DevicePicture, OfPaddedCropsIsTheCpusWhereTheyAreResizedToo) {
  for (const int size : {8, 12, 5})
    for (const double crop_pct : {1.0, 0.8})
      for (const int padding : {0, 4, 30}) {  // 30: some are black
        const Transform transform = *Transform::ForTraining(Input(size, 3, Interpolation::kBicubic, crop_pct),
                                                            {.crop = TrainCrop::kPadded, .padding = padding});
        for (uint32_t draw = 0; draw < 6; ++draw) ExpectSameBits(transform, SomePicture(8, 9, 3), draw);
      }
}

TEST(DevicePicture, OfEachOrderOfColorsIsTheCpus) {
  for (const int channels : {1, 3}) {
    const Transform transform = *Transform::ForTraining(Input(9, channels), {.color_jitter = 0.9});
    for (uint32_t draw = 0; draw < 40; ++draw) ExpectSameBits(transform, SomePicture(20, 24, channels), draw);
  }
}

TEST(DevicePicture, IsErasedWhereTheCpusIsWithValuesAndWithNoise) {
  for (const std::vector<float>& value : {std::vector<float>{0.25f}, {1, -2, 3}, {}}) {
    const Transform transform = *Transform::ForTraining(
        Input(10), {.erasing = {.probability = 0.8, .scale = {0.02, 0.9}, .value = value}, .splits = 2});
    const float noise_error = value.empty() ? 1e-6f : 0;  // a card has a logarithm of its own
    for (uint32_t draw = 0; draw < 15; ++draw) ExpectSameBits(transform, SomePicture(20, 24, 3), draw, noise_error);
  }
}

TEST(DevicePicture, OfPoliciesHasAllVersionsOfTheCpus) {
  for (const char* policy : {"randaug-m9-n2-mstd0.5", "augmix-m5-w2-d2", "3a"})
    for (const int splits : {1, 3}) {
      const Transform transform = *Transform::ForTraining(
          Input(12), {.policy = *ParseAugmentPolicy(policy), .color_jitter = 0.3, .splits = splits});
      EXPECT_FALSE(transform.LeavesAllToDevice());
      for (uint32_t draw = 0; draw < 6; ++draw) ExpectSameBits(transform, SomePicture(25, 31, 3), draw);
    }
}

TEST(DevicePicture, OfEvaluationIsTheCpus) {
  for (const int size : {8, 20})
    for (const auto& [height, width] : kSides)
      ExpectSameBits(*Transform::ForEvaluation(Input(size)), SomePicture(height, width, 3), 0);
}

TEST(DevicePicture, IsResizedByTheCpuWhereItHasMoreBytesThanItsFloatsOrManyTaps) {
  const Augmentation whole = {.scale = {1, 1}, .ratio = {1, 1}, .hflip = 0.5};
  const Transform transform = *Transform::ForTraining(Input(10), whole);
  const Picture small = SomePicture(20, 20, 3), large = SomePicture(21, 21, 3);  // 4 times the pixels, and more
  EXPECT_EQ(ByOps(transform, small, 0).most_source_bytes, 20 * 20 * 3);
  EXPECT_EQ(ByOps(transform, large, 0).most_source_bytes, 10 * 10 * 3);
  ExpectSameBits(transform, large, 1);
  const Transform thin = *Transform::ForTraining(Input(10), {.scale = {1, 1}, .ratio = {0.01, 100}, .hflip = 0.5});
  const Picture line = SomePicture(200, 1, 3);  // few bytes, and 41 taps a pixel
  EXPECT_EQ(ByOps(thin, line, 0).most_source_bytes, 10 * 10 * 3);
  ExpectSameBits(thin, line, 1);
}

// Their bytes lie where the CPU cannot read.
TEST(DevicePicture, OfPicturesThatAreLeftToTheDeviceAsAWholeNobodyElseReadsAPixel) {
  constexpr size_t kBytes = 1 << 16;
  void* const closed = ::mmap(nullptr, kBytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(closed, MAP_FAILED);
  const Augmentation crops = {.scale = {0.01, 1}, .ratio = {0.01, 100}}, padded = {.crop = TrainCrop::kPadded};
  int left = 0, not_left = 0;
  for (const Interpolation filter : {Interpolation::kNearest, Interpolation::kBilinear, Interpolation::kLanczos})
    for (const Transform& transform :
         {*Transform::ForTraining(Input(10, 3, filter), crops), *Transform::ForTraining(Input(10, 3, filter), padded),
          *Transform::ForEvaluation(Input(10, 3, filter))})
      for (int height = 1; height <= 45; ++height)
        for (int width = 1; width <= 45; ++width) {
          ++(transform.LeavesWholeToDevice(height, width) ? left : not_left);
          if (!transform.LeavesWholeToDevice(height, width)) continue;
          const PictureView whole = {static_cast<const uint8_t*>(closed), height, width, 3, 3 * width};
          RandomStream random = Random(static_cast<uint32_t>(height * 45 + width));
          const Need need = transform.Choose(height, width, random);
          EXPECT_FALSE(need.box.height >= 2 * need.least_height && need.box.width >= 2 * need.least_width &&
                       need.least_height > 0)
              << "decoded at a smaller scale";
          TransformScratch scratch;
          transform.Draw(random, scratch.draw);
          const Region region = Region::Whole(whole.Crop(need.box.top, need.box.left, need.box.height, need.box.width));
          const Status status = transform.ForDevice(region, scratch.draw, scratch, [](int, const DevicePicture&) {});
          EXPECT_TRUE(status.ok()) << status.message();
        }
  EXPECT_GT(left, 3000);
  EXPECT_GT(not_left, 3000);
  ::munmap(closed, kBytes);
}

TEST(DevicePicture, HasNoMoreOfAPictureThanItsTapsRead) {
  // 30 pixels become 20, of which the middle 10 remain: of the 30 the middle 15 and a part of the next.
  const Transform transform = *Transform::ForEvaluation(Input(10, 3, Interpolation::kBilinear, 0.5));
  EXPECT_EQ(ByOps(transform, SomePicture(30, 30, 3), 0).most_source_bytes, 16 * 16 * 3);
}

TEST(DevicePicture, SidesAreCutToTheTapsThatCount) {
  ResizeAxis axis;
  MakeResizeAxis({4, 0, 4}, 4, 0, 4, Interpolation::kBilinear, axis);  // each has a second tap of weight 0
  DeviceSide side;
  MakeDeviceSide(axis, -1, 4, true, side);  // the first one lies in the border
  EXPECT_EQ(side.begin, 0);
  EXPECT_EQ(side.end, 3);
  EXPECT_EQ(side.most, 1);
  constexpr int32_t kOne = 1 << kTapBits;
  EXPECT_EQ(side.taps, (std::vector<int32_t>{2, 1, kOne, 1, 1, kOne, 0, 1, kOne, 0, 0, 0}));
}

}  // namespace
}  // namespace riffle
