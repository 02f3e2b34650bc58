// Losses, mixing and teachers from the command line: what runs, what is recorded, what is refused.
#include "riffle_run.h"

namespace riffle {
namespace {

using ::testing::HasSubstr;

class Losses : public EndToEnd {
 protected:
  Losses() { WriteColours(folder_ / "colours", 48, 21); }
  Words TrainWords(const std::string& out, const Words& more) const {
    return TrainOn("colours", out,
                   {"--batch_size=12", "--epoch_size=2", "--lr=0.02", "--bn_momentum=0.7", "--val_while_train"}, more);
  }
  /// The metrics of the last epoch.
  nlohmann::json Train(const std::string& out, const Words& more) const {
    Riffle(TrainWords(out, more));
    return JsonLines(Text(folder_ / out / "metrics.jsonl")).back();
  }
  fs::path Last(const std::string& out) const { return Numbered(out, 2, 4); }
  double ValidationLoss(const std::string& out, const Words& more) const { return Validate(Last(out), more)["loss"]; }
};

TEST_F(Losses, ValidationTakesTheLossOfTrainingWithoutMixing) {
  const Words loss = {"--loss=BCE", "--label_smoothing=0.1", "--class_weights=1,2,3"};
  Words words = loss;
  words.insert(words.end(), {"--mixup=0.2", "--cutmix=1.0", "--cutmix_prob=0.5"});
  const nlohmann::json mixed = Train("mixed", words);
  EXPECT_DOUBLE_EQ(ValidationLoss("mixed", loss), mixed["val_loss"]);
  EXPECT_NE(ValidationLoss("mixed", {}), mixed["val_loss"]);
  const std::string record = Text(folder_ / "mixed" / (std::string(kModelName) + ".yaml"));
  for (const char* line : {"\nloss: BCE\n", "\nmixup: 0.2\n", "\ncutmix: 1\n", "\ncutmix_prob: 0.5\n"})
    EXPECT_THAT(record, HasSubstr(line));
  EXPECT_NE(Train("plain", loss)["train_loss"], mixed["train_loss"]);
}

TEST_F(Losses, BalancedClassWeightsAreRecordedAsNumbers) {
  for (int i = 0; i < 24; i += 3) fs::remove(folder_ / "colours/train/blue" / (std::to_string(i) + ".bmp"));
  Riffle(TrainWords("out", {"--class_weights=balanced", "--drop_remainder=no"}));  // 8 blue, 16 green, 16 red
  EXPECT_THAT(Text(folder_ / "out" / (std::string(kModelName) + ".yaml")),
              HasSubstr("\nclass_weights: 1.66667,0.833333,0.833333\n"));
}

TEST_F(Losses, AStudentHasATeacherOfItsOwnKind) {
  Train("teacher", {});
  const std::string teacher = "--teacher_ckpt=" + Last("teacher").string();
  const nlohmann::json alone = Train("alone", {}), taught = Train("taught", {teacher});
  EXPECT_NE(alone["train_loss"], taught["train_loss"]);
  EXPECT_FALSE(SameTensors(Last("alone"), Last("taught")));
  const nlohmann::json decoupled = Train("decoupled", {teacher, "--distill_type=decoupled", "--mixup=0.2"});
  EXPECT_NE(taught["train_loss"], decoupled["train_loss"]);
  Fails(TrainWords("other", {teacher, "--image_resize=40"}), 2, "pictures in validation is 32 there and 40 here");
  Fails(TrainWords("other", {"--teacher_ckpt=" + (folder_ / "nowhere.safetensors").string()}), 3, "nowhere");
}

}  // namespace
}  // namespace riffle
