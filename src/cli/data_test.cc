// `riffle data` from the outside.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "cli/run.h"
#include "data/shard_index.h"
#include "picture/testing/pictures.h"

namespace riffle {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

struct Outcome {
  int exit_code = 0;
  std::string out, err;
};

Outcome Riffle(const std::vector<std::string>& words) {
  std::ostringstream out, err;
  const int exit_code = RunCommandLine(words, {out, 0}, err);
  return {exit_code, out.str(), err.str()};
}

// One readable picture of 1 × 1 pixel in class "sun", and one file that is none.
std::string SmallFolder() {
  const fs::path folder = TestFolder();
  WriteBytes(folder / "train/sun/whole.bmp", Bmp(1, 1, 0));
  std::ofstream(folder / "train/sun/broken.jpg") << "no picture";
  return folder.string();
}

TEST(DataCommand, ChecksAFolderAndNamesWhatIsBroken) {
  const std::string folder = SmallFolder();
  const Outcome check = Riffle({"data", "check", folder});
  EXPECT_EQ(check.exit_code, 0) << check.err;
  EXPECT_THAT(check.out, AllOf(HasSubstr("sun"), HasSubstr("broken.jpg: not a JPEG"), HasSubstr("Unreadable: 1")));
  const Outcome strict = Riffle({"data", "check", "--data_dir", folder, "--strict"});
  EXPECT_EQ(strict.exit_code, 4);
  EXPECT_THAT(strict.err, HasSubstr("1 of 2 pictures cannot be read"));
}

TEST(DataCommand, StrictCountsPicturesThatAreCutOff) {
  const fs::path folder = TestFolder();
  std::vector<uint8_t> cut = Bmp(8, 8, 1);
  cut.resize(cut.size() / 2);
  WriteBytes(folder / "train/sun/cut.bmp", cut);
  EXPECT_EQ(Riffle({"data", "check", folder.string()}).exit_code, 0);
  const Outcome strict = Riffle({"data", "check", folder.string(), "--strict"});
  EXPECT_EQ(strict.exit_code, 4);
  EXPECT_THAT(strict.err, HasSubstr("1 only in part"));
}

TEST(DataCommand, AsksAboutClassesThatLookAlike) {
  const fs::path folder = TestFolder();
  uint8_t shade = 0;
  for (const char* split : {"train", "val"})
    for (const char* name : {"Ants", "ants", "K\u00e4fer", "Ka\u0308fer", "moon"})
      WriteBytes(folder / split / name / "a.bmp", Bmp(1, 1, ++shade));
  const Outcome check = Riffle({"data", "check", folder.string()});
  EXPECT_THAT(check.out, AllOf(HasSubstr("'Ants' and 'ants'"), HasSubstr("'Ka\\u0308fer' and 'K\\u00e4fer'"),
                               Not(HasSubstr("moon'")), Not(HasSubstr("Every picture can be read"))));
}

TEST(DataCommand, PraisesOnlyWhatIsWhole) {
  const fs::path folder = TestFolder();
  WriteBytes(folder / "train/moon/a.bmp", Bmp(1, 1, 3));
  WriteBytes(folder / "train/sun/a.bmp", Bmp(1, 1, 1));
  const auto text = [&] { return Riffle({"data", "check", folder.string()}).out; };
  const auto praise = HasSubstr("Every picture can be read");
  EXPECT_THAT(text(), AllOf(Not(praise), HasSubstr("Only the split 'train' is there")));
  WriteBytes(folder / "val/b.bmp", Bmp(1, 1, 2));
  EXPECT_THAT(text(), AllOf(Not(praise), HasSubstr("val: no picture there")));
  WriteBytes(folder / "val/moon/b.bmp", Bmp(1, 1, 4));
  WriteBytes(folder / "val/sun/b.bmp", Bmp(1, 1, 2));
  EXPECT_THAT(text(), AllOf(Not(praise), HasSubstr("Left out of 'val': files beside the class folders (1: b.bmp)")));
  fs::remove(folder / "val/b.bmp");
  EXPECT_THAT(text(), praise);
  WriteBytes(folder / "dev/sun/d.bmp", Bmp(1, 1, 5));
  EXPECT_THAT(text(), AllOf(Not(praise), HasSubstr("dev: no split by its name, with 1 class folder\n")));
  fs::remove_all(folder / "dev");
  fs::create_directories(folder / "old");
  fs::rename(folder / "val", folder / "old/val");
  EXPECT_THAT(text(), AllOf(Not(praise), HasSubstr("Not beside each other: split 'val' was found in ")));
  fs::rename(folder / "old/val", folder / "val");
  WriteBytes(folder / "train/sun/c.gif", {'x'});
  EXPECT_THAT(text(), AllOf(Not(praise), HasSubstr(".gif files, which are not read (1: sun/c.gif)")));
  const nlohmann::json json = nlohmann::json::parse(Riffle({"data", "check", folder.string(), "--json"}).out);
  EXPECT_EQ(json["left_out"][0]["split"], "train");
  EXPECT_EQ(json["left_out"][0]["files"], 1);
  EXPECT_EQ(json["left_out"][0]["example"], "sun/c.gif");
}

TEST(DataCommand, DoesNotPraiseASingleClass) {
  const fs::path folder = TestFolder();
  uint8_t shade = 0;
  for (const char* split : {"train", "val"})
    for (const char* name : {"ants", "bees"})
      WriteBytes(folder / split / "photos" / name / "a.bmp", Bmp(1, 1, ++shade));
  EXPECT_THAT(Riffle({"data", "check", folder.string()}).out,
              AllOf(HasSubstr("Only one class, 'photos'"), HasSubstr("one level deeper"),
                    Not(HasSubstr("Every picture can be read"))));
}

TEST(DataCommand, PacksFoldersOnlyAndTellsWhatItPassesOver) {
  const fs::path folder = SmallFolder();
  const Outcome refused = Riffle({"data", "pack", "--dataset=cifar10", "--out=" + (folder / "packed/x").string()});
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_THAT(refused.err, HasSubstr("'pack' is for folders of pictures"));
  EXPECT_FALSE(fs::exists(folder / "packed"));
  WriteBytes(folder / "dev/sun/d.bmp", Bmp(1, 1, 5));
  EXPECT_THAT(Riffle({"data", "pack", folder.string(), "--out=" + (folder / "packed/x").string()}).out,
              HasSubstr("dev: no split by its name"));
}

TEST(DataCommand, TellsAProgram) {
  const Outcome check = Riffle({"data", "check", SmallFolder(), "--json"});
  EXPECT_EQ(check.exit_code, 0) << check.err;
  const nlohmann::json json = nlohmann::json::parse(check.out);
  EXPECT_EQ(json["pictures"], 2);
  EXPECT_EQ(json["splits"]["train"]["sun"], 2);
  EXPECT_EQ(json["width"]["max"], 1);
  EXPECT_THAT(json["unreadable"][0]["name"].get<std::string>(), HasSubstr("broken.jpg"));
  for (const char* key : {"missing_classes", "incomplete", "duplicates"}) EXPECT_TRUE(json[key].empty()) << key;
}

TEST(DataCommand, PacksAFolderThatCanBeCheckedAgain) {
  const std::string folder = SmallFolder(), packed = folder + "/packed";
  const Outcome pack = Riffle({"data", "pack", folder, "--out", packed + "/sky", "--shard_size=1"});
  EXPECT_EQ(pack.exit_code, 0) << pack.err;
  EXPECT_THAT(pack.out, HasSubstr("sky-train: 2 pictures in 2 shards\n"));
  const nlohmann::json json = nlohmann::json::parse(Riffle({"data", "check", packed, "--json"}).out);
  EXPECT_EQ(json["splits"]["train"]["sun"], 2);
  EXPECT_EQ(json["unreadable"].size(), 1u);
}

TEST(DataCommand, CountsOneAsOne) {
  const fs::path folder = TestFolder();
  WriteBytes(folder / "train/sun/a.bmp", Bmp(4, 4, 1));
  EXPECT_THAT(Riffle({"data", "pack", folder, "--out", folder / "tar/sky"}).out,
              HasSubstr("sky-train: 1 picture in 1 shard\n"));
  EXPECT_THAT(Riffle({"data", "pack", folder, "--out", folder / "pack/sky", "--max_side=4"}).out,
              AllOf(HasSubstr("1 picture will take about "), HasSubstr("sky-train: 1 picture in 1 pack, ")));
}

TEST(DataCommand, EstimatesNoRoomWhereNoPictureCanBeRead) {
  const fs::path folder = TestFolder();
  WriteText(folder / "train/sun/broken.jpg", "no picture");
  EXPECT_THAT(Riffle({"data", "pack", folder, "--out", folder / "pack/sky", "--max_side=4"}).out,
              AllOf(Not(HasSubstr("will take")), HasSubstr("packed as such: 1 (such as train/sun/broken.jpg)")));
}

TEST(DataCommand, HelpTellsThatAStoppedPackGoesOn) {
  EXPECT_THAT(Riffle({"help", "data"}).out, testing::ContainsRegex("goes on with the\\s+same\\s+command"));
}

TEST(DataCommand, PacksAgainOnlyIfToldTo) {
  const std::string folder = SmallFolder(), out = "--out=" + folder + "/packed/sky";
  ASSERT_EQ(Riffle({"data", "pack", folder, out, "--shard_size=1"}).exit_code, 0);
  const Outcome refused = Riffle({"data", "pack", folder, out});
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_THAT(refused.err, AllOf(HasSubstr("sky-train-000000.tar"), HasSubstr("--overwrite")));
  EXPECT_EQ(Riffle({"data", "pack", folder, out, "--overwrite"}).exit_code, 0);
  EXPECT_FALSE(fs::exists(folder + "/packed/sky-train-000001.tar"));
}

TEST(DataCommand, PacksForSpeedWhatCanBeCheckedAndGoesOnWithIt) {
  const fs::path folder = TestFolder();
  for (const char* file : {"train/sun/a.bmp", "train/moon/b.bmp", "val/sun/c.bmp", "val/moon/d.bmp"})
    WriteBytes(folder / file, Bmp(40, 20, static_cast<uint8_t>(file[file[0] == 't' ? 6 : 4] + file[0])));
  WriteText(folder / "val/sun/broken.jpg", "no picture");
  for (const char* form : {"--raw", "--quality=80"}) {
    const std::string packed = (folder / form).string();
    const std::vector<std::string> command = {"data",          "pack", folder.string(), "--out", packed + "/sky",
                                              "--max_side=10", form};
    const Outcome pack = Riffle(command);
    EXPECT_EQ(pack.exit_code, 0) << pack.err;
    EXPECT_THAT(pack.out, AllOf(HasSubstr("5 pictures will take about "), HasSubstr("are free\n"),
                                HasSubstr("sky-train: 2 pictures in 1 pack, "), HasSubstr("; 2 of them without colour"),
                                HasSubstr("Cannot be read, and packed as such: 1 (such as val/sun/broken.jpg)")));
    EXPECT_EQ(Riffle(command).exit_code, 2) << "an earlier pack is there";
    WriteText(packed + "/sky-train.json", std::string(kUnfinishedIndex));  // as a run that was killed leaves it
    EXPECT_THAT(Riffle(command).out, HasSubstr("Whole files of an earlier run that stay: 2\n"));
    const nlohmann::json json = nlohmann::json::parse(Riffle({"data", "check", packed, "--json"}).out);
    EXPECT_EQ(json["height"]["max"], 10);
    EXPECT_EQ(json["width"]["max"], 20);
    EXPECT_EQ(json["unreadable"].size(), 1u);
  }
}

TEST(DataCommand, ToldOfAClassNameThatIsNotUtf8PacksNothingAndChecksItAllTheSame) {
  const std::string folder = SmallFolder();
  fs::rename(folder + "/train/sun", folder + "/train/h\xf6he");
  const Outcome pack = Riffle({"data", "pack", folder, "--out", folder + "/packed/x"});
  EXPECT_EQ(pack.exit_code, 2);
  EXPECT_THAT(pack.err, AllOf(HasSubstr("not UTF-8"), Not(HasSubstr("unexpected"))));
  EXPECT_FALSE(fs::exists(folder + "/packed"));
  const Outcome check = Riffle({"data", "check", folder, "--json"});
  EXPECT_EQ(check.exit_code, 0) << check.err;
  EXPECT_TRUE(nlohmann::json::accept(check.out)) << check.out;
}

TEST(DataCommand, SaysWhatItExpects) {
  EXPECT_THAT(Riffle({"data", "pack", "x"}).err, HasSubstr("--out=PREFIX"));
  EXPECT_THAT(Riffle({"data", "pack", "x", "--out=y", "--shard_size=0"}).err, HasSubstr("at least 1"));
  EXPECT_THAT(Riffle({"data", "pack", "x", "--strict"}).err, HasSubstr("does not use it"));
  EXPECT_THAT(Riffle({"data", "check", "x", "--out=y"}).err, HasSubstr("does not use it"));
  EXPECT_THAT(Riffle({"data", "check", "x", "--overwrite"}).err, HasSubstr("does not use it"));
  for (const char* option : {"--max_side=9", "--quality=9", "--raw", "--interpolation=box"})
    EXPECT_THAT(Riffle({"data", "check", "x", option}).err, HasSubstr("'riffle data check' does not use it"));
  for (const char* option : {"--quality=9", "--raw", "--interpolation=box"})
    EXPECT_THAT(Riffle({"data", "pack", "x", "--out=y", option}).err, HasSubstr("without --max_side"));
  EXPECT_THAT(Riffle({"data", "pack", "x", "--out=y", "--max_side=9", "--raw", "--quality=9"}).err,
              HasSubstr("raw pixels have none"));
  const std::string folder = SmallFolder();
  for (const char* option : {"--max_side=0", "--max_side=x", "--quality=101"})
    EXPECT_THAT(Riffle({"data", "pack", folder, "--out=" + folder + "/y/y", "--max_side=9", option}).err,
                HasSubstr("expected an integer"));
  EXPECT_THAT(Riffle({"data"}).err, HasSubstr("riffle data check FOLDER"));
  EXPECT_THAT(Riffle({"data", "chek", "x"}).err, HasSubstr("'chek'"));
  EXPECT_THAT(Riffle({"data", "check", "a", "b"}).err, HasSubstr("one folder"));
  EXPECT_EQ(Riffle({"data", "check", "/nowhere"}).exit_code, 3);
}

}  // namespace
}  // namespace riffle
