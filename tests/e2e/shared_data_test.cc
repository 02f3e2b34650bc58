// The same on real pictures, where RIFFLE_TEST_DATA names them: CIFAR-10's records, photographs in folders.
#include "riffle_run.h"

namespace riffle {
namespace {

class RealPictures : public EndToEnd {
 protected:
  // Skips where the variable is not set; a folder that is not there is a failure of the commands that read it.
  void SetUp() override {
    const char* root = std::getenv("RIFFLE_TEST_DATA");
    if (!root) GTEST_SKIP() << "set RIFFLE_TEST_DATA to the folder of shared pictures";
    root_ = root;
  }
  Words Train(const std::string& dataset, const fs::path& data, Words more) const {
    Words words = {"train",
                   "--dataset=" + dataset,
                   "--data_dir=" + data.string(),
                   std::string("--model=") + kModelName,
                   "--epoch_size=1",
                   "--opt=momentum",
                   "--warmup_epochs=0",
                   "--ckpt_save_dir=" + (folder_ / "out").string()};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  fs::path root_;
};

TEST_F(RealPictures, Cifar10LearnsInAMomentAndResumes) {
  const Words small = {"--image_resize=32", "--stem=small", "--num_samples=2048", "--batch_size=32", "--lr=0.05"};
  Riffle(Train("cifar10", root_ / "cifar10", small));
  Words longer = small;
  longer.insert(longer.end(), {"--epoch_size=2", "--resume=auto", "--val_while_train"});
  EXPECT_THAT(Riffle(Train("cifar10", root_ / "cifar10", longer)), testing::HasSubstr("Resuming after epoch 1"));
  const std::vector<nlohmann::json> metrics = JsonLines(Text(folder_ / "out/metrics.jsonl"));
  ASSERT_EQ(metrics.size(), 2u);
  EXPECT_LT(metrics[1]["train_loss"], metrics[0]["train_loss"]);
  EXPECT_GT(metrics[1]["val_top1_percent"], 12) << "chance is 10";

  const fs::path json = folder_ / "v.json";
  Riffle({"validate", "--dataset=cifar10", "--data_dir=" + (root_ / "cifar10").string(), "--batch_size=77", "--json",
          json.string(),
          "--ckpt_path=" + (folder_ / "out" / (std::string(kModelName) + "-best.safetensors")).string()});
  const nlohmann::json validation = nlohmann::json::parse(Text(json));
  EXPECT_EQ(validation["images"], 10000);
  EXPECT_EQ(validation["top1_percent"], metrics[1]["val_top1_percent"]);
  EXPECT_EQ(validation["loss"], metrics[1]["val_loss"]);
}

TEST_F(RealPictures, TheFineTuningCommandOfThePageReadsAsWritten) {
  Words words = {
      "train",           std::string("--model=") + kModelName, "--opt=momentum", "--lr=0.001", "dataset=cifar10",
      "--num_classes=10"};  // and --pretrained, which is an error until there are weights (errors_test.cc)
  words.insert(words.end(), {"--data_dir=" + (root_ / "cifar10").string(), "--num_samples=64", "--batch_size=32",
                             "--image_resize=64", "--epoch_size=1", "--ckpt_save_dir=" + (folder_ / "out").string()});
  EXPECT_THAT(Riffle(words), testing::HasSubstr("Epoch 1/1: loss"));
}

TEST_F(RealPictures, FoldersOfPhotographsTrainAndPredict) {
  Riffle(Train("imagenet", root_ / "hymenoptera",
               {"--image_resize=64", "--batch_size=16", "--lr=0.01", "--val_while_train"}));
  Words words = {"predict", "--json",
                 "--ckpt_path=" + (folder_ / "out" / (std::string(kModelName) + "-best.safetensors")).string()};
  for (const auto& entry : fs::directory_iterator(root_ / "hymenoptera/val/bees")) {
    if (words.size() < 8) words.push_back(entry.path().string());
  }
  const std::vector<nlohmann::json> answers = JsonLines(Riffle(words));
  ASSERT_EQ(answers.size(), 5u);
  for (const nlohmann::json& answer : answers) {
    ASSERT_EQ(answer["predictions"].size(), 2u);
    EXPECT_NEAR(
        answer["predictions"][0]["probability"].get<double>() + answer["predictions"][1]["probability"].get<double>(),
        1, 1e-5);
  }
}

}  // namespace
}  // namespace riffle
