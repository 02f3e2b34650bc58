// Train, validate, predict, resume: from the command line to files, on pictures that are made here.
#include "riffle_run.h"

namespace riffle {
namespace {

using ::testing::ContainsRegex;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class Workflow : public EndToEnd {
 protected:
  Workflow() { WriteColours(folder_ / "colours", 48, 21); }
  Words TrainWords(const std::string& out, const Words& more = {}) const {
    return TrainOn("colours", out,
                   {"--batch_size=12", "--opt=momentum", "--lr=0.02", "--decay_epochs=4", "--bn_momentum=0.7",
                    "--val_while_train"},
                   more);
  }
  std::string Train(const std::string& out, const Words& more = {}) const { return Riffle(TrainWords(out, more)); }
  fs::path Numbered(const std::string& out, int epoch) const { return EndToEnd::Numbered(out, epoch, 4); }
  fs::path Best(const std::string& out) const {
    return folder_ / out / (std::string(kModelName) + "-best.safetensors");
  }
};

TEST_F(Workflow, ATrainedNetworkIsRecordedValidatedAndNamesPictures) {
  const std::string log = Train("out", {"--epoch_size=4"});
  EXPECT_THAT(log, HasSubstr("Essential Experiment Configurations:"));
  EXPECT_THAT(log, HasSubstr("Epoch 4/4: loss"));
  const std::vector<nlohmann::json> metrics = JsonLines(Text(folder_ / "out/metrics.jsonl"));
  ASSERT_EQ(metrics.size(), 4u);
  double best = 0;
  for (const nlohmann::json& row : metrics) best = std::max(best, row["val_top1_percent"].get<double>());
  EXPECT_GT(best, 60) << "of three colours";
  EXPECT_LT(metrics[3]["train_loss"], metrics[0]["train_loss"]);
  EXPECT_EQ(metrics[3]["epoch"], 4);
  EXPECT_EQ(metrics[3]["step"], 16);
  for (const char* key : {"lr", "images_per_second", "epoch_seconds", "val_top5_percent", "val_loss"})
    EXPECT_GT(metrics[0][key].get<double>(), 0) << key;
  EXPECT_THAT(Text(folder_ / "out" / (std::string(kModelName) + ".yaml")), HasSubstr("\nepoch_size: 4\n"));

  const nlohmann::json whole = Validate(Best("out"));
  EXPECT_EQ(whole["top1_percent"], best) << "the same figure as in the log";
  EXPECT_EQ(whole["images"], 21);
  for (const char* batch_size : {"1", "4", "100"}) {
    const nlohmann::json again = Validate(Best("out"), {std::string("--batch_size=") + batch_size, "--threads=2"});
    for (const char* key : {"top1_percent", "top5_percent", "loss", "images"})
      EXPECT_EQ(again[key], whole[key]) << key << " at batch size " << batch_size;
  }

  int right = 0;
  Words words = {"predict", "--ckpt_path=" + Best("out").string(), "--json"};
  for (const char* name : {"blue/0", "green/1", "red/2", "blue/3", "green/4", "red/5"})
    words.push_back((folder_ / "colours/val" / name).string() + ".bmp");
  const std::vector<nlohmann::json> answers = JsonLines(Riffle(words));
  ASSERT_EQ(answers.size(), 6u);
  for (size_t i = 0; i < 6; ++i) {
    const nlohmann::json& predictions = answers[i]["predictions"];
    EXPECT_EQ(answers[i]["file"], words[i + 3]);
    ASSERT_EQ(predictions.size(), 3u) << "all classes, where there are fewer than five";
    double sum = 0;
    for (const nlohmann::json& p : predictions) {
      sum += p["probability"].get<double>();
      EXPECT_EQ(p["class"], (Words{"blue", "green", "red"}[p["index"].get<size_t>()]));
    }
    EXPECT_NEAR(sum, 1, 1e-5);
    EXPECT_GE(predictions[0]["probability"], predictions[1]["probability"]);
    right += words[i + 3].find("/" + predictions[0]["class"].get<std::string>() + "/") != std::string::npos;
  }
  EXPECT_GE(right, 3);
}

TEST_F(Workflow, AResumedRunLeavesTheFilesOfOneThatWasNotStopped) {
  Train("whole", {"--epoch_size=3"});
  Train("parts", {"--epoch_size=1"});
  EXPECT_THAT(Train("parts", {"--epoch_size=3", "--resume=auto"}), HasSubstr("Resuming after epoch 1"));
  EXPECT_EQ(JsonLines(Text(folder_ / "parts/metrics.jsonl")).size(), 3u);
  // The options stand in the checkpoint, and differ in ckpt_save_dir and resume: the tensors are compared.
  const nlohmann::json whole = Validate(Numbered("whole", 3)), parts = Validate(Numbered("parts", 3));
  EXPECT_EQ(whole["loss"], parts["loss"]);
  EXPECT_TRUE(SameTensors(Numbered("whole", 3), Numbered("parts", 3)));
  EXPECT_FALSE(SameTensors(Numbered("whole", 3), Numbered("whole", 2))) << "the comparison can fail";
  EXPECT_THAT(Train("parts", {"--epoch_size=3", "--resume=auto"}), HasSubstr("raise --epoch_size"));
}

TEST_F(Workflow, ThreadsAndWorkersChangeNoBit) {
  Train("a", {"--epoch_size=1", "--threads=1", "--num_parallel_workers=1"});
  Train("b", {"--epoch_size=1", "--threads=2", "--num_parallel_workers=3"});
  Train("c", {"--epoch_size=1", "--threads=3", "--num_parallel_workers=2"});
  Train("d", {"--epoch_size=1", "--seed=7"});
  EXPECT_TRUE(SameTensors(Numbered("a", 1), Numbered("b", 1)));
  EXPECT_TRUE(SameTensors(Numbered("a", 1), Numbered("c", 1)));
  EXPECT_FALSE(SameTensors(Numbered("a", 1), Numbered("d", 1))) << "another seed is another network";
}

TEST_F(Workflow, HowFewStepsAnEpochHasIsToldBeforeTheFirstOne) {
  const std::string note =
      "1 step an epoch (48 training pictures, batch_size=32): a smaller --batch_size makes more; "
      "--drop_remainder=False takes in the 16 left over\n";
  EXPECT_THAT(Train("out", {"--epoch_size=1", "--batch_size=32"}),
              ContainsRegex("drop_remainder=False(.|\n)*Epoch 1/1"));
  EXPECT_THAT(Riffle(TrainWords("plan", {"--batch_size=32", "--dry_run"})), HasSubstr(note));
  EXPECT_THAT(Riffle(TrainWords("plan", {"--batch_size=4", "--dry_run"})), Not(HasSubstr("an epoch (")));
}

TEST_F(Workflow, AnEarlierRunIsMovedAndADamagedCheckpointPassedOver) {
  Train("out", {"--epoch_size=2"});
  fs::resize_file(Numbered("out", 2), 5000);
  const std::string log = Train("out", {"--epoch_size=2", "--resume=auto"});
  EXPECT_THAT(log, HasSubstr("Passing over a checkpoint that cannot be read: " + Numbered("out", 2).string()));
  EXPECT_THAT(log, HasSubstr("Resuming after epoch 1"));
  EXPECT_THAT(Train("out", {"--epoch_size=1"}), HasSubstr("moved to " + (folder_ / "out/run-1").string()));
  EXPECT_TRUE(fs::exists(folder_ / "out/run-1" / Numbered("out", 2).filename()));
  EXPECT_FALSE(fs::exists(Numbered("out", 2)));
}

TEST_F(Workflow, StartsFromACheckpointThatIsNamedAsMindSporeNamesIt) {
  Train("out", {"--epoch_size=1"});
  fs::path asked = Best("out");
  asked.replace_extension(".ckpt");
  const std::string line = asked.string() + " is not there: using " + Best("out").string();
  EXPECT_THAT(Train("next", {"--epoch_size=1", "--ckpt_path=" + asked.string()}), HasSubstr(line));
  const Words validate = {"validate", "--dataset=folder", "--data_dir=" + (folder_ / "colours").string()};
  Words words = validate;
  words.push_back("--ckpt_path=" + asked.string());
  EXPECT_THAT(Riffle(words), HasSubstr(line));
}

TEST_F(Workflow, TheCommandLineComesAfterTheFile) {
  std::ofstream(folder_ / "recipe.yaml") << "epoch_size: 3\nbatch_size: 16\nlr: 0.5\n";
  Train("out", {"-c", (folder_ / "recipe.yaml").string(), "--epoch_size", "1", "lr=0.02", "batch_size=16"});
  const std::string resolved = Text(folder_ / "out" / (std::string(kModelName) + ".yaml"));
  for (const char* line : {"\nepoch_size: 1\n", "\nlr: 0.02\n", "\nbatch_size: 16\n"})
    EXPECT_THAT(resolved, HasSubstr(line));
  EXPECT_EQ(JsonLines(Text(folder_ / "out/metrics.jsonl")).size(), 1u);
}

TEST_F(Workflow, TrainsOnTheFashionMnistOfDebian) {
  const std::string log = Riffle({"train", "--dataset=fashion_mnist", std::string("--model=") + kModelName,
                                  "--image_resize=32", "--stem=small", "--num_samples=256", "--batch_size=32",
                                  "--epoch_size=1", "--ckpt_save_dir=" + (folder_ / "out").string()});
  EXPECT_THAT(log, HasSubstr("Epoch 1/1: loss")) << "install dataset-fashion-mnist";
}

}  // namespace
}  // namespace riffle
