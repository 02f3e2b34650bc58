// What the data layer gets from options: the user's word first, then the dataset's figures.
#include "cli/data_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "backend/testing/guarded_device.h"
#include "data/registry.h"
#include "data/testing/packs.h"
#include "picture/testing/pictures.h"

namespace riffle {
namespace {

using ::testing::ElementsAre;

const DatasetInfo& Dataset(const char* name) { return **FindDataset(name); }

TEST(DataOptionsTest, ADatasetBringsItsOwnFiguresInShortNumbers) {
  Settings settings;
  UseDefaultsOf(Dataset("imagenet"), settings);
  EXPECT_THAT(settings.options.mean, ElementsAre(123.675, 116.28, 103.53));
  EXPECT_EQ(settings.options.in_channels, 3);
  EXPECT_EQ(settings.options.hflip, 0.5);
  EXPECT_EQ(settings.options.color_jitter, 0.4);

  UseDefaultsOf(Dataset("mnist"), settings);
  EXPECT_EQ(settings.options.in_channels, 1);
  EXPECT_EQ(settings.options.hflip, 0.0) << "a mirrored digit is none";
  EXPECT_EQ(settings.options.color_jitter, 0.0) << "MindCV leaves MNIST and CIFAR their colours";
  ASSERT_EQ(settings.options.mean.size(), 1u);
  EXPECT_NEAR(settings.options.mean[0], 0.1307 * 255, 0.01);
}

TEST(DataOptionsTest, WhatTheUserSetStays) {
  Settings settings;
  for (const auto& [name, value] :
       {std::pair{"in_channels", "3"}, {"mean", "1,2,3"}, {"hflip", "0.25"}, {"color_jitter", "0.1"}}) {
    ASSERT_TRUE(settings.Set(name, value, "command line").ok());
  }
  UseDefaultsOf(Dataset("mnist"), settings);
  EXPECT_EQ(settings.options.in_channels, 3);
  EXPECT_THAT(settings.options.mean, ElementsAre(1, 2, 3));
  EXPECT_EQ(settings.options.std.size(), 3u);
  EXPECT_EQ(settings.options.hflip, 0.25);
  EXPECT_EQ(settings.options.color_jitter, 0.1);
}

TEST(DataOptionsTest, APolicyTakesThePlaceOfTheColourJitterUnlessItHasItsOwn) {
  const auto jitter = [](const char* policy, const char* set) {
    Settings settings;
    EXPECT_TRUE(settings.Set("auto_augment", policy, "command line").ok());
    EXPECT_TRUE(*set == 0 || settings.Set("color_jitter", set, "command line").ok());
    UseDefaultsOf(Dataset("imagenet"), settings);
    const Augmentation augmentation = *AugmentationFrom(settings.options, Dataset("imagenet"));
    EXPECT_EQ(augmentation.policy.has_value(), *policy != 0);
    return augmentation.color_jitter;
  };
  EXPECT_EQ(jitter("", ""), 0.4);
  EXPECT_EQ(jitter("", "0.2"), 0.2);
  EXPECT_EQ(jitter("", "None"), 0);
  EXPECT_EQ(jitter("randaug-m7", ""), 0);
  EXPECT_EQ(jitter("randaug-m7", "0.4"), 0) << "MindCV's recipes set both";
  EXPECT_EQ(jitter("3a", ""), 0.3);
  EXPECT_EQ(jitter("3a", "0.2"), 0.2);
}

TEST(DataOptionsTest, EveryOptionReachesTheDataLayer) {
  const Options o{.seed = 7,
                  .dataset = "cifar10",
                  .data_dir = "/d",
                  .train_split = "a",
                  .val_split = "b",
                  .num_parallel_workers = 5,
                  .shuffle = false,
                  .num_samples = 100,
                  .batch_size = 9,
                  .drop_remainder = false,
                  .max_unreadable_share = 0.25,
                  .shuffle_buffer = 77,
                  .aug_repeats = 2,
                  .device_data_mb = 3,
                  .image_resize = 40,
                  .scale = {0.3, 0.4},
                  .ratio = {0.5, 0.6},
                  .hflip = 0.1,
                  .vflip = 0.2,
                  .color_jitter = 0.3,
                  .auto_augment = "3a",
                  .aug_splits = 3,
                  .re_prob = 0.7,
                  .re_scale = {0.1, 0.2},
                  .re_ratio = {0.4, 0.5},
                  .re_value = "1,2,3",
                  .re_max_attempts = 8,
                  .interpolation = "bicubic",
                  .exact_decode = true,
                  .mean = {1, 2, 3},
                  .std = {4, 5, 6},
                  .crop_pct = 0.5,
                  .epoch_size = 11};
  const Result<Preprocessing> p = PreprocessingFrom(o);
  ASSERT_TRUE(p.ok()) << p.status().message();
  EXPECT_EQ(*p, (Preprocessing{40, 3, 0.5, Interpolation::kBicubic, {1, 2, 3}, {4, 5, 6}}));

  const Augmentation a = *AugmentationFrom(o, Dataset("cifar10"));
  EXPECT_EQ(a.crop, TrainCrop::kPadded);
  EXPECT_THAT(a.scale, ElementsAre(0.3, 0.4));
  EXPECT_THAT(a.ratio, ElementsAre(0.5, 0.6));
  EXPECT_EQ(a.hflip, 0.1);
  EXPECT_EQ(a.vflip, 0.2);
  EXPECT_EQ(a.color_jitter, 0.3);
  EXPECT_TRUE(a.policy.has_value());
  EXPECT_EQ(a.splits, 3);
  EXPECT_EQ(a.erasing.probability, 0.7);
  EXPECT_THAT(a.erasing.scale, ElementsAre(0.1, 0.2));
  EXPECT_THAT(a.erasing.ratio, ElementsAre(0.4, 0.5));
  EXPECT_THAT(a.erasing.value, ElementsAre(1, 2, 3));
  EXPECT_EQ(a.erasing.max_attempts, 8);
  EXPECT_TRUE(a.exact_decode);

  const DatasetOptions train = TrainDataset(o), val = ValDataset(o, {"x"});
  EXPECT_EQ(train.name, "cifar10");
  EXPECT_EQ(train.data_dir, "/d");
  EXPECT_EQ(train.split, "a");
  EXPECT_EQ(train.num_samples, 100);
  EXPECT_EQ(train.seed, 7u);
  EXPECT_EQ(val.split, "b");
  EXPECT_EQ(val.num_samples, 0) << "validation counts every picture";
  EXPECT_THAT(val.classes, ElementsAre("x"));

  const LoaderOptions train_loader = TrainLoader(o), val_loader = ValLoader(Options{.batch_size = 9});
  EXPECT_EQ(train_loader.batch_size, 9);
  EXPECT_FALSE(train_loader.shuffle);
  EXPECT_FALSE(train_loader.drop_remainder);
  EXPECT_EQ(train_loader.seed, 7u);
  EXPECT_EQ(train_loader.workers, 5);
  EXPECT_EQ(train_loader.end_epoch, 11);
  EXPECT_EQ(train_loader.max_unreadable_share, 0.25);
  EXPECT_EQ(train_loader.aug_repeats, 2);
  EXPECT_EQ(train_loader.shuffle_buffer, 77);
  EXPECT_EQ(train_loader.kept_bytes, 3'000'000);
  EXPECT_TRUE(TrainLoader(Options{}).shuffle);
  EXPECT_EQ(val_loader.batch_size, 9);
  EXPECT_FALSE(val_loader.shuffle);
  EXPECT_FALSE(val_loader.drop_remainder) << "each picture counts";
  EXPECT_EQ(val_loader.max_unreadable_share, 0) << "and none may be missing";
}

TEST(DataOptionsTest, WhoMakesPicturesIsToldWhereItIsNotTheCpuAlone) {
  EXPECT_EQ(WherePicturesAreMade({}, CpuDevice(), 5), "");
  const GuardedDevice card;
  const std::string who = "Pictures: the CPU decodes, the GPU crops, resizes, colours, normalises and erases";
  EXPECT_EQ(WherePicturesAreMade({.color_jitter = 0.4}, card, 0), who);
  EXPECT_EQ(WherePicturesAreMade({.color_jitter = 0.4}, card, 5),
            who + "; sets of up to 5 MB of pixels stay there (--device_data_mb)");
  EXPECT_EQ(WherePicturesAreMade({.policy = *ParseAugmentPolicy("autoaug")}, card, 5),
            "Pictures: the CPU decodes, crops and runs the policy, the GPU does the rest");
}

TEST(DataOptionsTest, AMeanForOtherChannelsIsRefused) {
  EXPECT_FALSE(PreprocessingFrom({.mean = {1}, .std = {1}, .in_channels = 3}).ok());
}

TEST(DataOptionsTest, ANarrowBufferIsToldWherePicturesLieClassByClassInNoShards) {
  const std::filesystem::path folder = TestFolder();
  for (const char* file : {"train/a/1.bmp", "train/a/2.bmp", "train/b/3.bmp", "train/b/4.bmp"})
    WriteBytes(folder / file, Bmp(4, 4, 0));
  const auto data = OpenDataset({.name = "folder", .data_dir = folder, .classes = {}});
  ASSERT_TRUE(data.ok()) << data.status().message();
  EXPECT_THAT(NarrowBufferNote(**data, {.shuffle_buffer = 3}), testing::HasSubstr("shuffle_buffer=3: the pictures"));
  EXPECT_EQ(NarrowBufferNote(**data, {.shuffle_buffer = 4}), "") << "all of them";
  EXPECT_EQ(NarrowBufferNote(**data, {.shuffle_buffer = 0}), "");
  EXPECT_EQ(NarrowBufferNote(**data, {.shuffle = false, .shuffle_buffer = 3}), "") << "idle: another line";
}

TEST(DataOptionsTest, PacksOfSmallerPicturesThanTheRunMakesAreTold) {
  const std::filesystem::path root = SomePhotographs();
  ASSERT_TRUE(PackIt(root, root / "packed/x", kRaw).ok());
  const auto pack = Open(root / "packed");
  EXPECT_THAT(NotesOn(*pack, "train", 14, 0.875), ElementsAre()) << "16 pixels are what validation resizes to";
  EXPECT_THAT(
      NotesOn(*pack, "train", 15, 0.875),
      ElementsAre("The packs of 'train' have at most 16 pixels on the shorter side, fewer than the 17 from which "
                  "pictures of 15 × 15 are made: enlarging costs accuracy; if the originals are larger, pack "
                  "them with --max_side 17 or more"));
  EXPECT_THAT(NotesOn(*Open(root), "train", 224, 0.875), ElementsAre()) << "of files nobody knows it beforehand";
}

}  // namespace
}  // namespace riffle
