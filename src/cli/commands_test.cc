// Which options each command takes, and what those that need no data print: the zoo, the summary, the start of a
// training run.
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

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;
using ::testing::UnorderedElementsAre;

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

/// The options of the table that a command takes, in the order of the table.
std::vector<std::string_view> OptionsOf(std::string_view name) {
  const auto command = std::ranges::find(Commands(), name, &Command::name);
  std::vector<std::string_view> taken;
  for (const OptionRow& row : OptionTable())
    if (command->Uses(row.name)) taken.push_back(row.name);
  return taken;
}

TEST(CommandOptions, AreThoseThatChangeWhatTheCommandDoes) {
  EXPECT_THAT(
      OptionsOf("validate"),
      UnorderedElementsAre("config", "device_target", "device_id", "val_amp_level", "tf32", "threads", "distribute",
                           "dataset", "data_dir", "val_split", "dataset_download", "dataset_url", "dataset_checksums",
                           "num_parallel_workers", "batch_size", "allow_incomplete", "image_resize", "val_resize",
                           "interpolation", "mean", "std", "crop_pct", "exif_orientation", "model", "num_classes",
                           "in_channels", "pretrained", "pretrained_url", "ckpt_path", "ckpt_key", "loss",
                           "label_smoothing", "class_weights", "tta_flip", "log_interval"));
  EXPECT_THAT(OptionsOf("augment"),
              UnorderedElementsAre("config", "seed", "dataset", "data_dir", "train_split", "dataset_download",
                                   "dataset_url", "dataset_checksums", "shuffle", "num_samples", "image_resize",
                                   "val_resize", "scale", "ratio", "hflip", "vflip", "color_jitter", "auto_augment",
                                   "re_prob", "re_scale", "re_ratio", "re_value", "re_max_attempts", "interpolation",
                                   "exact_decode", "exif_orientation", "mean", "std", "crop_pct", "in_channels"));
  EXPECT_THAT(OptionsOf("recalibrate"),
              UnorderedElementsAre("device_target", "device_id", "tf32", "threads", "seed", "dataset", "data_dir",
                                   "train_split", "dataset_download", "dataset_url", "dataset_checksums",
                                   "num_parallel_workers", "shuffle", "num_samples", "batch_size", "image_resize",
                                   "scale", "ratio", "hflip", "vflip", "ckpt_path", "ckpt_key"));
  EXPECT_THAT(OptionsOf("bench"),
              UnorderedElementsAre("config", "device_target", "device_id", "amp_level", "tf32", "seed", "dataset",
                                   "data_dir", "train_split", "num_parallel_workers", "batch_size", "image_resize",
                                   "scale", "ratio", "hflip", "vflip", "color_jitter", "auto_augment", "re_prob",
                                   "interpolation", "exact_decode", "model", "num_classes", "in_channels", "stem",
                                   "stage2_stride", "conventions", "bn_eps", "bn_momentum"));
  EXPECT_THAT(OptionsOf("summary"),
              UnorderedElementsAre("config", "threads", "batch_size", "image_resize", "model", "num_classes",
                                   "in_channels", "stem", "stage2_stride", "conventions"));
  EXPECT_THAT(OptionsOf("data"), UnorderedElementsAre("dataset", "data_dir", "threads", "seed", "interpolation"));
  EXPECT_THAT(OptionsOf("export"),
              UnorderedElementsAre("ckpt_path", "ckpt_key", "pretrained", "pretrained_url", "model"));
  EXPECT_THAT(OptionsOf("predict"),
              UnorderedElementsAre("device_target", "device_id", "tf32", "threads", "ckpt_path", "ckpt_key",
                                   "pretrained", "pretrained_url", "model", "tta_flip"));
  EXPECT_THAT(OptionsOf("explain"), UnorderedElementsAre("device_target", "device_id", "tf32", "threads", "ckpt_path",
                                                         "ckpt_key", "pretrained", "pretrained_url", "model"));
  EXPECT_THAT(OptionsOf("models"), IsEmpty());
  EXPECT_EQ(OptionsOf("train").size(), OptionTable().size());
}

TEST(CommandOptions, WhatACommandNamesBesideItsGroupsIsInNoneOfThem) {
  for (const Command& command : Commands()) {
    const OptionSet groups = {.groups = command.options.groups};
    if (command.name == "bench") continue;  // its kinds have groups of their own
    for (const std::string_view name : command.options.names) {
      EXPECT_NE(FindOption(name), nullptr) << name;
      EXPECT_FALSE(groups.Contains(name)) << command.name << " names " << name << " and takes its group";
    }
  }
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

TEST(StartupTest, SaysWhatSeveralProcessesMakeOfTheBatchAndTheRate) {
  Options options{.batch_size = 64, .lr = 0.05};
  ResolveAutomatic(options);
  EXPECT_THAT(EssentialConfigurations(options, {.processes = 1}), Not(HasSubstr("processes")));
  EXPECT_THAT(EssentialConfigurations(options, {.processes = 8}),
              AllOf(HasSubstr("\nBatch size: 64\nEffective batch size: 8 processes × 64 = 512\n"),
                    HasSubstr("\nLearning rate: 0.05\n")));
  options.scale_lr = true;
  options.gradient_accumulation_steps = 2;
  EXPECT_THAT(EssentialConfigurations(options, {.processes = 8}),
              AllOf(HasSubstr("8 processes × 64 × 2 batches an update = 1024\n"),
                    HasSubstr("\nLearning rate: 0.05 × 8 = 0.4\n")));
}

}  // namespace
}  // namespace riffle
