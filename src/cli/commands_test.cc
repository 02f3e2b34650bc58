// What the commands that need no data print: the zoo, the summary, the start of a training run.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <numeric>
#include <sstream>

#include "cli/run.h"
#include "cli/startup.h"
#include "model/zoo.h"

namespace riffle {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string Output(const std::vector<std::string>& words) {
  std::ostringstream out, err;
  EXPECT_EQ(RunCommandLine(words, {out, 0}, err), 0) << err.str();
  EXPECT_EQ(err.str(), "");
  return out.str();
}

nlohmann::json Json(std::vector<std::string> words) {
  words.push_back("--json");
  return nlohmann::json::parse(Output(words));
}

TEST(ModelsCommandTest, ListsEveryRowOfTheZoo) {
  const nlohmann::json models = Json({"models"});
  const std::string table = Output({"models"});
  ASSERT_EQ(models.size(), Zoo().size());
  for (size_t i = 0; i < models.size(); ++i) {
    EXPECT_EQ(models[i]["name"], Zoo()[i].name);
    EXPECT_EQ(models[i]["groups"], Zoo()[i].groups);
    EXPECT_EQ(models[i]["width"], Zoo()[i].width);
    EXPECT_THAT(table, HasSubstr(Zoo()[i].name));
    EXPECT_THAT(table, HasSubstr(Zoo()[i].alias));
  }
}

TEST(ModelsCommandTest, ShowsTheCountsAsMindCvAndPapersCount) {
  const nlohmann::json models = Json({"models"});
  const auto model = std::ranges::find_if(models, [](const auto& m) { return m["name"] == "shufflenet_v1_g3_x1_0"; });
  EXPECT_EQ((*model)["params_trainable"], 1864728);
  EXPECT_NEAR((*model)["params_total"].get<double>(), 1.89e6, 0.005e6);
  EXPECT_NEAR((*model)["macs"].get<double>(), 138e6, 1e6);
  EXPECT_THAT(Output({"models"}), HasSubstr("1,864,728"));
}

TEST(SummaryCommandTest, TheStepsAddUpToTheWhole) {
  const nlohmann::json summary = Json({"summary", "--model=shufflenet_v1_g8_x0_5", "--image_resize=97"});
  int64_t parameters = 0, macs = 0;
  for (const auto& step : summary["steps"]) {
    parameters += step["params"].get<int64_t>();
    macs += step["macs"].get<int64_t>();
  }
  EXPECT_EQ(summary["params_trainable"], parameters);
  EXPECT_EQ(summary["macs"], macs);
  EXPECT_GT(summary["params_total"], summary["params_trainable"]);
}

TEST(SummaryCommandTest, TrainingTakesMoreMemoryThanInferenceAndMoreWithTheBatch) {
  const nlohmann::json one = Json({"summary", "--batch_size=1"}), many = Json({"summary", "--batch_size=32"});
  EXPECT_GT(one["training_memory_bytes"], one["inference_memory_bytes"]);
  EXPECT_GT(many["training_memory_bytes"].get<double>(), 10 * one["training_memory_bytes"].get<double>());
  EXPECT_GT(many["inference_memory_bytes"], one["inference_memory_bytes"]);
}

TEST(SummaryCommandTest, OptionsChangeTheNetwork) {
  EXPECT_EQ(Json({"summary", "num_classes=10"})["params_trainable"].get<int>(), 1864728 - 990 * 960);
  EXPECT_EQ(Json({"summary", "in_channels=1"})["params_trainable"].get<int>(), 1864728 - 2 * 24 * 9);
  const nlohmann::json small = Json({"summary", "--stem=small", "--image_resize=32", "--stage2_stride=1"});
  EXPECT_EQ(small["steps"].back()["height"], 1);
  EXPECT_GT(small["macs"], Json({"summary", "--stem=small", "--image_resize=32"})["macs"]);
  EXPECT_THAT(Output({"summary", "--image_resize=32"}), HasSubstr("3 × 32 × 32"));
}

TEST(StartupTest, NamesWhatTheRunIs) {
  Options options{
      .dataset = "cifar10", .batch_size = 64, .model = "shufflenet_v1_g3_x0_5", .epoch_size = 20, .lr = 0.1};
  ResolveAutomatic(options);
  const std::string text =
      EssentialConfigurations(options, {.train_images = 50000, .val_images = 10000, .num_classes = 10});
  EXPECT_THAT(text, StartsWith("Essential Experiment Configurations:\n"));
  for (const char* line : {"\nNumber of training samples: 50000\n", "\nNumber of validation samples: 10000\n",
                           "\nNumber of classes: 10\n", "\nBatch size: 64\n", "\nModel: shufflenet_v1_g3_x0_5\n",
                           "\nNumber of epochs: 20\n", "\nOptimizer: adam\n", "\nLearning rate: 0.1\n"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
}

}  // namespace
}  // namespace riffle
