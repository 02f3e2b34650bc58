// The built binary under a real mpirun: training and validation in several processes, and what is refused there.
#include "riffle_run.h"

namespace riffle {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

int Count(const std::string& text, const std::string& part) {
  int count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

class InProcesses : public EndToEnd {
 protected:
  InProcesses() { WriteColours(folder_ / "colours", 48, 21); }
  /// From now on; 0: without a launcher.
  void Processes(int size) {
    launcher_.clear();
    if (size > 0)
      launcher_ = {"timeout", "120", "mpirun", "--allow-run-as-root", "--oversubscribe", "-n", std::to_string(size)};
  }
  Words TrainWords(const std::string& out, const Words& more) const {
    return TrainOn(
        "colours", out,
        {"--opt=momentum", "--lr=0.02", "--decay_epochs=4", "--bn_momentum=0.7", "--val_while_train", "--epoch_size=2"},
        more);
  }
  /// Fails in several processes, with one line of our own.
  std::string ErrorOf(const Words& words) const {
    const Outcome outcome = Run(words);
    EXPECT_NE(outcome.exit_code, 0) << testing::PrintToString(words);
    EXPECT_EQ(Count(outcome.err, "riffle: error: "), 1) << outcome.err;
    return outcome.err;
  }
};

TEST_F(InProcesses, TwoWithSyncedBatchNormTrainAsOneOnTheWholeBatch) {
  Riffle(TrainWords("one", {"--batch_size=12"}));
  Processes(2);
  const std::string said = Riffle(TrainWords("two", {"--batch_size=6", "--sync_bn"}));
  EXPECT_EQ(Count(said, "Essential Experiment Configurations:"), 1) << "one speaks";
  EXPECT_THAT(said, HasSubstr("\nEffective batch size: 2 processes × 6 = 12\n"));
  Processes(0);
  const nlohmann::json one = Validate(Numbered("one", 2, 4)), two = Validate(Numbered("two", 2, 4));
  EXPECT_NEAR(two["loss"].get<double>(), one["loss"].get<double>(), 1e-3);
  EXPECT_EQ(JsonLines(Text(folder_ / "two/metrics.jsonl")).size(), 2u) << "one writes";
}

TEST_F(InProcesses, ValidationHasTheFiguresOfOneProcess) {
  Riffle(TrainWords("out", {"--batch_size=12", "--epoch_size=1"}));
  const nlohmann::json one = Validate(Numbered("out", 1, 4));
  for (const int size : {2, 3})
    for (const char* batch_size : {"1", "4"}) {
      Processes(size);
      const nlohmann::json together = Validate(Numbered("out", 1, 4), {std::string("--batch_size=") + batch_size});
      for (const char* key : {"top1_percent", "top5_percent", "loss", "images"})
        EXPECT_EQ(together[key], one[key]) << key << " of " << size << " processes, batch size " << batch_size;
    }
}

TEST_F(InProcesses, ARunInPartsHasTheBitsOfOneThatWasNotStopped) {
  Processes(2);
  Riffle(TrainWords("whole", {"--batch_size=6", "--ema"}));
  Riffle(TrainWords("parts", {"--batch_size=6", "--ema", "--epoch_size=1"}));
  EXPECT_EQ(Count(Riffle(TrainWords("parts", {"--batch_size=6", "--ema", "--resume=auto"})), "Resuming after"), 1);
  EXPECT_TRUE(SameTensors(Numbered("whole", 2, 4), Numbered("parts", 2, 4)));
  Processes(0);
  EXPECT_THAT(Riffle(TrainWords("parts", {"--batch_size=12", "--ema", "--epoch_size=3", "--resume=auto"})),
              HasSubstr("Resumed otherwise: 2 processes trained until epoch 2, 1 from now on"));
}

TEST_F(InProcesses, WhatOneOfThemCannotReadEndsAllWithItsName) {
  fs::resize_file(folder_ / "colours/train/red/2.bmp", 10);
  Processes(2);
  const std::string error = ErrorOf(TrainWords("out", {"--batch_size=6", "--max_unreadable_share=0"}));
  EXPECT_THAT(error, HasSubstr("riffle: error: rank "));
  EXPECT_THAT(error, HasSubstr("red/2.bmp"));
}

TEST_F(InProcesses, ACommandForOneProcessRefusesInOneLine) {
  Processes(2);
  EXPECT_THAT(ErrorOf({"predict", "x.jpg"}), HasSubstr("riffle predict is the work of one process, found 2"));
  EXPECT_THAT(ErrorOf({"models"}), HasSubstr("riffle models is the work of one process, found 2"));
  EXPECT_THAT(ErrorOf({"bench", "peak"}), HasSubstr("riffle bench peak is the work of one process, found 2"));
  EXPECT_EQ(Run({"--version"}).exit_code, 0);
  EXPECT_EQ(Run({"help", "train"}).exit_code, 0);
}

TEST_F(InProcesses, WhatIsWrongWithTheCommandLineIsSaidOnce) {
  Processes(2);
  EXPECT_THAT(ErrorOf({"train", "--lr=x"}), HasSubstr("option lr (command line)"));
}

TEST_F(InProcesses, DistributeSaysWhatTheLauncherDoes) {
  const std::string alone = Riffle(TrainWords("out", {"--batch_size=12", "--distribute=True", "--epoch_size=1"}));
  EXPECT_THAT(alone, HasSubstr("'mpirun -n N riffle train ...'"));
  Processes(2);
  EXPECT_THAT(ErrorOf(TrainWords("no", {"--batch_size=6", "--distribute=False"})), HasSubstr("option distribute: "));
  const std::string said =
      Riffle(TrainWords("yes", {"--batch_size=6", "--distribute=True", "--epoch_size=1", "--scale_lr"}));
  EXPECT_THAT(said, Not(HasSubstr("mpirun")));
  EXPECT_THAT(said, HasSubstr("\nLearning rate: 0.02 × 2 = 0.04\n"));
}

}  // namespace
}  // namespace riffle
