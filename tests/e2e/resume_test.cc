// Going on with a run that is not quite the one that stopped, two runs in one folder, and runs that are stopped.
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <numbers>
#include <thread>

#include "riffle_run.h"

namespace riffle {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr int kInvalid = 2, kRefused = 5;

class Resume : public EndToEnd {
 protected:
  Resume() { WriteColours(folder_ / "colours", 48, 21); }
  Words TrainWords(const Words& more) const {
    return TrainOn("colours", "out", {"--batch_size=12", "--opt=momentum", "--lr=0.02", "--log_interval=1"}, more);
  }
  std::string Train(const Words& more) const { return Riffle(TrainWords(more)); }
  fs::path Numbered(int epoch) const { return EndToEnd::Numbered("out", epoch, 4); }
  std::string Record() const { return Text(folder_ / "out" / (std::string(kModelName) + ".yaml")); }
  std::vector<nlohmann::json> Metrics() const { return JsonLines(Text(folder_ / "out/metrics.jsonl")); }

  /// Starts `riffle words...`, which prints into started.out and started.err; its process.
  pid_t Launch(Words words) const {
    const fs::path out = folder_ / "started.out", err = folder_ / "started.err";
    fs::remove(out);
    words.insert(words.begin(), RIFFLE_BINARY);
    const pid_t process = fork();
    if (process == 0) {
      std::vector<char*> arguments;
      for (std::string& word : words) arguments.push_back(word.data());
      arguments.push_back(nullptr);
      if (freopen(out.c_str(), "w", stdout) == nullptr || freopen(err.c_str(), "w", stderr) == nullptr) _exit(99);
      execv(arguments[0], arguments.data());
      _exit(99);
    }
    return process;
  }
  /// The same, once it has printed `text`.
  pid_t Start(const Words& words, const std::string& text) const {
    const fs::path out = folder_ / "started.out";
    const pid_t process = Launch(words);
    for (int i = 0; i < 3000; ++i) {
      if (fs::exists(out) && Text(out).find(text) != std::string::npos) return process;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    ADD_FAILURE() << "it never said " << text;
    return process;
  }
  /// How it ended: an exit code, or minus the signal that ended it.
  static int End(pid_t process, int signal) {
    int status = 0;
    kill(process, signal);
    waitpid(process, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }
};

TEST_F(Resume, AnotherBatchSizeKeepsTheScheduleAndIsSaid) {
  Train({"--epoch_size=6"});
  for (const int epoch : {4, 5, 6}) fs::remove(Numbered(epoch));
  EXPECT_THAT(Train({"--epoch_size=6", "--batch_size=24", "--num_samples=36", "--resume=auto"}),
              AllOf(HasSubstr("batch_size was 12 until epoch 3, is 24 from now on"),
                    HasSubstr("num_samples was null until epoch 3, is 36 from now on"),
                    HasSubstr("The training set had 48 pictures until epoch 3, it has 36 now"),
                    HasSubstr("Rows of 3 later epochs are dropped")));
  const std::vector<nlohmann::json> rows = Metrics();
  ASSERT_EQ(rows.size(), 6u);
  for (int epoch = 1; epoch < 6; ++epoch) EXPECT_GT(rows[epoch - 1]["lr"], rows[epoch]["lr"]);
  EXPECT_NEAR(rows[5]["lr"], 1e-6 + (0.02 - 1e-6) / 2 * (1 + std::cos(std::numbers::pi * 5 / 6)), 1e-12)
      << "one batch an epoch";
  EXPECT_THAT(Record(), testing::StartsWith("# until epoch 3: num_samples: null\n# until epoch 3: batch_size: 12\n"));
  const std::string yaml = (folder_ / "out" / (std::string(kModelName) + ".yaml")).string();
  EXPECT_THAT(Riffle({"train", "-c", yaml, "--resume=", "--dry_run"}), HasSubstr("Batch size: 24"));
}

TEST_F(Resume, ARenamedClassIsAnErrorWithBothLists) {
  Train({"--epoch_size=1"});
  for (const char* split : {"train", "val"})
    fs::rename(folder_ / "colours" / split / "blue", folder_ / "colours" / split / "zinc");
  Fails(TrainWords({"--epoch_size=2", "--resume=auto"}), kInvalid,
        "3 (blue, green, red) there and 3 (green, red, zinc) here");
}

TEST_F(Resume, AnotherModelIsAnErrorAndNothingMoves) {
  Train({"--epoch_size=1"});
  Fails(TrainWords({"--resume=auto", "--model=shufflenet_v1_g1_x0_25"}), kInvalid, Numbered(1).filename().string());
  EXPECT_TRUE(fs::exists(Numbered(1)));
  EXPECT_FALSE(fs::exists(folder_ / "out/run-1"));
}

TEST_F(Resume, ARunThatHasItsEpochsIsLeftAsItIs) {
  Train({"--epoch_size=3"});
  const std::string record = Record(), metrics = Text(folder_ / "out/metrics.jsonl");
  EXPECT_THAT(Train({"--epoch_size=2", "--lr=0.5", "--resume=auto"}),
              HasSubstr("The run has 3 epochs, more than the 2 of --epoch_size"));
  EXPECT_THAT(Train({"--epoch_size=3", "--lr=0.5", "--resume=auto"}),
              HasSubstr("has its 3 epochs; raise --epoch_size"));
  EXPECT_EQ(Record(), record);
  EXPECT_EQ(Text(folder_ / "out/metrics.jsonl"), metrics);
}

TEST_F(Resume, ANewRunStartsFromNoFileOfItsOwnFolder) {
  Train({"--epoch_size=1"});
  for (const char* option : {"ckpt_path", "teacher_ckpt"})
    Fails(TrainWords({"--epoch_size=1", fmt::format("--{}={}", option, Numbered(1).string())}), kInvalid,
          fmt::format("option {}: {} belongs to the run", option, Numbered(1).string()));
  EXPECT_TRUE(fs::exists(Numbered(1)));
}

TEST_F(Resume, ValidateSaysWhereItMeasuresOtherwiseThanTraining) {
  Train({"--epoch_size=1", "--val_while_train", "--tta_flip"});
  std::string said;
  Validate(Numbered(1), {}, &said);
  EXPECT_THAT(said, AllOf(HasSubstr("otherwise: tta_flip is true there and false here\n")));
  Validate(Numbered(1), {"--tta_flip"}, &said);
  EXPECT_THAT(said, Not(HasSubstr("otherwise")));
  Validate(Numbered(1), {"--tta_flip", "--crop_pct=1", "--val_split=train"}, &said);
  EXPECT_THAT(said, AllOf(HasSubstr("val_split is \"val\" there and \"train\" here"), HasSubstr("images is 21 there"),
                          HasSubstr("crop_pct is 0.875 there and 1.0 here")));
}

TEST_F(Resume, ValidateSaysWhereItsLossIsAnother) {
  Train({"--epoch_size=1", "--val_while_train", "--label_smoothing=0.1"});
  std::string said;
  Validate(Numbered(1), {}, &said);
  EXPECT_THAT(said, HasSubstr("Training's loss is another one: label_smoothing is 0.1 there and 0 here\n"));
  Validate(Numbered(1), {"--label_smoothing=0.1"}, &said);
  EXPECT_THAT(said, Not(HasSubstr("another one")));
}

TEST_F(Resume, CheckpointsThatWereToStayDo) {
  Train({"--epoch_size=3", "--ckpt_save_policy=all"});
  EXPECT_THAT(Train({"--epoch_size=4", "--keep_checkpoint_max=1", "--resume=auto"}),
              HasSubstr("keep_checkpoint_max was 10 until epoch 3, is 1 from now on"));
  for (const int epoch : {1, 2, 3, 4}) EXPECT_TRUE(fs::exists(Numbered(epoch))) << epoch;
  EXPECT_THAT(Train({"--epoch_size=5", "--ckpt_save_policy=latest_k", "--resume=auto"}),
              HasSubstr("ckpt_save_policy was all until epoch 4, is latest_k from now on"));
  EXPECT_FALSE(fs::exists(Numbered(4))) << "as was typed";
}

TEST_F(Resume, ABestThatWasNotSurpassedStays) {
  Train({"--epoch_size=3", "--val_while_train"});
  const fs::path best = folder_ / "out" / (std::string(kModelName) + "-best.safetensors");
  fs::copy_file(best, folder_ / "best");
  for (const int epoch : {2, 3}) fs::remove(Numbered(epoch));
  Train({"--epoch_size=4", "--val_while_train", "--lr=0", "--resume=auto", "--min_lr=0"});
  const auto top1 = [](const fs::path& file) {
    return std::stod(SafetensorsFile::Open(file)->metadata().find("top1_percent")->second);
  };
  EXPECT_GE(top1(best), top1(folder_ / "best"));
}

TEST_F(Resume, AForgottenResumeLosesNothing) {
  Train({"--epoch_size=2"});
  const pid_t forgotten = Start(TrainWords({"--epoch_size=100000", "--ckpt_save_interval=50000"}), "Epoch: [1/");
  EXPECT_EQ(End(forgotten, SIGKILL), -SIGKILL);
  Fails(TrainWords({"--epoch_size=3", "--resume=auto"}), kInvalid, (folder_ / "out/run-1").string());
  EXPECT_THAT(Train({"--epoch_size=3", "--resume=auto", "--ckpt_save_dir=" + (folder_ / "out/run-1").string()}),
              HasSubstr("Resuming after epoch 2"));
}

TEST_F(Resume, ARunWhoseFolderIsTakenAwayEndsWithAWord) {
  const pid_t run = Start(TrainWords({"--epoch_size=100000"}), "Epoch 1/");
  fs::rename(folder_ / "out", folder_ / "gone");
  EXPECT_EQ(End(run, 0), kRefused);
  EXPECT_THAT(Text(folder_ / "started.err"), HasSubstr("was removed, or taken over by another run"));
}

TEST_F(Resume, ABestOfAnotherSplitStartsAnewAndIsSaid) {
  Train({"--epoch_size=1", "--val_while_train"});
  EXPECT_THAT(Train({"--epoch_size=2", "--val_while_train", "--val_split=train", "--resume=auto"}),
              AllOf(HasSubstr("does not count from now on: it was measured otherwise"), HasSubstr(", the best so far"),
                    HasSubstr("It is kept as")));
  EXPECT_TRUE(fs::exists(folder_ / "out" / (std::string(kModelName) + "-best_1.safetensors")));
}

TEST_F(Resume, AnUnreadablePictureOfTheValidationCostsNoEpoch) {
  const fs::path picture = folder_ / "colours/val/red/2.bmp", aside = folder_ / "aside.bmp";
  const Words words = {"--epoch_size=30", "--val_while_train", "--val_interval=30", "--ckpt_save_interval=30"};
  const pid_t run = Start(TrainWords(words), "Epoch 1/");
  fs::rename(picture, aside);
  std::ofstream(picture) << "broken";
  int status = 0;
  waitpid(run, &status, 0);
  ASSERT_EQ(WEXITSTATUS(status), 4);
  EXPECT_THAT(Text(folder_ / "started.err"),
              AllOf(HasSubstr("epochs 1 to 30 are in"), HasSubstr("--resume=auto goes on with the validation")));
  EXPECT_EQ(Metrics().size(), 29u);
  fs::rename(aside, picture);
  Words again = words;
  again.push_back("--resume=auto");
  EXPECT_THAT(Train(again),
              AllOf(HasSubstr("after epoch 30, whose validation is still to come"), HasSubstr("Epoch 30/30")));
  ASSERT_EQ(Metrics().size(), 30u);
  EXPECT_TRUE(Metrics()[29].contains("val_top1_percent"));
}

TEST_F(Resume, ASecondRunInAFolderFailsAtOnceAndNamesTheFirst) {
  const pid_t first = Start(TrainWords({"--epoch_size=100000"}), "Epoch 1/");
  Fails(TrainWords({"--epoch_size=1"}), kRefused, fmt::format("process {} trains there", first));
  Fails(TrainWords({"--epoch_size=1", "--resume=auto"}), kRefused, fmt::format("process {}", first));
  Train({"--epoch_size=1", "--dry_run"});
  EXPECT_FALSE(fs::exists(folder_ / "out/run-1"));
  EXPECT_EQ(End(first, SIGKILL), -SIGKILL);
  EXPECT_THAT(Train({"--epoch_size=1"}), HasSubstr("moved to")) << "a crash lets go of the lock";
}

TEST_F(Resume, ASignalEndsARunWithAWordOnWhatIsLostAndHowToGoOn) {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGXCPU}) {
    const pid_t run = Start(TrainWords({"--epoch_size=100000"}), "Epoch 2/");
    EXPECT_EQ(End(run, signal), 128 + signal);
    const std::string said = Text(folder_ / "started.err");
    EXPECT_THAT(said, AllOf(testing::StartsWith("riffle: stopped by SIG"), HasSubstr("; epochs 1 to "),
                            HasSubstr(", nothing is lost; --resume=auto goes on from there")));
    EXPECT_EQ(std::ranges::count(said, '\n'), 1);
    const std::string file =
        said.substr(said.find(" are in ") + 8, said.find(".safetensors,") + 12 - said.find(" are in ") - 8);
    EXPECT_TRUE(fs::exists(file)) << file;
  }
}

TEST_F(Resume, ASignalWithinAnEpochLeavesACheckpointThatEveryCommandTakes) {
  const pid_t run = Start(TrainWords({"--epoch_size=100000", "--batch_size=1", "--seed=3"}), "Epoch: [2/");
  EXPECT_EQ(End(run, SIGTERM), 128 + SIGTERM);
  const std::string said = Text(folder_ / "started.err");
  EXPECT_THAT(said, AllOf(HasSubstr(" of 48 batches of epoch "), HasSubstr(", nothing is lost;")));
  const size_t begin = said.find(" are in ") + 8;
  const std::string file = said.substr(begin, said.find(", nothing") - begin);
  EXPECT_EQ(Validate(file)["images"], 21);
  Riffle({"predict", (folder_ / "colours/val/red/2.bmp").string(), "--ckpt_path=" + file});
  const std::string exported = (folder_ / "weights.safetensors").string();
  Riffle({"export", "--format=safetensors", "--ckpt_path=" + file, "-o", exported});
  EXPECT_FALSE(SafetensorsFile::Open(exported)->metadata().contains("partial_epoch"));

  const Words again = {"--epoch_size=100000", "--resume=auto"};
  Words other = again, same = again;
  other.insert(other.end(), {"--batch_size=2", "--seed=3"});
  Fails(TrainWords(other), kInvalid, "option batch_size: expected 1 as before, found 2");
  same.insert(same.end(), {"--batch_size=1", "--seed=3", "--max_minutes=0.002"});
  EXPECT_THAT(Train(same),
              AllOf(HasSubstr("Resuming after epoch "), HasSubstr(", batch "), HasSubstr("The time is up")));
}

TEST_F(Resume, ARunThatIsKilledAgainAndAgainEndsWithTheTensorsAndRowsOfOneThatWasNot) {
  Riffle({"data", "pack", (folder_ / "colours").string(), "--out", (folder_ / "shards/colours").string(),
          "--shard_size=10"});
  const std::vector<Words> runs = {{"--ckpt_save_steps=1", "--ema", "--gradient_accumulation_steps=2", "--clip_grad",
                                    "--mixup=0.5", "--batch_size=5", "--resolution_schedule=0:16,2:32"},
                                   {"--ckpt_save_steps=2", "--drop_remainder=False", "--batch_size=5", "--opt=adamw",
                                    "--data_dir=" + (folder_ / "shards").string(), "--shuffle_buffer=12"}};
  RandomStream random(7, RandomPurpose::kTest, 0, 0);
  int kills = 0;
  for (Words run : runs) {
    run.insert(run.end(), {"--epoch_size=3", "--val_while_train", "--resume=auto"});
    fs::remove_all(folder_ / "out");
    const auto start = std::chrono::steady_clock::now();
    Train(run);
    const std::chrono::duration<double> undisturbed = std::chrono::steady_clock::now() - start;
    const std::vector<nlohmann::json> rows = Metrics();
    const auto last = [&] { return EndToEnd::Numbered("out", 3, run[0] == "--ckpt_save_steps=1" ? 9 : 10); };
    const fs::path best = folder_ / "out" / (std::string(kModelName) + "-best.safetensors");
    fs::rename(last(), folder_ / "last");
    fs::rename(best, folder_ / "best");
    fs::remove_all(folder_ / "out");
    for (int part = 0; part < 100; ++part) {
      Words words = run;
      words.push_back(fmt::format("--threads={}", 1 + part % 3));
      words.push_back(fmt::format("--num_parallel_workers={}", 1 + part % 2));
      const pid_t process = Launch(TrainWords(words));
      std::this_thread::sleep_for(undisturbed * (0.1 + 0.6 * random.Uniform()));
      const int end = End(process, SIGKILL);
      ASSERT_TRUE(end == 0 || end == -SIGKILL) << Text(folder_ / "started.err");
      if (end == 0) break;
      ++kills;
    }
    EXPECT_TRUE(SameTensors(last(), folder_ / "last"));
    EXPECT_TRUE(SameTensors(best, folder_ / "best"));
    ASSERT_EQ(Metrics().size(), rows.size());
    for (size_t i = 0; i < rows.size(); ++i)
      for (const char* key : {"epoch", "step", "lr", "train_loss", "val_top1_percent", "val_loss"})
        EXPECT_EQ(Metrics()[i][key], rows[i][key]) << key;
  }
  EXPECT_GE(kills, 4);
}

TEST_F(Resume, ACheckpointThatIsNamedGoesOnInAnotherFolder) {
  const Words words = {"--epoch_size=3", "--val_while_train", "--ckpt_save_steps=2"};
  Train(words);
  const fs::path whole = folder_ / "whole", from = whole / (std::string(kModelName) + "-1_6.safetensors");
  fs::rename(folder_ / "out", whole);
  Words next = words;
  next.insert(next.end(), {"--ckpt_path=" + from.string(), "--resume_opt"});
  EXPECT_THAT(Train(next),
              AllOf(HasSubstr("Resuming after epoch 2, batch 2: " + from.string()), Not(HasSubstr("moved")),
                    HasSubstr("The metrics in"), HasSubstr("does not count from now on: there is no"),
                    Not(HasSubstr("ckpt_path counts"))));
  EXPECT_TRUE(SameTensors(Numbered(3), EndToEnd::Numbered("whole", 3, 4)));
  ASSERT_EQ(Metrics().size(), 2u);
  EXPECT_EQ(Metrics()[0]["epoch"], 2);

  next.push_back("--resume=auto");
  next.push_back("--epoch_size=4");
  EXPECT_THAT(Train(next),
              AllOf(HasSubstr("Resuming after epoch 3: " + Numbered(3).string()), Not(HasSubstr("ckpt_path counts"))))
      << "what is in the folder comes first";
  fs::remove_all(folder_ / "out");
  EXPECT_THAT(Train(next), AllOf(HasSubstr("Nothing to resume in"), HasSubstr("Resuming after epoch 2, batch 2")));
}

TEST_F(Resume, ACheckpointOfTheFolderThatIsNamedIsGoneBackTo) {
  const Words words = {"--epoch_size=4", "--val_while_train", "--ckpt_save_steps=3"};
  Train(words);
  fs::copy_file(Numbered(4), folder_ / "last");
  Words back = words;
  const fs::path within = folder_ / "out" / (std::string(kModelName) + "-1_6.safetensors");
  back.insert(back.end(), {"--ckpt_path=" + within.string(), "--resume_opt"});
  EXPECT_THAT(Train(back), AllOf(HasSubstr("Resuming after epoch 2, batch 2"),
                                 HasSubstr("Checkpoints of the run that come after epoch 2, batch 2 are moved to"),
                                 HasSubstr("Rows of 3 later epochs are dropped")));
  EXPECT_TRUE(fs::exists(folder_ / "out/run-1" / Numbered(4).filename()));
  EXPECT_TRUE(fs::exists(Numbered(1)));
  EXPECT_TRUE(SameTensors(Numbered(4), folder_ / "last"));
  EXPECT_EQ(Metrics().size(), 4u);
}

TEST_F(Resume, WhatNoRunCouldGoOnFromIsRefused) {
  Train({"--epoch_size=1"});
  const std::string weights = (folder_ / "weights.safetensors").string();
  Riffle({"export", "--format=safetensors", "--ckpt_path=" + Numbered(1).string(), "-o", weights});
  const std::string out = "--ckpt_save_dir=" + (folder_ / "next").string();
  Fails(TrainWords({"--ckpt_path=" + weights, "--resume_opt", "--epoch_size=2", out}), kInvalid,
        "holds no state of an optimizer");
  fs::rename(folder_ / "colours/train/red", folder_ / "colours/train/zinc");
  fs::rename(folder_ / "colours/val/red", folder_ / "colours/val/zinc");
  Fails(TrainWords({"--ckpt_path=" + Numbered(1).string(), "--resume_opt", "--epoch_size=2", out}), kInvalid,
        "its classes are others");
  EXPECT_FALSE(fs::exists(folder_ / "next")) << "before anything is made";
}

TEST_F(Resume, PatienceAndTimeEndARunWithALineAndAreSaidWhereItHasHadThem) {
  const Words still = {"--epoch_size=50", "--val_while_train", "--lr=0", "--min_lr=0", "--bn_momentum=1"};
  Words patient = still;
  patient.push_back("--patience=2");
  EXPECT_THAT(Train(patient), HasSubstr("Ended early: 2 validations in a row were no better than"));
  EXPECT_EQ(Metrics().size(), 3u);
  patient.push_back("--resume=auto");
  EXPECT_THAT(Train(patient),
              HasSubstr("The run ended after epoch 3, for want of a better validation; raise --patience"));
  patient.push_back("--patience=4");
  EXPECT_THAT(Train(patient), AllOf(HasSubstr("patience was 2 until epoch 3, is 4"), HasSubstr("Ended early: 4")));
  EXPECT_EQ(Metrics().size(), 5u);

  fs::remove_all(folder_ / "out");
  EXPECT_THAT(Train({"--epoch_size=100000", "--max_minutes=0.01"}),
              HasSubstr("The time is up, 0.01 minutes; --resume=auto with more --max_minutes goes on from"));
  const size_t rows = Metrics().size();
  EXPECT_THAT(Train({"--epoch_size=100000", "--max_minutes=0.01", "--resume=auto"}),
              HasSubstr("The run has had its 0.01 minutes; raise --max_minutes to go on"));
  Train({"--epoch_size=100000", "--max_minutes=0.02", "--resume=auto"});
  EXPECT_GT(Metrics().size(), rows);
}

}  // namespace
}  // namespace riffle
