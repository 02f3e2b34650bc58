#include "settings/run_notes.h"

#include <gmock/gmock.h>

#include <set>

#include "settings/option_table.h"

namespace riffle {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Given = std::vector<std::pair<std::string, std::string>>;

Settings SettingsOf(const Given& given) {
  Settings settings;
  for (const auto& [name, value] : given) {
    const Status status = settings.Set(name, value, "recipe.yaml line 1");
    EXPECT_TRUE(status.ok()) << status.message();
  }
  return settings;
}

std::vector<std::string> NotesOf(const Given& given) { return NotesOn(SettingsOf(given)); }

struct Case {
  Given given;
  std::string note;  ///< a part of the only one
  Given without;     ///< where there is nothing to say
};

const Case kCases[] = {
    {{{"mean", "0.485,0.456,0.406"}, {"std", "0.229,0.224,0.225"}},
     "times 255 they are --mean=123.675,116.28,103.53 --std=58.395,57.12,57.375",
     {{"mean", "123.675,116.28,103.53"}, {"std", "58.395,57.12,57.375"}}},
    {{{"std", "0.5,0.5,0.5"}}, "they are --std=127.5,127.5,127.5", {{"mean", "0,0,0"}, {"std", "255,255,255"}}},
    {{{"freeze", "body"}}, "on a body of random weights", {{"freeze", "body"}, {"ckpt_path", "a.safetensors"}}},
    {{{"freeze", "body"}}, "add --ckpt_path=FILE", {{"freeze", "body"}, {"resume", "auto"}}},
    {{{"warmup_epochs", "5"}, {"epoch_size", "3"}, {"lr", "0.2"}},
     "over before the learning rate reaches 0.2",
     {{"warmup_epochs", "2"}, {"epoch_size", "3"}}},
    {{{"epoch_size", "3"}, {"lr", "0.2"}}, "before the learning rate falls from 0.2", {{"epoch_size", "4"}}},
    {{{"scheduler", "multi_step_decay"}, {"epoch_size", "43"}},
     "60, 90 are beyond the 40 epochs after the warm-up: no step there",
     {{"multi_step_decay_milestones", "500"}}},
    {{{"scheduler", "multi_step_decay"}, {"multi_step_decay_milestones", "87"}},
     "87 is beyond the 87 epochs after the warm-up: no step there, the learning rate never falls",
     {{"scheduler", "multi_step_decay"}, {"multi_step_decay_milestones", "30,86"}}},
    {{{"decay_epochs", "88"}},
     "has 87 epochs after the warm-up and ends before the decay does",
     {{"decay_epochs", "87"}}},
    {{{"scheduler", "multi_step_decay"}, {"decay_epochs", "5"}, {"epoch_size", "2"}}, "reaches 0.001", {}},
    {{{"scheduler", "step_decay"}, {"decay_epochs", "87"}},
     "the learning rate never falls",
     {{"scheduler", "step_decay"}, {"decay_epochs", "86"}}},
    {{{"scheduler", "step_decay"}, {"decay_rate", "2"}}, "grows", {{"scheduler", "step_decay"}, {"decay_rate", "0.5"}}},
    {{{"scheduler", "exponential_decay"}, {"decay_rate", "1"}}, "stays as it is", {{"decay_rate", "2"}}},
    {{{"resolution_schedule", "0:128,90:224"}},
     "never trains on 224 pixels, from epoch 90 on",
     {{"resolution_schedule", "0:128,89:224"}}},
    {{{"patience", "5"}, {"bn_recalibration", "10"}}, "'riffle recalibrate' does it", {{"patience", "5"}}},
    {{{"bn_momentum", "1"}}, "never move", {{"bn_momentum", "0.99"}}},
    {{{"bn_momentum", "0"}}, "of the last batch alone", {{"bn_momentum", "0.5"}}},
    {{{"bn_momentum", "0.1"}},
     "where it was PyTorch's share of the new ones, it is 0.9 here",
     {{"bn_momentum", "0.9"}}},
    {{{"layer_decay", "0.3"}}, "layer_decay=0.3 without ckpt_path", {{"layer_decay", "0.3"}, {"ckpt_path", "a"}}},
    {{{"layer_decay", "0.3"}}, "add --ckpt_path=FILE", {{"layer_decay", "1"}}},
    {{{"scheduler", "constant"}, {"warmup_epochs", "4"}, {"epoch_size", "3"}},
     "before the learning rate reaches 0.001",
     {{"scheduler", "constant"}, {"warmup_epochs", "3"}, {"epoch_size", "3"}}},
    {{{"lr", "0"}}, "no weight changes", {{"lr", "1e-6"}}},
    {{{"val_while_train", "True"}, {"val_interval", "91"}},
     "validates once",
     {{"val_while_train", "True"}, {"val_interval", "90"}}},
    {{{"ckpt_save_interval", "91"}}, "saves once", {{"ckpt_save_interval", "90"}}},
    {{{"mixup", "0.2"}, {"cutmix_prob", "0"}}, "no batch is mixed", {{"mixup", "0.2"}, {"cutmix_prob", "0.1"}}},
    {{{"teacher_ckpt", "a"}, {"distill_weight", "0"}}, "counts for nothing", {{"distill_weight", "0"}}},
    {{{"threads", "1024"}}, "on which they take turns", {{"threads", "1"}}},
    {{{"ema", "True"}, {"ema_decay", "0"}}, "of the last step", {{"ema", "True"}, {"ema_decay", "0.5"}}},
};

TEST(RunNotes, TellWhatOptionsMeanForTheRunAndAreSilentBesideThat) {
  for (const Case& c : kCases) {
    EXPECT_THAT(NotesOf(c.given), ElementsAre(HasSubstr(c.note))) << testing::PrintToString(c.given);
    EXPECT_THAT(NotesOf(c.without), IsEmpty()) << testing::PrintToString(c.without);
  }
}

TEST(RunNotes, NothingIsSaidOfWhatNobodySet) {
  EXPECT_THAT(NotesOf({}), IsEmpty());
  Settings settings;
  settings.options.bn_momentum = 1;  // a default of another day
  EXPECT_THAT(NotesOn(settings), IsEmpty());
}

TEST(RunNotes, WhatAResumedRunBringsIsMissedWhereItStartsAnew) {
  const Given freeze = {{"freeze", "body"}, {"lr", "0"}, {"resume", "auto"}};
  EXPECT_THAT(NotesOnNewStart(SettingsOf(freeze)), ElementsAre(HasSubstr("on a body of random weights")));
  EXPECT_THAT(NotesOnNewStart(SettingsOf({{"layer_decay", "0.3"}, {"resume", "auto"}})),
              ElementsAre(HasSubstr("layer_decay=0.3")));
  EXPECT_THAT(NotesOnNewStart(SettingsOf({{"freeze", "body"}, {"resume", "auto"}, {"ckpt_path", "a"}})), IsEmpty());
}

TEST(RunNotes, EveryRowTellsOfOptionsAndHasACase) {
  for (const RunNote& note : RunNotes()) {
    for (const std::string_view option : note.options) EXPECT_NE(FindOption(option), nullptr) << option;
    const auto tells = [&](const Case& c) { return !note.text(SettingsOf(c.given).options).empty(); };
    EXPECT_TRUE(std::ranges::any_of(kCases, tells)) << note.options.front();
  }
}

TEST(RunNotes, EpochsOfFewUpdatesAreCountedAndWhatMakesMoreIsNamed) {
  const auto note = [](const Given& given, int64_t pictures, int64_t batches, int processes = 1) {
    return FewUpdatesNote(SettingsOf(given).options, pictures, batches, processes);
  };
  EXPECT_EQ(note({{"batch_size", "128"}}, 160, 1),
            "1 step an epoch (160 training pictures, batch_size=128): a smaller --batch_size makes more; "
            "--drop_remainder=False takes in the 32 left over");
  EXPECT_EQ(note({{"batch_size", "128"}, {"drop_remainder", "False"}}, 160, 2),
            "2 steps an epoch (160 training pictures, batch_size=128): a smaller --batch_size makes more");
  EXPECT_EQ(note({{"batch_size", "16"}}, 160, 10), "");
  EXPECT_EQ(note({{"batch_size", "16"}}, 144, 9),
            "9 steps an epoch (144 training pictures, batch_size=16): a smaller --batch_size makes more");
  EXPECT_EQ(note({{"batch_size", "16"}, {"gradient_accumulation_steps", "4"}}, 165, 10),
            "3 updates an epoch (165 training pictures, batch_size=16, gradient_accumulation_steps=4): a smaller "
            "--batch_size or fewer --gradient_accumulation_steps make more; --drop_remainder=False takes in the 5 left "
            "over");
  EXPECT_EQ(note({{"batch_size", "8"}}, 160, 5, 4),
            "5 steps an epoch (160 training pictures, batch_size=8, 4 processes): a smaller --batch_size or fewer "
            "processes make more");
  EXPECT_EQ(note({{"batch_size", "1"}}, 3, 3), "") << "no option makes more of three pictures";
}

TEST(RunNotes, TheScaleOfPixelsIsToldWhereNothingTrains) {
  EXPECT_THAT(PixelScaleNote(SettingsOf({{"std", "0.5"}, {"mean", "0.5"}, {"bn_momentum", "1"}})),
              HasSubstr("--mean=127.5 --std=127.5"));
  EXPECT_EQ(PixelScaleNote(SettingsOf({{"bn_momentum", "1"}})), "");
}

}  // namespace
}  // namespace riffle
