#include "data/registry.h"

#include <gtest/gtest.h>

#include "data/transform.h"
#include "picture/preprocessing.h"

namespace riffle {
namespace {

TEST(Registry, EveryRowIsFoundByItsNamesAndMakesAValidTransform) {
  for (const DatasetInfo& info : Datasets()) {
    EXPECT_EQ(*FindDataset(info.name), &info) << info.name;
    for (std::string_view alias : info.aliases) EXPECT_EQ(*FindDataset(alias), &info) << alias;
    ASSERT_EQ(static_cast<int>(info.mean.size()), info.channels) << info.name;
    ASSERT_EQ(static_cast<int>(info.std.size()), info.channels) << info.name;
    for (int channels : {1, 3}) {
      const auto transform =
          Transform::ForTraining(DefaultPreprocessing(info, 64, channels), DefaultAugmentation(info));
      EXPECT_TRUE(transform.ok()) << info.name << ": " << transform.status().message();
    }
  }
  EXPECT_EQ((*FindDataset(""))->layout, DatasetLayout::kFolder);
}

TEST(Registry, StatisticsFollowTheChannels) {
  const Preprocessing grey = DefaultPreprocessing(**FindDataset("imagenet"), 32, 1);
  EXPECT_FLOAT_EQ(grey.mean.at(0), (123.675f + 116.28f + 103.53f) / 3);
  const Preprocessing color = DefaultPreprocessing(**FindDataset("mnist"), 32, 3);
  EXPECT_EQ(color.std, std::vector<float>(3, .3081f * 255));
}

TEST(Registry, AnUnknownDatasetIsToldTheNearest) {
  const auto found = FindDataset("cifar-10");
  ASSERT_FALSE(found.ok());
  EXPECT_NE(found.status().message().find("did you mean 'cifar10'"), std::string::npos) << found.status().message();
}

TEST(Registry, ValIsTheTestSplitWhereThereIsNoOther) {
  for (const char* name : {"cifar10", "cifar100", "mnist", "fashion_mnist"}) {
    const DatasetInfo& info = **FindDataset(name);
    EXPECT_EQ((*FindSplit(info, "val"))->name, "test");
    EXPECT_EQ((*FindSplit(info, "test"))->name, "test");
    EXPECT_EQ((*FindSplit(info, "train"))->name, "train");
    const auto wrong = FindSplit(info, "trian");
    ASSERT_FALSE(wrong.ok());
    EXPECT_EQ(wrong.status().message(), std::string(name) + " has no split 'trian'; it has 'train', 'test'");
  }
}

TEST(Registry, NumbersAreThoseOfMindCV) {
  const DatasetInfo& cifar = **FindDataset("cifar10");
  EXPECT_FLOAT_EQ(cifar.mean[0], 125.307f);
  EXPECT_FLOAT_EQ(cifar.std[2], 51.255f);
  EXPECT_EQ(cifar.train_crop, TrainCrop::kPadded);
  const DatasetInfo& imagenet = **FindDataset("imagenet");
  EXPECT_FLOAT_EQ(imagenet.mean[1], 116.28f);
  EXPECT_EQ(imagenet.crop_pct, 0.875);
  const DatasetInfo& mnist = **FindDataset("mnist");
  EXPECT_FLOAT_EQ(mnist.mean[0], 33.3285f);
  EXPECT_EQ(mnist.train_crop, TrainCrop::kNone);
  EXPECT_EQ(mnist.hflip, 0) << "a mirrored digit is no digit";
}

}  // namespace
}  // namespace riffle
