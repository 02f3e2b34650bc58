// The recipes in configs/: each parses, makes sense and names a network; those behind published figures say what their
// authors' say.
#include <gtest/gtest.h>

#include <filesystem>

#include "built_tree.h"
#include "data/registry.h"
#include "settings/accepted_options.h"
#include "settings/option_rules.h"
#include "settings/train_options.h"

namespace riffle {
namespace {

namespace fs = std::filesystem;

const fs::path kConfigs = fs::path(RIFFLE_SOURCE_DIR) / "configs";

Settings Recipe(const std::string& name) {
  Settings settings;
  const Status status = ReadOptionsFile(kConfigs / name, settings);
  EXPECT_TRUE(status.ok()) << status.message();
  ResolveAutomatic(settings.options);
  return settings;
}

TEST(Recipes, AllParseAndMakeSense) {
  int recipes = 0;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(kConfigs)) {
    if (entry.path().extension() != ".yaml") continue;
    ++recipes;
    const Options options = Recipe(fs::relative(entry.path(), kConfigs)).options;
    EXPECT_EQ(CheckTogether(options).message(), "") << entry.path();
    EXPECT_TRUE(ModelFromOptions(options, 10).ok()) << entry.path();
    EXPECT_TRUE(FindDataset(options.dataset).ok()) << entry.path();
    EXPECT_LT(LearningRate(ScheduleOptionsFrom(options), int64_t{100} * options.epoch_size - 1, 100), options.lr / 10)
        << entry.path() << " ends high";
  }
  EXPECT_GE(recipes, 9);
}

TEST(Recipes, ThoseOfMindCVHaveItsFiguresOf2022) {
  struct Row {
    const char* model;
    double lr;
  };
  for (const auto& [model, lr] : {Row{"shufflenet_v1_g3_x0_5", 0.35},
                                  {"shufflenet_v1_g3_x1_0", 0.4},
                                  {"shufflenet_v1_g3_x1_5", 0.5},
                                  {"shufflenet_v1_g3_x2_0", 0.5}}) {
    const Settings recipe = Recipe(std::string("shufflenetv1/") + model + ".yaml");
    const Options& o = recipe.options;
    EXPECT_EQ(o.model, model);
    EXPECT_EQ(o.lr, lr) << model;
    EXPECT_EQ(o.batch_size, 64);
    EXPECT_EQ(o.epoch_size, 250);
    EXPECT_EQ(o.warmup_epochs, 4);
    EXPECT_EQ(o.decay_epochs, 246);
    EXPECT_EQ(o.min_lr, 0);
    EXPECT_EQ(o.opt, "momentum");
    EXPECT_EQ(o.momentum, 0.9);
    EXPECT_EQ(o.weight_decay, 4e-5);
    EXPECT_EQ(o.weight_decay_filter, "auto");
    EXPECT_EQ(o.label_smoothing, 0.1);
    EXPECT_EQ(o.keep_checkpoint_max, 30);
    EXPECT_FALSE(o.use_nesterov);
    EXPECT_FALSE(o.zero_init_residual);
    EXPECT_EQ(o.distribute, std::optional(true));
  }
}

TEST(Recipes, ThePapersFallsInALineFromOneHalf) {
  const Options o = Recipe("shufflenetv1/shufflenet_v1_g3_x1_0_paper.yaml").options;
  EXPECT_EQ(LearningRate(ScheduleOptionsFrom(o), 0, 1251), 0.5);
  EXPECT_NEAR(LearningRate(ScheduleOptionsFrom(o), 150'120, 1251), 0.25, 1e-12);
  EXPECT_NEAR(o.epoch_size * 1251, 300'000, 1251);
}

}  // namespace
}  // namespace riffle
