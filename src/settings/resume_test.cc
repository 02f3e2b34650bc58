// Going on with a run: what is said, and a record that keeps both.
#include "settings/resume.h"

#include <fmt/ranges.h>
#include <gmock/gmock.h>

#include "base/file.h"
#include "built_tree.h"
#include "checkpoint/testing/tiny.h"
#include "settings/option_table.h"

namespace riffle {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Options Recorded() {
  Options options;
  options.lr = 0.02;
  options.batch_size = 8;
  ResolveAutomatic(options);
  return options;
}

CheckpointInfo There(const std::string& options) {
  CheckpointInfo info = TinyInfo();
  info.options = options;
  info.train_images = 48;
  info.processes = 2;
  info.train_checksum = "1234";
  return info;
}

ResumedRecord Continue(const std::string& before, int epoch, const Settings& now, const CheckpointInfo& here = {}) {
  Result<ResumedRecord> record = ContinueRecord(SavedCheckpoint(There(before), epoch), here, now);
  EXPECT_TRUE(record.ok()) << record.status().message();
  return std::move(*record);
}

/// With options of which nobody typed any.
ResumedRecord Continue(const std::string& before, int epoch, const Options& now, const CheckpointInfo& here = {}) {
  return Continue(before, epoch, Settings{.options = now}, here);
}

TEST(ContinueRecord, TheSameOptionsSayNothingAndKeepTheirRecord) {
  const std::string yaml = ToYaml(Recorded());
  const ResumedRecord record = Continue(yaml, 3, Recorded());
  EXPECT_THAT(record.lines, IsEmpty());
  EXPECT_EQ(record.yaml, yaml);
}

TEST(ContinueRecord, EachOptionThatDiffersIsALineAndTheRecordKeepsBothOverSeveralResumes) {
  Options second = Recorded(), third;
  second.lr = 0.01;
  second.freeze = "body";
  const ResumedRecord record = Continue(ToYaml(Recorded()), 3, second);
  EXPECT_THAT(record.lines, ElementsAre("freeze was \"\" until epoch 3, is body from now on",
                                        "lr was 0.02 until epoch 3, is 0.01 from now on"));
  third = second;
  third.lr = 0.005;
  const ResumedRecord next = Continue(record.yaml, 7, third);
  EXPECT_THAT(next.lines, ElementsAre("lr was 0.01 until epoch 7, is 0.005 from now on"));
  EXPECT_THAT(next.yaml, testing::StartsWith("# until epoch 3: freeze: \"\"\n# until epoch 3: lr: 0.02\n"
                                             "# until epoch 7: lr: 0.01\n"));
  Settings read;
  ASSERT_EQ(ReadOptionsYaml(next.yaml, "record", read).message(), "");
  EXPECT_EQ(read.options, third) << "-c takes the record back";
}

// Which options pass without a word; a new option has a line unless it is listed here.
TEST(ContinueRecord, WhatNoResultDependsOnIsFree) {
  std::vector<std::string_view> free;
  for (const OptionRow& row : OptionTable())
    if (row.on_resume == OnResume::kFree || row.on_resume == OnResume::kPlace) free.push_back(row.name);
  EXPECT_THAT(free, ElementsAre("config", "device_target", "device_id", "nccl", "threads", "distribute",
                                "dataset_download", "dataset_url", "dataset_checksums", "num_parallel_workers",
                                "max_unreadable_share", "device_data_mb", "pretrained_url", "resume", "ckpt_save_dir",
                                "ckpt_save_interval", "ckpt_save_steps", "ckpt_save_minutes", "max_minutes",
                                "val_interval", "val_amp_level", "log_interval"));
  Options now = Recorded();
  now.threads += 3;
  now.resume = "auto";
  now.ckpt_save_steps = 10;
  EXPECT_EQ(Continue(ToYaml(Recorded()), 3, now).yaml, ToYaml(Recorded())) << "files do not depend on it, either";
  now.ckpt_save_dir = "elsewhere";
  const ResumedRecord record = Continue(ToYaml(Recorded()), 3, now);
  EXPECT_THAT(record.lines, IsEmpty());
  EXPECT_THAT(record.yaml, HasSubstr("\nckpt_save_dir: elsewhere\n")) << "-c goes on with the folder where the run is";
}

TEST(ContinueRecord, ThePageOnTrainingNamesWhatMayChangeAndWhatMayNot) {
  const Result<std::string> page = ReadTextFile(std::string(RIFFLE_SOURCE_DIR) + "/docs/training.md");
  ASSERT_TRUE(page.ok());
  for (const OptionRow& row : OptionTable()) {
    if (row.on_resume == OnResume::kSaid || row.on_resume == OnResume::kFixed) continue;
    EXPECT_NE(page->find(fmt::format("`{}`", row.name)), std::string::npos) << row.name;
  }
}

TEST(ContinueRecord, SaysWhatChangesTraining) {
  const auto line_of = [](const std::function<void(Options&)>& change) {
    Options now = Recorded();
    change(now);
    const ResumedRecord record = Continue(ToYaml(Recorded()), 3, now);
    return record.lines.size() == 1 ? record.lines[0] : fmt::format("{} lines", record.lines.size());
  };
  EXPECT_THAT(line_of([](Options& o) { o.opt = "adamw"; }), HasSubstr("opt was adam until"));
  EXPECT_THAT(line_of([](Options& o) { o.mean = {1, 2, 3}; }), HasSubstr("is [1, 2, 3] from"));
  EXPECT_THAT(line_of([](Options& o) { o.std = {1, 2, 3}; }), HasSubstr("std was"));
  EXPECT_THAT(line_of([](Options& o) { o.crop_pct = 1; }), HasSubstr("crop_pct was 0.875"));
  EXPECT_THAT(line_of([](Options& o) { o.batch_size = 16; }), HasSubstr("batch_size was 8"));
  EXPECT_THAT(line_of([](Options& o) { o.seed = 1; }), HasSubstr("seed was 42"));
}

TEST(ContinueRecord, WhatCountsAtTheStartOnlyIsRecordedAsItWas) {
  Options before = Recorded();
  before.ckpt_path = "body.safetensors";
  const ResumedRecord without = Continue(ToYaml(before), 3, Recorded());
  EXPECT_THAT(without.lines, IsEmpty()) << "it need not be repeated";
  EXPECT_EQ(without.yaml, ToYaml(before));
  Options other = Recorded();
  other.ckpt_path = "other.safetensors";
  const ResumedRecord with = Continue(ToYaml(before), 3, other);
  EXPECT_THAT(with.lines, ElementsAre(AllOf(HasSubstr("ckpt_path counts at the start"), HasSubstr("was body"),
                                            HasSubstr("other.safetensors changes nothing"))));
  EXPECT_EQ(with.yaml, ToYaml(before));
}

TEST(ContinueRecord, ATrainingSetOfAnotherSizeIsSaid) {
  CheckpointInfo here;
  here.train_images = 40;
  const ResumedRecord record = Continue(ToYaml(Recorded()), 3, Recorded(), here);
  EXPECT_THAT(record.lines, ElementsAre("The training set had 48 pictures until epoch 3, it has 40 now"));
  EXPECT_THAT(record.yaml, testing::StartsWith("# until epoch 3: 48 training pictures\n"));
}

TEST(ContinueRecord, AnotherNumberOfProcessesIsSaid) {
  CheckpointInfo here;
  here.processes = 2;
  EXPECT_THAT(Continue(ToYaml(Recorded()), 3, Recorded(), here).lines, IsEmpty());
  here.processes = 1;
  const ResumedRecord record = Continue(ToYaml(Recorded()), 3, Recorded(), here);
  EXPECT_THAT(record.lines, ElementsAre("2 processes trained until epoch 3, 1 from now on"));
  EXPECT_THAT(record.yaml, testing::StartsWith("# until epoch 3: 2 processes\n"));
}

TEST(ContinueRecord, WhichCheckpointsStayNeedNotBeRepeated) {
  Options before = Recorded();
  before.ckpt_save_policy = "all";
  before.keep_checkpoint_max = 20;
  const ResumedRecord without = Continue(ToYaml(before), 14, Recorded());
  EXPECT_THAT(without.lines, IsEmpty());
  EXPECT_EQ(without.options.ckpt_save_policy, "all");
  EXPECT_EQ(without.options.keep_checkpoint_max, 20);
  EXPECT_EQ(without.yaml, ToYaml(before)) << "nor the next time";
  Settings typed{.options = Recorded(), .origins = {{"ckpt_save_policy", std::string(kCommandLine)}}};
  const ResumedRecord with = Continue(ToYaml(before), 14, typed);
  EXPECT_THAT(with.lines, ElementsAre("ckpt_save_policy was all until epoch 14, is latest_k from now on"));
  EXPECT_EQ(with.options.ckpt_save_policy, "latest_k");
  EXPECT_EQ(with.options.keep_checkpoint_max, 20);
}

TEST(ContinueRecord, WhatFollowsFromAnotherOptionIsNotSaidBesideIt) {
  Options longer;
  longer.lr = 0.02;
  longer.batch_size = 8;
  longer.epoch_size = 200;
  ResolveAutomatic(longer);
  EXPECT_THAT(Continue(ToYaml(Recorded()), 3, longer).lines,
              ElementsAre("epoch_size was 90 until epoch 3, is 200 from now on"));
  longer.decay_epochs = 50;
  EXPECT_THAT(Continue(ToYaml(Recorded()), 3, longer).lines, testing::Contains(HasSubstr("is 50 from now on")))
      << "what somebody sets is";
}

TEST(ContinueRecord, OtherTrainingPicturesOfTheSameNumberAreSaid) {
  CheckpointInfo here;
  here.train_images = 48;
  here.train_checksum = "1234";
  EXPECT_THAT(Continue(ToYaml(Recorded()), 3, Recorded(), here).lines, IsEmpty());
  here.train_checksum = "5678";
  const ResumedRecord record = Continue(ToYaml(Recorded()), 3, Recorded(), here);
  EXPECT_THAT(record.lines, ElementsAre(HasSubstr("other pictures than until epoch 3")));
  EXPECT_THAT(record.yaml, testing::StartsWith("# until epoch 3: other training pictures\n"));
}

// The error, or the lines, of going on after 5 of 12 batches of epoch 4.
std::string WithinEpoch(const Options& now, const CheckpointInfo& here = {}) {
  CheckpointInfo there = There(ToYaml(Recorded()));
  there.partial_epoch = {.batches = 5, .batches_per_epoch = 12, .images = 40};
  const Result<ResumedRecord> record = ContinueRecord(SavedCheckpoint(there, 3), here, {.options = now});
  return record.ok() ? fmt::format("{}", fmt::join(record->lines, "\n")) : record.status().message();
}

TEST(ContinueRecord, WithinAnEpochWhatDecidesItsBatchesIsFixed) {
  const auto refused = [](const std::function<void(Options&)>& change) {
    Options now = Recorded();
    change(now);
    return WithinEpoch(now);
  };
  EXPECT_THAT(refused([](Options& o) { o.batch_size = 16; }),
              AllOf(testing::StartsWith("option batch_size: expected 8 as before, found 16; "),
                    HasSubstr("x.safetensors lies within epoch 4,")));
  EXPECT_THAT(refused([](Options& o) { o.seed = 7; }), HasSubstr("option seed: expected 42"));
  EXPECT_THAT(refused([](Options& o) { o.shuffle = false; }), HasSubstr("option shuffle"));
  EXPECT_THAT(refused([](Options& o) { o.num_samples = 40; }), HasSubstr("option num_samples"));
  EXPECT_THAT(refused([](Options& o) { o.drop_remainder = false; }), HasSubstr("option drop_remainder"));
  EXPECT_THAT(refused([](Options& o) { o.shuffle_buffer = 3; }), HasSubstr("option shuffle_buffer"));
  EXPECT_THAT(refused([](Options& o) { o.aug_repeats = 2; }), HasSubstr("option aug_repeats"));
  EXPECT_THAT(refused([](Options& o) { o.gradient_accumulation_steps = 2; }), HasSubstr("gradient_accumulation_steps"));
  CheckpointInfo here;
  here.train_images = 40;
  EXPECT_THAT(WithinEpoch(Recorded(), here), AllOf(HasSubstr("48 pictures"), HasSubstr("lies within epoch 4")));
  here.train_images = 48;
  here.train_checksum = "5678";
  EXPECT_THAT(WithinEpoch(Recorded(), here), AllOf(HasSubstr("other pictures"), HasSubstr("lies within epoch 4")));
  here = {};
  here.processes = 1;
  EXPECT_THAT(WithinEpoch(Recorded(), here),
              AllOf(testing::StartsWith("expected 2 processes as before, found 1 process; "),
                    HasSubstr("lies within epoch 4")));
}

TEST(ContinueRecord, WithinAnEpochOtherOptionsChangeAtTheirBatch) {
  Options now = Recorded();
  now.lr = 0.01;
  EXPECT_EQ(WithinEpoch(now), "lr was 0.02 until epoch 4, batch 5, is 0.01 from now on");
  EXPECT_EQ(WithinEpoch(Recorded()), "");
}

TEST(ContinueRecord, OptionsThatAnOldRecordDoesNotKnowAreNotCompared) {
  Options now = Recorded();
  now.momentum = 0.5;
  EXPECT_THAT(Continue("lr: 0.02\n", 3, now).lines, IsEmpty());
}

}  // namespace
}  // namespace riffle
