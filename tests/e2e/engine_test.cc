// What the training engine can be told beyond a plain run: averages, resolutions, recalibration, which checkpoints
// stay.
#include "riffle_run.h"

namespace riffle {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class Engine : public EndToEnd {
 protected:
  Engine() { WriteColours(folder_ / "colours", 24, 12); }
  Words TrainWords(const std::string& out, const Words& more) const {
    return TrainOn("colours", out, {"--batch_size=8", "--lr=0.02", "--decay_epochs=4", "--bn_momentum=0.7"}, more);
  }
  std::string Train(const std::string& out, const Words& more) const { return Riffle(TrainWords(out, more)); }
  fs::path Numbered(const std::string& out, int epoch) const { return EndToEnd::Numbered(out, epoch, 3); }
  std::vector<nlohmann::json> Metrics(const std::string& out) const {
    return JsonLines(Text(folder_ / out / "metrics.jsonl"));
  }
};

TEST_F(Engine, AveragedWeightsAreValidatedUsedAndResumed) {
  const Words rest = {"--ema", "--ema_decay=0.9", "--val_while_train", "--gradient_accumulation_steps=2",
                      "--clip_grad"};
  const auto with = [&](Words words) {
    words.insert(words.end(), rest.begin(), rest.end());
    return words;
  };
  Train("whole", with({"--epoch_size=2"}));
  Train("parts", with({"--epoch_size=1"}));
  Train("parts", with({"--epoch_size=2", "--resume=auto"}));
  EXPECT_TRUE(SameTensors(Numbered("whole", 2), Numbered("parts", 2)));
  Fails(TrainWords("parts", {"--epoch_size=3", "--resume=auto"}), 2, "add --ema");

  std::string said;
  const nlohmann::json average = Validate(Numbered("whole", 2), {}, &said);
  EXPECT_THAT(said, HasSubstr("(averaged weights)"));
  EXPECT_NEAR(average["loss"].get<double>(), Metrics("whole")[1]["val_loss"].get<double>(), 1e-5);
  const nlohmann::json online = Validate(Numbered("whole", 2), {"--online"}, &said);
  EXPECT_THAT(said, Not(HasSubstr("(averaged weights)")));
  EXPECT_NE(online["loss"], average["loss"]);
  const std::string picture = (folder_ / "colours/val/blue/0.bmp").string(),
                    checkpoint = "--ckpt_path=" + Numbered("whole", 2).string();
  EXPECT_THAT(Riffle({"predict", picture, checkpoint}), HasSubstr("averaged weights"));
  EXPECT_NE(Riffle({"predict", picture, checkpoint, "--json"}),
            Riffle({"predict", picture, checkpoint, "--json", "--online"}));
}

TEST_F(Engine, TrainsSmallFinishesLargeAndIsUsedLarger) {
  const Words rest = {"--resolution_schedule=0:16,1:32", "--val_resize=40", "--tta_flip", "--val_while_train"};
  const auto with = [&](Words words) {
    words.insert(words.end(), rest.begin(), rest.end());
    return words;
  };
  EXPECT_THAT(Train("whole", with({"--epoch_size=2"})), AllOf(HasSubstr("pictures of 16 × 16 pixels from epoch 1 on"),
                                                              HasSubstr("pictures of 32 × 32 pixels from epoch 2 on")));
  Train("parts", with({"--epoch_size=1"}));
  Train("parts", with({"--epoch_size=2", "--resume=auto"}));
  EXPECT_TRUE(SameTensors(Numbered("whole", 2), Numbered("parts", 2)));
  Train("large", {"--epoch_size=2", "--val_resize=40", "--val_while_train"});
  EXPECT_FALSE(SameTensors(Numbered("whole", 2), Numbered("large", 2)));

  std::string said;
  const nlohmann::json flipped = Validate(Numbered("whole", 2), {"--tta_flip"}, &said);
  EXPECT_THAT(said, HasSubstr("40 × 40 pixels"));
  EXPECT_NEAR(flipped["loss"].get<double>(), Metrics("whole")[1]["val_loss"].get<double>(), 1e-5);
  EXPECT_NE(Validate(Numbered("whole", 2), {})["loss"], flipped["loss"]);
  Validate(Numbered("whole", 2), {"--val_resize=48"}, &said);
  EXPECT_THAT(said, HasSubstr("48 × 48 pixels"));
  const std::string picture = (folder_ / "colours/val/blue/0.bmp").string(),
                    checkpoint = "--ckpt_path=" + Numbered("whole", 2).string();
  EXPECT_NE(Riffle({"predict", picture, checkpoint, "--json"}),
            Riffle({"predict", picture, checkpoint, "--json", "--tta_flip"}));
  Fails(TrainWords("x", {"--resolution_schedule=0:16,1:24"}), 2, "image_resize");
  Fails(TrainWords("x", {"--resolution_schedule=1:32"}), 2, "resolution_schedule");
}

TEST_F(Engine, ABrokenPictureIsReplacedInAllItsVersionsAndNamedOnceWhateverTheResolution) {
  std::ofstream(folder_ / "colours/train/red/2.bmp") << "no picture";
  const std::string said = Train(
      "out", {"--epoch_size=2", "--resolution_schedule=0:16,1:32", "--aug_splits=3", "--auto_augment=augmix-m5-w2-d1"});
  const size_t first = said.find("red/2.bmp");
  EXPECT_NE(first, std::string::npos) << said;
  EXPECT_EQ(said.find("red/2.bmp", first + 1), std::string::npos) << said;
  EXPECT_TRUE(fs::exists(Numbered("out", 2)));
}

TEST_F(Engine, BatchNormIsRecalibratedAfterTrainingAndByACommandOfItsOwn) {
  Train("plain", {"--epoch_size=1"});
  EXPECT_THAT(Train("again", {"--epoch_size=1", "--bn_recalibration=2"}), HasSubstr("averaged anew over 2 batches"));
  EXPECT_FALSE(SameTensors(Numbered("plain", 1), Numbered("again", 1)));
  // The same pictures with the same augmentation: the command and the option agree.
  const std::string out = (folder_ / "out.safetensors").string();
  EXPECT_THAT(Riffle({"recalibrate", "--ckpt_path=" + Numbered("plain", 1).string(), "--out", out, "--batches=2"}),
              HasSubstr("averaged over 2 batches of 8, 32 × 32 pixels"));
  EXPECT_EQ(Validate(out, {})["loss"], Validate(Numbered("again", 1), {})["loss"]);
  EXPECT_NE(Validate(out, {})["loss"], Validate(Numbered("plain", 1), {})["loss"]);
  Riffle({"recalibrate", "--ckpt_path=" + Numbered("plain", 1).string(), "--out", out, "--image_resize=48"});
  std::string said;
  Validate(out, {}, &said);
  EXPECT_THAT(said, HasSubstr("48 × 48 pixels"));
  Fails({"recalibrate", "--ckpt_path=" + out}, 2, "--out=FILE");
  Fails({"recalibrate", "--ckpt_path=" + out, "--out=x", "--batches=0"}, 2, "batches");
  Fails(TrainWords("x", {"--bn_recalibration=2", "--freeze=body"}), 2, "bn_recalibration and freeze");
}

TEST_F(Engine, TheBestCheckpointsStayWhereTheyAreAskedFor) {
  Train("out", {"--epoch_size=3", "--val_while_train", "--ckpt_save_policy=top_k", "--keep_checkpoint_max=1"});
  const std::vector<nlohmann::json> metrics = Metrics("out");
  int best = 0;
  for (int i = 1; i < 3; ++i)
    if (metrics[i]["val_top1_percent"] > metrics[best]["val_top1_percent"]) best = i;
  for (int epoch = 1; epoch <= 3; ++epoch)
    EXPECT_EQ(fs::exists(Numbered("out", epoch)), epoch == best + 1 || epoch == 3) << epoch;
  Fails(TrainWords("x", {"--ckpt_save_policy=top_k"}), 2, "--val_while_train");
}

}  // namespace
}  // namespace riffle
