// What whole runs of the program say of their pictures: those that cannot be read, are cut, or stand in for a split.
#include "cli/testing/small_run.h"

#include <gmock/gmock.h>

namespace riffle {
namespace {

namespace fs = std::filesystem;

TEST_F(SmallRun, ToleratesAShareOfUnreadablePicturesOrNone) {
  WriteBytes(folder_ / "photos/train/ants/broken.png", {'x'});
  EXPECT_EQ(Run(Training("tolerated", {}, {})), 0) << err_;
  EXPECT_THAT(out_, testing::HasSubstr("broken.png"));
  EXPECT_NE(Run(Training("refused", {}, {"--max_unreadable_share=0"})), 0);
  EXPECT_THAT(err_, testing::HasSubstr("broken.png"));
}

TEST_F(SmallRun, ValidatesOnCutPicturesOnlyWhereThatIsAllowed) {
  const fs::path cut = folder_ / "photos/val/ants/0.png";
  fs::resize_file(cut, fs::file_size(cut) * 2 / 3);
  EXPECT_EQ(Run(Training("refused", {}, {"--val_interval=2"})), 4);
  EXPECT_THAT(err_, testing::AllOf(testing::HasSubstr(cut.string()), testing::HasSubstr("--allow_incomplete")));
  EXPECT_THAT(out_, testing::Not(testing::HasSubstr("Epoch 1/"))) << "told before the first epoch";
  for (const auto& entry : fs::directory_iterator(folder_ / "refused"))
    EXPECT_EQ(entry.path().filename(), ".train.lock") << "no run has begun";
  EXPECT_EQ(Run(Training("allowed", {}, {"--allow_incomplete"})), 0) << err_;
  const size_t named = out_.find(cut.string());
  EXPECT_NE(named, std::string::npos) << out_;
  EXPECT_EQ(out_.find(cut.string(), named + 1), std::string::npos) << "named once: " << out_;

  const std::string checkpoint =
      "--ckpt_path=" + (folder_ / "allowed/shufflenet_v1_g3_x0_25-best.safetensors").string();
  const std::string photos = "--data_dir=" + (folder_ / "photos").string();
  EXPECT_EQ(Run({"validate", photos, checkpoint}), 4);
  EXPECT_THAT(err_, testing::HasSubstr(cut.string()));
  EXPECT_EQ(Run({"validate", photos, checkpoint, "--allow_incomplete"}), 0) << err_;
  EXPECT_THAT(out_, testing::HasSubstr(cut.string() + ": cut off"));
  EXPECT_EQ(Run({"predict", cut.string(), checkpoint}), 0) << err_;
  EXPECT_THAT(out_, testing::HasSubstr(cut.string() + ": cut off"));
}

TEST_F(SmallRun, NamesACutTrainingPictureOnce) {
  const fs::path cut = folder_ / "photos/train/ants/0.png";
  fs::resize_file(cut, fs::file_size(cut) * 2 / 3);
  EXPECT_EQ(Run(Training("run", {}, {})), 0) << err_;
  const size_t named = out_.find(cut.string() + ": cut off");
  EXPECT_NE(named, std::string::npos) << out_;
  EXPECT_EQ(out_.find(cut.string(), named + 1), std::string::npos) << out_;
}

TEST_F(SmallRun, SaysWhatIsLeftOutAndWhichSplitStandsIn) {
  fs::rename(folder_ / "photos/val", folder_ / "photos/test");
  WriteBytes(folder_ / "photos/train/ants/film.gif", {'x'});
  WriteBytes(folder_ / "photos/test/ants/.hidden.jpg", {'x'});
  EXPECT_EQ(Run(Training("run", {}, {})), 0) << err_;
  EXPECT_THAT(
      out_, testing::AllOf(testing::HasSubstr("Left out of 'train': .gif files, which are not read (1: ants/film.gif)"),
                           testing::HasSubstr("There is no split 'val': 'test' is used"),
                           testing::HasSubstr("Left out of 'val': hidden files (1: ants/.hidden.jpg)")));
}

TEST_F(SmallRun, SaysWhichClassesAreNotMeasured) {
  fs::remove_all(folder_ / "photos/val/bees");
  EXPECT_EQ(Run(Training("run", {}, {})), 0) << err_;
  EXPECT_THAT(out_, testing::HasSubstr("No pictures in split 'val': class 'bees'"));
  EXPECT_EQ(Run({"validate", "--data_dir=" + (folder_ / "photos").string(),
                 "--ckpt_path=" + (folder_ / "run/shufflenet_v1_g3_x0_25-best.safetensors").string()}),
            0)
      << err_;
  EXPECT_THAT(out_, testing::HasSubstr("No pictures in split 'val': class 'bees'"));
}

TEST_F(SmallRun, OnOneClassIsAnError) {
  fs::create_directories(folder_ / "one/train");
  fs::rename(folder_ / "photos/train", folder_ / "one/train/photos");
  EXPECT_EQ(Run({"train", "--dataset=folder", "--data_dir=" + (folder_ / "one").string(), "--val_while_train=False",
                 "--ckpt_save_dir=" + (folder_ / "run").string()}),
            2);
  EXPECT_THAT(err_, testing::AllOf(testing::HasSubstr("only one class, 'photos'"), testing::HasSubstr("ants, bees")));
}

TEST_F(SmallRun, NamesOfOneSplitAreOneMeasurement) {
  EXPECT_EQ(Run(Training("run", {}, {"--val_split=val"})), 0) << err_;
  EXPECT_EQ(Run({"validate", "--data_dir=" + (folder_ / "photos").string(), "--val_split=VALID",
                 "--ckpt_path=" + (folder_ / "run/shufflenet_v1_g3_x0_25-best.safetensors").string()}),
            0)
      << err_;
  EXPECT_THAT(out_, testing::Not(testing::HasSubstr("val_split is")));
}

TEST_F(SmallRun, RecalibratingAndDrawingNameCutAndUnreadablePictures) {
  EXPECT_EQ(Run(Training("run", {}, {})), 0) << err_;
  const fs::path cut = folder_ / "photos/train/ants/0.png", broken = folder_ / "photos/train/ants/broken.png";
  fs::resize_file(cut, fs::file_size(cut) * 2 / 3);
  WriteBytes(broken, {'x'});
  const auto names_both = testing::AllOf(testing::HasSubstr(cut.string() + ": cut off"),
                                         testing::HasSubstr("another picture takes its place: " + broken.string()));
  const std::string photos = "--data_dir=" + (folder_ / "photos").string();
  EXPECT_EQ(Run({"recalibrate", photos, "--out=" + (folder_ / "new.safetensors").string(),
                 "--ckpt_path=" + (folder_ / "run/shufflenet_v1_g3_x0_25-best.safetensors").string()}),
            0)
      << err_;
  EXPECT_THAT(out_, names_both);
  EXPECT_EQ(Run({"augment", photos, "--image_resize=32", "--num=100", "--out=" + (folder_ / "sheet.png").string()}), 0)
      << err_;
  EXPECT_THAT(out_, names_both);
}

TEST_F(SmallRun, IsMeasuredByADryRunThatWritesNothing) {
  EXPECT_EQ(Run(Training("dry", {"--resolution_schedule=0:16,1:32", "--val_interval=2", "--dry_run"}, {})), 0) << err_;
  for (const char* row : {"1  *16 × 16 ", "2  *32 × 32 ", "1 validation  *32 × 32 ", "\nAbout 0:00:0. in all"})
    EXPECT_THAT(out_, testing::ContainsRegex(row));
  EXPECT_FALSE(fs::exists(folder_ / "dry"));
}

}  // namespace
}  // namespace riffle
