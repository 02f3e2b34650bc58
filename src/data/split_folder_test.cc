// Which folder is taken for a split, which folders for its classes, and what is said of those that are not.
#include <gmock/gmock.h>

#include "data/folders.h"
#include "data/left_out.h"
#include "data/readers.h"
#include "data/splits.h"
#include "picture/testing/pictures.h"

namespace riffle {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class SplitFolders : public ::testing::Test {
 protected:
  /// One picture in each of these folders.
  void Fill(const std::vector<std::string>& folders) {
    for (const std::string& folder : folders) WriteBytes(root_ / folder / "a.bmp", Bmp(1, 1, ++shade_));
  }
  /// The folder of the split below root_, or the error.
  std::string Find(const std::string& split) {
    const auto found = FindSplitFolder(root_, split);
    return found.ok() ? found->folder.lexically_relative(root_).string() : found.status().message();
  }
  std::string LeftOutOf(const std::string& split) {
    const auto data = OpenDataset({.name = "folder", .data_dir = root_, .split = split, .classes = {}});
    return data.ok() ? Described(WithoutHarmless((*data)->left_out())) : data.status().message();
  }
  std::vector<std::string> ClassesOf(const std::string& split) {
    const auto data = OpenDataset({.name = "folder", .data_dir = root_, .split = split, .classes = {}});
    EXPECT_TRUE(data.ok()) << data.status().message();
    return data.ok() ? (*data)->classes() : std::vector<std::string>();
  }

  const fs::path root_ = TestFolder();
  uint8_t shade_ = 0;
};

TEST_F(SplitFolders, WhatMayHaveBeenAClassIsNamed) {
  Fill({"train/ants", "train/bees"});
  EXPECT_EQ(LeftOutOf("train"), "");
  fs::create_directory_symlink("/mnt/disk2/wasps", root_ / "train/wasps");
  EXPECT_EQ(LeftOutOf("train"), "broken links beside the class folders, perhaps of classes (1: wasps)");
  fs::remove(root_ / "train/wasps");
  for (const char* archive : {"wasps.tar", "moths.zip", "flies.tar.gz"}) {
    WriteBytes(root_ / "train" / archive, {'x'});
    EXPECT_THAT(LeftOutOf("train"), HasSubstr("archives beside the class folders, which are not unpacked (1: "))
        << archive;
    fs::remove(root_ / "train" / archive);
  }
  WriteBytes(root_ / "train/wasps.npy", {'x'});
  EXPECT_EQ(LeftOutOf("train"), "files beside the class folders (1: wasps.npy)");
  fs::remove(root_ / "train/wasps.npy");
  fs::create_symlink("/mnt/disk2/more", root_ / "train/ants/more");
  EXPECT_EQ(LeftOutOf("train"), "broken links (1: ants/more)");
  fs::remove(root_ / "train/ants/more");
  WriteBytes(root_ / "train/labels.csv", {'x'});
  WriteBytes(root_ / "train/.wasps/a.bmp", Bmp(1, 1, 1));
  EXPECT_EQ(LeftOutOf("train"), "") << "a run says nothing of texts and hidden folders";
  const auto data = OpenDataset({.name = "folder", .data_dir = root_, .classes = {}});
  EXPECT_THAT(Described((*data)->left_out()), AllOf(HasSubstr("hidden folders (1: .wasps)"), HasSubstr("labels.csv")));
}

TEST_F(SplitFolders, ClassFoldersThatLieOneLevelDeeperAreFound) {
  Fill({"train/train/ants", "train/train/bees", "val/val/ants", "val/val/bees"});
  EXPECT_EQ(Find("train"), "train/train");
  EXPECT_EQ(Find("val"), "val/val");
  EXPECT_THAT(ClassesOf("train"), ElementsAre("ants", "bees"));
  EXPECT_EQ(LeftOutOf("train"), "");
}

TEST_F(SplitFolders, ADataSetOfSplitsIsNoClass) {
  Fill({"training/photos/raw", "training/photos/train/ants", "training/photos/train/bees", "training/photos/val/ants",
        "training/photos/val/bees"});
  EXPECT_EQ(Find("train"), "training/photos/train");
  EXPECT_EQ(Find("val"), "training/photos/val");
  EXPECT_THAT(ClassesOf("train"), ElementsAre("ants", "bees"));
}

TEST_F(SplitFolders, FoldersBelowTheOnlyClassAreNamed) {
  Fill({"train/photos/ants", "train/photos/bees"});
  EXPECT_THAT(BelowTheOnlyClass(root_, "train"),
              AllOf(HasSubstr("one level deeper, in " + (root_ / "train/photos").string()), HasSubstr("ants, bees")));
  Fill({"train/moths"});
  EXPECT_EQ(BelowTheOnlyClass(root_, "train"), "") << "two classes";
}

TEST_F(SplitFolders, TwoThatAreOneSplitAreAnError) {
  for (const auto& [one, other] : {std::pair{"val", "validation"}, {"train", "Train"}, {"valid", "VAL"}}) {
    for (const std::string name : {one, other}) Fill({name + "/ants"});
    const std::string split = std::string(one) == "train" ? "train" : "val";
    EXPECT_THAT(Find(split), AllOf(HasSubstr((root_ / one).string() + " "), HasSubstr((root_ / other).string()),
                                   HasSubstr("put their pictures into one")));
    const auto splits = OpenAllSplits(**FindDataset("folder"), root_, 2);
    EXPECT_FALSE(splits.ok()) << "a check tells it, too";
    for (const char* name : {one, other}) fs::remove_all(root_ / name);
  }
}

TEST_F(SplitFolders, OfTwoTheOneWithClassFoldersCounts) {
  Fill({"train/ants", "validation/ants"});
  fs::create_directories(root_ / "val");
  EXPECT_EQ(Find("val"), "validation");
  EXPECT_THAT(LeftOutOf("val"), HasSubstr("(1: " + (root_ / "val").string() + ")")) << "and the other one is named";
  fs::remove(root_ / "val");
  fs::create_directory_symlink("validation", root_ / "val");
  EXPECT_EQ(Find("val"), "val") << "two names of one folder";
  EXPECT_EQ(LeftOutOf("val"), "");
}

TEST_F(SplitFolders, ALinkThatLeadsNowhereIsNoAbsence) {
  Fill({"train/ants", "test/ants"});
  fs::create_directory_symlink("/mnt/val", root_ / "val");
  const auto data = OpenDataset({.name = "folder", .data_dir = root_, .split = "val", .classes = {}});
  ASSERT_FALSE(data.ok()) << "'test' must not stand in";
  EXPECT_EQ(data.status().message(), (root_ / "val").string() + ": a broken link: /mnt/val is not there");
  fs::rename(root_ / "val", root_ / "train_elsewhere");
  EXPECT_EQ(ClassesOf("val").size(), 1u) << "other links do not matter";
}

TEST_F(SplitFolders, AreAskedForInAnyCase) {
  Fill({"train/ants", "val/ants"});
  for (const char* name : {"Validation", "VAL", "Valid"}) EXPECT_EQ(Find(name), "val") << name;
  fs::rename(root_ / "val", root_ / "Testing");
  const auto data = OpenDataset({.name = "folder", .data_dir = root_, .split = "Validation", .classes = {}});
  ASSERT_TRUE(data.ok()) << data.status().message();
  EXPECT_EQ((*data)->stand_in(), "test");
}

TEST_F(SplitFolders, AStrayPictureMakesNoClassOfASplit) {
  for (const char* name : {"test", "training"}) {
    const std::string set = name;
    Fill({set + "/train", set + "/train/ants", set + "/train/bees", set + "/val/ants", set + "/val/bees"});
    const auto splits = OpenAllSplits(**FindDataset("folder"), root_ / set, 2);
    ASSERT_TRUE(splits.ok()) << splits.status().message();
    EXPECT_EQ(splits->size(), 2u) << set;
    EXPECT_EQ(Find("train"), set + "/train") << "from the folder above";
    EXPECT_EQ(Find("val"), set + "/val");
    fs::remove_all(root_ / set);
  }
}

TEST_F(SplitFolders, AFolderThatOnlyBearsTheNameHidesNone) {
  Fill({"photos/train/ants", "photos/val/ants"});
  WriteBytes(root_ / "train/train.py", {'x'});
  EXPECT_EQ(Find("train"), "photos/train");
  EXPECT_THAT(LeftOutOf("train"), HasSubstr((root_ / "train").string())) << "it is named";
}

TEST_F(SplitFolders, AnEmptyOneBesideOthersIsNotReplacedByOneFarAway) {
  Fill({"train/ants", "backup/val/ants"});
  fs::create_directories(root_ / "val");
  EXPECT_EQ(Find("val"), "val");
  fs::remove(root_ / "val");
  EXPECT_EQ(Find("val"), "backup/val");
  const auto open = [&](const char* split) {
    return std::move(*OpenDataset({.name = "folder", .data_dir = root_, .split = split, .classes = {}}));
  };
  const auto train = open("train"), val = open("val");
  EXPECT_EQ(Apart("val", *val, "train", *train), fmt::format("split 'val' was found in {}, split 'train' in {}",
                                                             (root_ / "backup").string(), root_.string()));
  EXPECT_EQ(Apart("train", *train, "train", *train), "");
}

TEST_F(SplitFolders, OtherFoldersOfPicturesBesideThemAreTold) {
  Fill({"train/ants", "train/bees", "dev/ants", "dev/bees", "wasps"});
  fs::create_directories(root_ / "scripts");
  EXPECT_THAT(FoldersThatAreNoSplit(root_),
              ElementsAre((root_ / "dev").string() + ": no split by its name, with 2 class folders",
                          (root_ / "wasps").string() + ": no split by its name, with pictures"));
  EXPECT_THAT(FoldersThatAreNoSplit(root_ / "scripts"), IsEmpty());
}

TEST_F(SplitFolders, AdviceTellsSplitsFromClasses) {
  Fill({"images_train/ants", "images_train/bees", "eval/ants", "eval/bees"});
  EXPECT_THAT(Find("train"), AllOf(HasSubstr("hold folders of pictures (eval, images_train): call one 'train'"),
                                   testing::Not(HasSubstr("class folders lie directly"))));
}

TEST(LeftOutFiles, TheLargestKindIsToldFirst) {
  LeftOutFiles files;
  for (const char* ending : {"a", "b", "c", "d", "e", "f", "g"}) files.AddByName(fmt::format("x.{}{}", ending, ending));
  for (int i = 0; i < 1000; ++i) files.AddByName(fmt::format("{}.tif", i));
  const std::string text = Described(files.Kinds());
  EXPECT_TRUE(text.starts_with(".tif files, which are not read (1000, such as 0.tif); .aa files")) << text;
  EXPECT_TRUE(text.ends_with("; and 2 more kinds (2 files)")) << text;
  LeftOutFiles fewer;
  for (const char* ending : {"a", "b", "c", "d", "e", "f", "g"}) fewer.AddByName(fmt::format("x.{}{}", ending, ending));
  EXPECT_TRUE(Described(fewer.Kinds()).ends_with("; and 1 more kind (1 file)"));
}

}  // namespace
}  // namespace riffle
