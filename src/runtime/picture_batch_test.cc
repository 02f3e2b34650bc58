#include "runtime/picture_batch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "picture/testing/pictures.h"

namespace riffle {
namespace {

constexpr int kSize = 8, kArea = kSize * kSize;

PictureBatch Batch(int channels) {
  const std::vector<float> mean(channels, 10), std(channels, 2);
  const Map map{.name = "pictures", .channels = channels, .height = kSize, .width = kSize};
  return {CpuDevice(), map,
          *EvaluationView::Create({.image_size = kSize, .channels = channels, .mean = mean, .std = std})};
}

/// Channel c of picture n of a batch.
std::vector<float> Plane(const PictureBatch& batch, int64_t n, int c) {
  const float* plane = batch.rows().data + c * batch.rows().stride + n * kArea;
  return {plane, plane + kArea};
}

const std::vector<float> Shade(float shade) { return std::vector<float>(kArea, (shade - 10) / 2); }

TEST(PictureBatch, KeepsItsPicturesWhileItGrows) {
  PictureBatch batch = Batch(3);
  for (int n = 0; n < 9; ++n) ASSERT_TRUE(batch.AddEncoded(Bmp(kSize, kSize, static_cast<uint8_t>(20 * n))).ok());
  ASSERT_EQ(batch.images(), 9);
  for (int n = 0; n < 9; ++n)
    for (int c = 0; c < 3; ++c) EXPECT_EQ(Plane(batch, n, c), Shade(20.0f * n)) << n << " " << c;
}

TEST(PictureBatch, APictureThatCannotBeAddedLeavesItAsItWas) {
  PictureBatch batch = Batch(3);
  ASSERT_TRUE(batch.AddEncoded(Bmp(kSize, kSize, 40)).ok());
  EXPECT_FALSE(batch.AddEncoded({}).ok());
  EXPECT_THAT(batch.AddFile("/nowhere/p.jpg").message(), testing::HasSubstr("/nowhere/p.jpg"));
  const auto file = TestFolder() / "p.jpg";
  WriteText(file, "text");
  EXPECT_THAT(batch.AddFile(file).message(), testing::StartsWith(file.string() + ": "));
  EXPECT_EQ(batch.images(), 1);
  ASSERT_TRUE(batch.AddEncoded(Bmp(kSize, kSize, 50)).ok());
  EXPECT_EQ(Plane(batch, 0, 0), Shade(40));
  EXPECT_EQ(Plane(batch, 1, 2), Shade(50));
  batch.Clear();
  EXPECT_EQ(batch.images(), 0);
}

TEST(PictureBatch, ConvertsPixelsToTheChannelsOfTheNetwork) {
  const std::vector<uint8_t> grey(kArea, 60), rgb(3 * kArea, 60);
  for (const int channels : {1, 3}) {
    PictureBatch batch = Batch(channels);
    ASSERT_TRUE(batch.Add({grey.data(), kSize, kSize, 1, kSize}).ok());
    ASSERT_TRUE(batch.Add({rgb.data(), kSize, kSize, 3, 3 * kSize}).ok());
    for (int n = 0; n < 2; ++n)
      for (int c = 0; c < channels; ++c) EXPECT_EQ(Plane(batch, n, c), Shade(60));
  }
}

TEST(PictureBatch, TakesTensorsAsTheyAre) {
  PictureBatch batch = Batch(3);
  ASSERT_TRUE(batch.AddEncoded(Bmp(kSize, kSize, 40)).ok());
  std::vector<float> tensor(2 * batch.picture_values());
  for (size_t i = 0; i < tensor.size(); ++i) tensor[i] = static_cast<float>(i / kArea);
  batch.AddTensor(tensor);
  ASSERT_EQ(batch.images(), 3);
  EXPECT_EQ(Plane(batch, 0, 1), Shade(40));
  for (int n = 0; n < 2; ++n)
    for (int c = 0; c < 3; ++c)
      EXPECT_EQ(Plane(batch, n + 1, c), std::vector<float>(kArea, static_cast<float>(3 * n + c)));
}

TEST(PictureBatch, TellsTheFlawOfThePictureThatWasAddedLast) {
  PictureBatch batch = Batch(3);
  std::vector<uint8_t> cut = Bmp(kSize, kSize, 40);
  cut.resize(cut.size() - 30);
  ASSERT_TRUE(batch.AddEncoded(cut).ok());
  EXPECT_NE(batch.flaw(), "");
  const std::vector<uint8_t> grey(kArea, 60);
  ASSERT_TRUE(batch.Add({grey.data(), kSize, kSize, 1, kSize}).ok());
  EXPECT_EQ(batch.flaw(), "");
}

}  // namespace
}  // namespace riffle
