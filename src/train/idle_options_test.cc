#include "train/idle_options.h"

#include <gmock/gmock.h>

#include "train/option_table.h"

namespace riffle {
namespace {

std::string NoteOf(std::initializer_list<std::pair<const char*, const char*>> typed,
                   const std::string& origin = "command line") {
  Settings settings;
  for (const auto& [name, value] : typed) {
    const Status status = settings.Set(name, value, origin);
    EXPECT_TRUE(status.ok()) << status.message();
  }
  return IdleNote(settings);
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

TEST(IdleOptions, AllAreOptions) {
  for (const Dependence& d : Dependences()) {
    EXPECT_NE(FindOption(d.option), nullptr) << d.option;
    EXPECT_FALSE(d.counts(Options{.dataset = "cifar10", .scheduler = "constant"}))
        << d.option << " counts without what it needs";
  }
}

}  // namespace
}  // namespace riffle
