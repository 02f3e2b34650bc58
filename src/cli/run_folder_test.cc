// The folder of a run: nothing of an earlier run is lost, and the newest whole checkpoint is found.
#include "cli/run_folder.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "train/testing.h"

namespace riffle {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class RunFolder : public testing::Test {
 protected:
  void Write(const std::string& name, const std::string& text = "x") { std::ofstream(folder_ / name) << text; }
  void Save(int epoch, const CheckpointInfo& info = TinyInfo()) {
    const Plan plan = *MakePlan(info.model);
    CheckpointInfo numbered = info;
    numbered.epoch = epoch;
    numbered.step = 10 * epoch;
    ASSERT_TRUE(SaveCheckpoint(Path(epoch), numbered, plan.registry, Snapshot(plan.registry)).ok());
  }
  std::filesystem::path Path(int epoch) { return folder_ / CheckpointName(TinyModel(), epoch, 10 * epoch); }
  // The epoch of the newest checkpoint, -1 if there is none.
  int Newest() {
    const auto checkpoint = NewestCheckpoint(folder_, TinyModel(), log_);
    EXPECT_TRUE(checkpoint.ok()) << checkpoint.status().message();
    return *checkpoint ? (*checkpoint)->info().epoch : -1;
  }

  const std::filesystem::path folder_ = TestFolder();
  std::ostringstream out_;
  Log log_{out_, 0};
};

TEST_F(RunFolder, EarlierRunsMoveToNumberedFolders) {
  const std::vector<std::string> files = {"metrics.jsonl", "result.log", "shufflenet_v1_g3_x0_5-1_10.safetensors",
                                          "shufflenet_v1_g3_x0_5-best.safetensors", "shufflenet_v1_g3_x0_5.yaml"};
  for (const char* run : {"first", "second"}) {
    for (const std::string& file : files) Write(file, run);
    ASSERT_EQ(PrepareRunFolder(folder_, /*resumed=*/false, log_).message(), "");
  }
  EXPECT_THAT(FilesIn(folder_), ElementsAre("run-1", "run-2"));
  EXPECT_THAT(FilesIn(folder_ / "run-1"), testing::ElementsAreArray(files));
  EXPECT_THAT(FilesIn(folder_ / "run-2"), testing::ElementsAreArray(files));
  EXPECT_EQ(*ReadTextFile(folder_ / "run-1/result.log"), "first");
  EXPECT_EQ(*ReadTextFile(folder_ / "run-2/result.log"), "second");
  EXPECT_THAT(out_.str(), AllOf(HasSubstr("moved to " + (folder_ / "run-1").string()),
                                HasSubstr("moved to " + (folder_ / "run-2").string())));
}

TEST_F(RunFolder, WhatNoRunWritesStays) {
  const std::vector<std::string> files = {"cat.jpg", "notes.yaml", "resnet.safetensors",
                                          "shufflenet_v1_g3_x0_5-pretrained.safetensors",
                                          "shufflenet_v1_g3_x0_5.safetensors"};
  for (const std::string& file : files) Write(file);
  std::filesystem::create_directory(folder_ / "shufflenet_v1_g3_x0_5-1_1.safetensors");
  ASSERT_TRUE(PrepareRunFolder(folder_, /*resumed=*/false, log_).ok());
  EXPECT_EQ(FilesIn(folder_).size(), files.size() + 1);
  EXPECT_EQ(out_.str(), "");
}

TEST_F(RunFolder, ARunThatGoesOnStays) {
  Write("metrics.jsonl");
  ASSERT_TRUE(PrepareRunFolder(folder_, /*resumed=*/true, log_).ok());
  EXPECT_THAT(FilesIn(folder_), ElementsAre("metrics.jsonl"));
}

TEST_F(RunFolder, WhatAKilledRunDidNotFinishIsRemoved) {
  const std::string checkpoint = Path(1).filename().string();
  for (const std::string& file :
       {checkpoint, checkpoint + ".part12", std::string("metrics.jsonl.part7"), std::string("film.part1")})
    Write(file);
  ASSERT_TRUE(PrepareRunFolder(folder_, /*resumed=*/true, log_).ok());
  EXPECT_THAT(FilesIn(folder_), ElementsAre("film.part1", checkpoint));
}

TEST_F(RunFolder, IsMadeWithItsParents) {
  ASSERT_TRUE(LockRunFolder(folder_ / "a/b", log_).ok());
  EXPECT_TRUE(std::filesystem::is_directory(folder_ / "a/b"));
  Write("file");
  const Status status = LockRunFolder(folder_ / "file", log_).status();
  ASSERT_FALSE(status.ok());
  EXPECT_THAT(status.message(), AllOf(HasSubstr((folder_ / "file").string()),
                                      HasSubstr("expected a folder, found a file"), HasSubstr("--ckpt_save_dir")));
  EXPECT_THAT(LockRunFolder(folder_ / "file/below", log_).status().message(),
              HasSubstr("found a file: " + (folder_ / "file").string()));
}

TEST_F(RunFolder, ThatIsTakenAwayIsNoticed) {
  const Result<FileLock> lock = LockRunFolder(folder_, log_);
  ASSERT_TRUE(lock.ok());
  EXPECT_TRUE(CheckStillOurs(*lock, folder_).ok());
  std::filesystem::remove(folder_ / ".train.lock");
  EXPECT_EQ(CheckStillOurs(*lock, folder_).code(), ErrorCode::kIo);
  EXPECT_TRUE(LockRunFolder(folder_, log_).ok()) << "another one gets in";
  EXPECT_THAT(CheckStillOurs(*lock, folder_).message(), HasSubstr("taken over by another run"));
}

TEST_F(RunFolder, ALinkThatLeadsNowhereIsCalledOne) {
  std::filesystem::create_directory_symlink("none", folder_ / "link");
  EXPECT_THAT(LockRunFolder(folder_ / "link", log_).status().message(),
              HasSubstr((folder_ / "link").string() + ": a link to none, which is not there"));
  std::filesystem::create_directory(folder_ / "none");
  EXPECT_TRUE(LockRunFolder(folder_ / "link", log_).ok());
}

TEST_F(RunFolder, WhatIsNoFileUnderTheNameOfOneIsAnErrorInsteadOfAnEndlessWait) {
  for (const char* name :
       {"metrics.jsonl", "result.log", "shufflenet_v1_g3_x0_5.yaml", "shufflenet_v1_g3_x0_5-1_10.safetensors"}) {
    ASSERT_EQ(mkfifo((folder_ / name).c_str(), 0600), 0);
    EXPECT_THAT(LockRunFolder(folder_, log_).status().message(), HasSubstr(std::string(name) + ": expected a file"));
    std::filesystem::remove(folder_ / name);
  }
  EXPECT_TRUE(LockRunFolder(folder_, log_).ok());
}

TEST_F(RunFolder, IsThatOfOneRunAtATime) {
  {
    const Result<FileLock> first = LockRunFolder(folder_, log_);
    ASSERT_TRUE(first.ok());
    const Status second = LockRunFolder(folder_, log_).status();
    EXPECT_EQ(second.code(), ErrorCode::kIo);
    EXPECT_THAT(second.message(), AllOf(HasSubstr(folder_.string()), HasSubstr(fmt::format("process {}", getpid())),
                                        HasSubstr("--ckpt_save_dir")));
  }
  EXPECT_TRUE(LockRunFolder(folder_, log_).ok());
  Write("metrics.jsonl");
  ASSERT_TRUE(PrepareRunFolder(folder_, /*resumed=*/false, log_).ok());
  EXPECT_TRUE(std::filesystem::exists(folder_ / ".train.lock")) << "the lock moves with no run";
}

TEST_F(RunFolder, CheckpointsOfAnotherNetworkAreNamedInsteadOfMoved) {
  Write("shufflenet_v1_g3_x0_5-best.safetensors");
  EXPECT_THAT(NewestCheckpoint(folder_, TinyModel(), log_).status().message(),
              HasSubstr("of another network: shufflenet_v1_g3_x0_5-best.safetensors;"));
  for (const char* file : {"shufflenet_v1_g3_x0_5-1_10.safetensors", "shufflenet_v1_g3_x0_5-2_20.safetensors"})
    Write(file);
  const Status status = NewestCheckpoint(folder_, TinyModel(), log_).status();
  EXPECT_EQ(status.code(), ErrorCode::kInvalidArgument);
  EXPECT_THAT(status.message(), AllOf(HasSubstr("shufflenet_v1_g3_x0_5-1_10.safetensors and 2 more"),
                                      HasSubstr("add --model=shufflenet_v1_g3_x0_5 "), HasSubstr("--ckpt_save_dir")));
  Save(3);
  EXPECT_EQ(Newest(), 3) << "beside its own they do not count";
}

TEST_F(RunFolder, ANewRunDoesNotStartFromWhatItMovesAway) {
  Save(3);
  const auto error = [&](const std::filesystem::path& file) {
    return CheckOutsideRun("ckpt_path", file, folder_).message();
  };
  EXPECT_THAT(error(Path(3)), AllOf(HasSubstr("option ckpt_path: " + Path(3).string() + " belongs to the run"),
                                    HasSubstr("--ckpt_save_dir"), HasSubstr("--resume=auto")));
  EXPECT_NE(error(folder_ / "." / Path(3).filename()), "") << "however it is written";
  std::filesystem::path ckpt = Path(3);
  EXPECT_NE(error(ckpt.replace_extension(".ckpt")), "") << "or read as another";
  std::filesystem::create_symlink(Path(3), folder_ / "link.safetensors");
  EXPECT_NE(error(folder_ / "link.safetensors"), "");
  std::filesystem::create_directory(folder_ / "run-1");
  std::filesystem::copy(Path(3), folder_ / "run-1");
  std::filesystem::copy(Path(3), folder_ / "mine.safetensors");
  for (const std::filesystem::path& stays :
       {folder_ / "run-1" / Path(3).filename(), folder_ / "mine.safetensors", folder_ / "none", {}})
    EXPECT_EQ(error(stays), "") << stays;
}

TEST_F(RunFolder, TheNewestWholeCheckpointIsTakenAndDamagedOnesAreNamed) {
  EXPECT_EQ(Newest(), -1);
  for (const int epoch : {2, 9, 10, 11}) Save(epoch);
  EXPECT_EQ(Newest(), 11);
  EXPECT_EQ(out_.str(), "");
  std::filesystem::resize_file(Path(11), 1000);
  std::fstream(Path(10), std::ios::in | std::ios::out | std::ios::binary).seekp(-5, std::ios::end) << "flip";
  EXPECT_EQ(Newest(), 9);
  EXPECT_THAT(out_.str(),
              AllOf(HasSubstr(Path(11).string()), HasSubstr(Path(10).string()), Not(HasSubstr(Path(9).string()))));
}

TEST_F(RunFolder, TheBestIsTakenWhereItIsTheNewest) {
  CheckpointInfo best = TinyInfo();
  best.epoch = 4;
  const Plan plan = *MakePlan(best.model);
  ASSERT_TRUE(
      SaveCheckpoint(folder_ / BestCheckpointName(best.model), best, plan.registry, Snapshot(plan.registry)).ok());
  EXPECT_EQ(Newest(), 4) << "alone";
  Save(3);
  EXPECT_EQ(Newest(), 4);
  Save(5);
  EXPECT_EQ(Newest(), 5);
}

TEST_F(RunFolder, NothingStartsAnewWhereAllIsDamagedOrWasMovedAway) {
  Save(2);
  ASSERT_TRUE(PrepareRunFolder(folder_, /*resumed=*/false, log_).ok());
  const Status moved = NewestCheckpoint(folder_, TinyModel(), log_).status();
  EXPECT_EQ(moved.code(), ErrorCode::kInvalidArgument);
  EXPECT_THAT(moved.message(), AllOf(HasSubstr((folder_ / "run-1").string() + " holds an earlier run"),
                                     HasSubstr(Path(2).filename().string()), HasSubstr("leave out --resume")));
  Save(3);
  EXPECT_EQ(Newest(), 3) << "beside its own it does not count";
  Write(Path(3).filename(), "half");
  const Status damaged = NewestCheckpoint(folder_, TinyModel(), log_).status();
  EXPECT_EQ(damaged.code(), ErrorCode::kDataLoss);
  EXPECT_THAT(damaged.message(), AllOf(HasSubstr(Path(3).filename().string()), HasSubstr("leave out --resume")));
}

TEST_F(RunFolder, WhatTheSystemDoesNotLetBeReadIsPassedOver) {
  Save(1);
  std::filesystem::create_symlink(Path(2).filename(), Path(2));  // in a circle: no permissions stop root
  EXPECT_EQ(Newest(), 1);
  EXPECT_THAT(out_.str(), HasSubstr("Passing over a checkpoint that cannot be read: " + Path(2).string()));
}

TEST_F(RunFolder, LinksThatLeadNowhereAndFoldersArePassedOver) {
  Save(1);
  std::filesystem::create_symlink("nowhere", Path(2));
  std::filesystem::create_directory(Path(3));
  EXPECT_EQ(Newest(), 1);
  EXPECT_THAT(out_.str(), AllOf(HasSubstr(Path(2).string()), HasSubstr(Path(3).string())));
}

TEST_F(RunFolder, ABestThatDoesNotCountIsKeptUnderAnotherName) {
  const std::string best = BestCheckpointName(TinyModel()), model = TinyModel().name;
  for (const char* text : {"first", "second"}) {
    Write(best, text);
    ASSERT_EQ(SetBestAside(folder_, TinyModel(), log_).message(), "");
  }
  EXPECT_EQ(*ReadTextFile(folder_ / (model + "-best_1.safetensors")), "first");
  EXPECT_EQ(*ReadTextFile(folder_ / (model + "-best_2.safetensors")), "second");
  EXPECT_THAT(out_.str(), HasSubstr("-best_2.safetensors"));
  ASSERT_TRUE(PrepareRunFolder(folder_, /*resumed=*/false, log_).ok());
  EXPECT_THAT(FilesIn(folder_), ElementsAre("run-1")) << "they move with their run";
}

TEST_F(RunFolder, AFileThatIsWholeButForeignIsAnError) {
  Save(1);
  ASSERT_TRUE(WriteSafetensors(Path(2), {}, {{"format", "pt"}}).ok());
  const auto newest = NewestCheckpoint(folder_, TinyModel(), log_);
  ASSERT_FALSE(newest.ok());
  EXPECT_THAT(newest.status().message(), AllOf(HasSubstr(Path(2).string()), HasSubstr("not a checkpoint of riffle")));
}

}  // namespace
}  // namespace riffle
