#include "settings/idle_options.h"

#include <gmock/gmock.h>

#include <set>

#include "settings/option_table.h"

namespace riffle {
namespace {

std::string NoteOf(std::initializer_list<std::pair<const char*, const char*>> typed,
                   const std::string& origin = "command line", const RunMachine& machine = {}) {
  Settings settings;
  for (const auto& [name, value] : typed) {
    const Status status = settings.Set(name, value, origin);
    EXPECT_TRUE(status.ok()) << status.message();
  }
  return IdleNote(settings, machine);
}

TEST(IdleOptions, AreNamedWithWhatTheyNeed) {
  EXPECT_EQ(NoteOf({{"ema_decay", "0.99"}, {"distill_weight", "0.7"}}),
            "Without effect here: --ema_decay (needs --ema), --distill_weight (needs --teacher_ckpt)");
}

TEST(IdleOptions, NoWordWhereTheyCount) {
  EXPECT_EQ(NoteOf({{"ema", "True"}, {"ema_decay", "0.99"}, {"lr", "0.1"}}), "");
  EXPECT_EQ(NoteOf({{"dataset", "imagenet"}, {"scale", "0.3,1"}}), "");
}

TEST(IdleOptions, CyclesCountUnderBothNamesOfTheCosineAndNotInALine) {
  for (const char* scheduler : {"cosine_decay", "warmup_cosine_decay", "cyclic"})
    EXPECT_EQ(NoteOf({{"scheduler", scheduler}, {"num_cycles", "2"}}), "") << scheduler;
  EXPECT_THAT(NoteOf({{"scheduler", "linear_decay"}, {"num_cycles", "2"}}), testing::HasSubstr("--num_cycles"));
}

TEST(IdleOptions, TheDatasetDecidesWhetherTheCropsSizeCounts) {
  EXPECT_THAT(NoteOf({{"dataset", "cifar10"}, {"scale", "0.3,1"}}), testing::HasSubstr("--scale (needs a dataset"));
}

TEST(IdleOptions, AFileMayHoldThemWithoutAWord) { EXPECT_EQ(NoteOf({{"clip_value", "5"}}, "recipe.yaml line 3"), ""); }

TEST(IdleOptions, TheMachineDecidesWhetherOptionsOfCardsCount) {
  const auto on = [](const RunMachine& machine) {
    return NoteOf({{"val_while_train", "True"}, {"device_data_mb", "5"}, {"nccl", "off"}, {"val_amp_level", "O2"}},
                  "command line", machine);
  };
  EXPECT_EQ(on({}),
            "Without effect here: --device_data_mb (needs a GPU), --nccl (needs GPUs of several processes), "
            "--val_amp_level (needs --val_while_train and a GPU)");
  EXPECT_EQ(on({.has_gpu = false, .processes = 2}), on({}));
  EXPECT_EQ(on({.has_gpu = true}), "Without effect here: --nccl (needs GPUs of several processes)");
  EXPECT_EQ(on({.has_gpu = true, .processes = 2}), "");
  EXPECT_EQ(NoteOf({{"val_amp_level", "O2"}}, "command line", {.has_gpu = true}),
            "Without effect here: --val_amp_level (needs --val_while_train and a GPU)")
      << "on a card, without a validation";
}

TEST(IdleOptions, TheScheduleAndTheOptimizerNameWhatTheyUse) {
  EXPECT_EQ(NoteOf({{"scheduler", "constant"}, {"decay_epochs", "5"}}),
            "Without effect here: --decay_epochs (needs --scheduler=cosine_decay, warmup_cosine_decay, step_decay, "
            "polynomial_decay, linear_decay)");
  EXPECT_EQ(NoteOf({{"scheduler", "step_decay"}, {"decay_epochs", "5"}, {"decay_rate", "0.1"}}), "");
  EXPECT_EQ(NoteOf({{"opt", "adam"}, {"momentum", "0.5"}}),
            "Without effect here: --momentum (needs --opt=sgd, momentum, nesterov, rmsprop)");
  EXPECT_EQ(NoteOf({{"opt", "rmsprop"}, {"momentum", "0.5"}, {"eps", "1e-5"}}), "");
}

TEST(IdleOptions, AllAreOptionsAndNoneCountsWithoutWhatItNeeds) {
  const Options without{.dataset = "cifar10",
                        .shuffle = false,
                        .auto_augment = "autoaug",
                        .ckpt_path = "body.safetensors",
                        .ckpt_save_policy = "all",
                        .opt = "lion",
                        .weight_decay = 0,
                        .freeze = "body",
                        .scheduler = "constant",
                        .warmup_epochs = 0};
  std::set<std::string_view> seen;
  for (const Dependence& d : Dependences()) {
    EXPECT_NE(FindOption(d.option), nullptr) << d.option;
    EXPECT_TRUE(seen.insert(d.option).second) << d.option;
    EXPECT_FALSE(d.counts(without) && !d.least.has_gpu) << d.option << " counts without what it needs";
  }
}

}  // namespace
}  // namespace riffle
