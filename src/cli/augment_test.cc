// `riffle augment`, and that each option of augmentation changes what training sees.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "base/file.h"
#include "cli/run.h"
#include "picture/decode.h"
#include "picture/draw/draw.h"
#include "picture/testing/pictures.h"

namespace riffle {
namespace {

using ::testing::HasSubstr;
using Words = std::vector<std::string>;

// A folder of 16 pictures, two classes, each picture larger than the network's.
class AugmentCommandTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = TestFolder();
    for (uint32_t i = 0; i < 16; ++i) {
      const Result<std::string> png = EncodePng(SomePicture(48, 60, 3, i).View());
      const std::filesystem::path path =
          folder_ / "photos/train" / (i % 2 == 0 ? "ants" : "bees") / fmt::format("{}.png", i);
      WriteBytes(path, {png->begin(), png->end()});
    }
  }

  int Run(const Words& words) {
    std::ostringstream out, err;
    const int code = RunCommandLine(words, {out, 0}, err);
    out_ = out.str(), err_ = err.str();
    return code;
  }

  Words Command(const Words& more, const std::string& file = "sheet.png") const {
    Words words = {"augment",
                   "--dataset=folder",
                   "--data_dir=" + (folder_ / "photos").string(),
                   "--image_resize=32",
                   "--color_jitter=0",
                   "--num=3",
                   "--versions=4",
                   "--out=" + (folder_ / file).string()};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }

  std::vector<uint8_t> Sheet(const Words& more) {
    EXPECT_EQ(Run(Command(more)), 0) << err_;
    return ReadBytes(folder_ / "sheet.png");
  }

  std::filesystem::path folder_;
  std::string out_, err_;
};

TEST_F(AugmentCommandTest, WritesASheetAndSaysWhatItShows) {
  Picture sheet;
  ASSERT_TRUE(Decode(Sheet({"--auto_augment=randaug-m7"}), 3, sheet).ok());
  EXPECT_GT(sheet.width, 5 * 128) << "validation and four epochs, pictures of 32 enlarged to 128";
  EXPECT_GT(sheet.height, 3 * 128);
  for (const char* words : {"3 of 16 pictures of photos train", "4 epochs", "32 x 32 pixels", "random resized crop",
                            "hflip 0.5", "randaug-m7", "seed 42"})
    EXPECT_THAT(out_, HasSubstr(words));
}

TEST_F(AugmentCommandTest, ValidationHasItsOwnSize) {
  Picture plain, small, large;
  ASSERT_TRUE(Decode(Sheet({}), 3, plain).ok());
  ASSERT_TRUE(Decode(Sheet({"--val_resize=16"}), 3, small).ok());
  ASSERT_TRUE(Decode(Sheet({"--val_resize=64"}), 3, large).ok());
  ASSERT_EQ(small.width, plain.width);
  ASSERT_EQ(small.height, plain.height);
  constexpr int kFirstEpoch = 24 + 128 + 24;  // the left of its pictures: margin, view of validation, gap
  int different_left = 0, different_right = 0;
  for (int y = 0; y < plain.height; ++y)
    for (int x = 0; x < plain.width; ++x) {
      const bool differs =
          !std::equal(plain.View().Row(y) + 3 * x, plain.View().Row(y) + 3 * x + 3, small.View().Row(y) + 3 * x);
      (x < kFirstEpoch ? different_left : different_right) += differs;
    }
  EXPECT_GT(different_left, 0);
  EXPECT_EQ(different_right, 0) << "training sees pictures of image_resize";
  EXPECT_EQ(large.width - plain.width, 5 * 128) << "cells hold the larger of both";
}

TEST_F(AugmentCommandTest, TheSameOptionsGiveTheSameSheetAndEachOptionAnother) {
  const Words erasing = {"--re_prob=1"};
  const auto plain = Sheet({}), erased = Sheet(erasing);
  EXPECT_EQ(Sheet({}), plain);
  EXPECT_EQ(Sheet({"--auto_augment=None"}), plain);
  for (const char* option : {"--color_jitter=0.4", "--auto_augment=randaug-m7-n2-mstd0.5", "--auto_augment=autoaug",
                             "--auto_augment=autoaugr", "--auto_augment=3a", "--auto_augment=trivialaugwide",
                             "--auto_augment=augmix-m5-n4-d2", "--re_prob=1", "--hflip=0", "--vflip=1", "--scale=0.9,1",
                             "--ratio=1,1", "--seed=43", "--interpolation=nearest"}) {
    EXPECT_NE(Sheet({option}), plain) << option;
    EXPECT_EQ(err_, "");
  }
  for (const char* option : {"--re_scale=0.5,0.6", "--re_ratio=1,1", "--re_value=1", "--re_value=random"})
    EXPECT_NE(Sheet({"--re_prob=1", option}), erased) << option;
  EXPECT_NE(Sheet({"--re_prob=1", "--re_scale=0.8,1", "--re_max_attempts=1"}),
            Sheet({"--re_prob=1", "--re_scale=0.8,1", "--re_max_attempts=100"}));
}

TEST_F(AugmentCommandTest, ErrorsSayWhatToDo) {
  EXPECT_EQ(Run({"augment", "--dataset=cifar10"}), 2);
  EXPECT_THAT(err_, HasSubstr("add --out=grid.png"));
  EXPECT_EQ(Run(Command({"--num=0"})), 2);
  EXPECT_THAT(err_, HasSubstr("option num (command line): expected an integer from 1 to 100, found '0'"));
  EXPECT_EQ(Run(Command({"--versions=x"})), 2);
  EXPECT_EQ(Run(Command({"--auto_augment=randag-m7"})), 2);
  EXPECT_THAT(err_, HasSubstr("the nearest name is 'randaug'"));
  EXPECT_EQ(Run(Command({"--re_value=1,2"})), 2);
  EXPECT_THAT(err_, HasSubstr("re_value"));
  EXPECT_EQ(Run(Command({"--image_resize=4096", "--versions=100"})), 2);
  EXPECT_THAT(err_, HasSubstr("too large"));
}

TEST_F(AugmentCommandTest, TrainingTakesPoliciesAndVersions) {
  const auto losses = [&](const Words& more) {
    Words words = {"train",
                   "--dataset=folder",
                   "--data_dir=" + (folder_ / "photos").string(),
                   "--image_resize=32",
                   "--stem=small",
                   "--model=shufflenet_v1_g3_x0_25",
                   "--batch_size=8",
                   "--epoch_size=1",
                   "--ckpt_save_dir=" + (folder_ / "run").string()};
    words.insert(words.end(), more.begin(), more.end());
    std::filesystem::remove_all(folder_ / "run");
    EXPECT_EQ(Run(words), 0) << err_;
    const size_t at = out_.find("Epoch 1/1: loss ");
    EXPECT_NE(at, std::string::npos);
    return out_.substr(at + 16, 6);
  };
  const std::string plain = losses({}), mixed = losses({"--auto_augment=augmix-m5-n4-d2"});
  EXPECT_NE(plain, mixed);
  EXPECT_NE(losses({"--auto_augment=augmix-m5-n4-d2", "--aug_splits=3"}), mixed);
  EXPECT_EQ(Run({"train", "--aug_splits=1"}), 2);
  EXPECT_THAT(err_, HasSubstr("aug_splits: expected 0"));
}

}  // namespace
}  // namespace riffle
