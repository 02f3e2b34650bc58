#include "settings/option_rules.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/file.h"
#include "base/text.h"
#include "data/augment/policy.h"
#include "exchange/pretrained.h"
#include "model/zoo.h"
#include "train/loop/resolution.h"
#include "train/update/schedule.h"
#include "train/update/update_rules.h"

namespace riffle {
namespace {

std::string WarmsUpTwice(const Options& o) {
  if (FindSchedule(o.scheduler).warms_up || o.warmup_epochs == 0) return "";
  return fmt::format("{} begins low by itself, found {} of warm-up; add --warmup_epochs=0", o.scheduler,
                     Counted(o.warmup_epochs, "epoch"));
}

std::string RisesAtTheEnd(const Options& o) {
  if (!FindSchedule(o.scheduler).Uses("min_lr") || o.min_lr <= o.lr) return "";
  return fmt::format("expected min_lr at most lr, found min_lr {} and lr {}; set --min_lr", o.min_lr, o.lr);
}

std::string NesterovOfAnother(const Options& o) {
  if (!o.use_nesterov || FindUpdateRule(o.opt).slots == FindUpdateRule("nesterov").slots) return "";
  return fmt::format("Nesterov's form is one of sgd and momentum, found {}", o.opt);
}

std::string BetasOfAnother(const Options& o) {
  const size_t expected = FindUpdateRule(o.opt).betas.size();
  if (!o.betas || o.betas->size() == expected) return "";
  return fmt::format("{} has {} betas, found {}", o.opt, expected, o.betas->size());
}

std::string NesterovWithoutMomentum(const Options& o) {
  const bool is_nesterov = o.use_nesterov || o.opt == "nesterov";
  return is_nesterov && o.momentum == 0 ? "Nesterov's form needs a momentum above 0, found 0" : "";
}

std::string StartsTwice(const Options& o) {
  return !o.pretrained.empty() && !o.ckpt_path.empty() ? "both say where the weights come from; leave one out" : "";
}

std::string NothingPublished(const Options& o) {
  if (o.pretrained.empty()) return "";
  const Result<ModelDescription> model = FindModel(o.model);
  if (!model.ok()) return model.status().message();
  return FindPublished(model->name, o.pretrained).status().message();
}

std::string MirrorOfNothing(const Options& o) {
  return o.pretrained_url.empty() || !o.pretrained.empty() ? "" : "needs --pretrained, whose files the mirror has";
}

std::string KeyOfNoFile(const Options& o) {
  return o.ckpt_key.empty() || !o.ckpt_path.empty() ? "" : "needs --ckpt_path, the file that holds several networks";
}

std::string StateOfNoCheckpoint(const Options& o) {
  if (!o.resume_opt || !o.ckpt_path.empty()) return "";
  return "expected --ckpt_path=FILE, from which to go on";
}

std::string BestOfNoValidation(const Options& o) {
  if (o.ckpt_save_policy != "top_k" || o.val_while_train) return "";
  return "'top_k' orders checkpoints by their validation; add --val_while_train";
}

std::string FrozenStatistics(const Options& o) {
  if (o.bn_recalibration == 0 || o.freeze != "body") return "";
  return "a frozen body keeps its batch-norm statistics; leave one out";
}

std::string NoResolutions(const Options& o) {
  const auto resolutions = ParseResolutionSchedule(o.resolution_schedule);
  return resolutions.ok() ? "" : resolutions.status().message();
}

std::string OtherResolutionAtTheEnd(const Options& o) {
  const auto resolutions = ParseResolutionSchedule(o.resolution_schedule);
  if (!resolutions.ok() || resolutions->empty() || resolutions->back().size == o.image_resize) return "";
  return fmt::format("expected the same size at the end, found {} and {}", resolutions->back().size, o.image_resize);
}

std::string MirrorOfNoDownload(const Options& o) {
  if (o.dataset_download || (o.dataset_url.empty() && o.dataset_checksums.empty())) return "";
  return "they say where from and with which sums to fetch, and nothing is to be fetched; add --dataset_download";
}

std::string OneSplit(const Options& o) {
  return o.aug_splits == 1 ? "expected 0 (one version of each picture) or at least 2, found 1" : "";
}

std::string SplitsAreMixed(const Options& o) {
  if (o.aug_splits < 2 || (o.mixup == 0 && o.cutmix == 0)) return "";
  return "versions of a picture are compared with one another and cannot be mixed with other pictures; set --mixup=0 "
         "--cutmix=0, or --aug_splits=0";
}

std::string SplitsAreTheSame(const Options& o) {
  const auto policy = ParseAugmentPolicy(o.auto_augment);
  if (o.aug_splits < 2 || !policy.ok() || *policy || o.color_jitter.value_or(0) > 0) return "";
  return fmt::format("the {} versions of a picture would be the same; add --auto_augment=augmix-m5-w4-d2",
                     o.aug_splits);
}

std::string OddChannels(const Options& o) {
  if (o.mean.size() == o.std.size() && (o.mean.size() == 1 || o.mean.size() == 3)) return "";
  return fmt::format("expected one or three numbers in each, found {} and {}", o.mean.size(), o.std.size());
}

std::string NoRunFolder(const Options& o) {
  if (!o.ckpt_save_dir.empty() && !IsStream(o.ckpt_save_dir)) return "";
  return fmt::format("expected a folder, found '{}'", o.ckpt_save_dir);
}

/// "option lr", "options lr and min_lr", "options aug_splits, mixup and cutmix".
std::string Names(std::span<const std::string_view> options) {
  return (options.size() == 1 ? "option " : "options ") + Enumerated(options, "and");
}

Status Check(const OptionRule& rule, const Options& options) {
  const std::string broken = rule.broken(options);
  return broken.empty() ? Status() : InvalidArgument("{}: {}", Names(rule.options), broken);
}

}  // namespace

std::span<const OptionRule> OptionRules() {
  static const std::vector<OptionRule> table = {
      {{"ckpt_save_dir"}, NoRunFolder},
      {{"scheduler", "warmup_epochs"}, WarmsUpTwice},
      {{"lr", "min_lr"}, RisesAtTheEnd},
      {{"opt", "use_nesterov"}, NesterovOfAnother},
      {{"opt", "betas"}, BetasOfAnother},
      {{"momentum", "use_nesterov"}, NesterovWithoutMomentum},
      {{"pretrained", "ckpt_path"}, StartsTwice},
      {{"pretrained", "model"}, NothingPublished},
      {{"pretrained_url"}, MirrorOfNothing},
      {{"ckpt_key"}, KeyOfNoFile},
      {{"resume_opt"}, StateOfNoCheckpoint},
      {{"ckpt_save_policy"}, BestOfNoValidation},
      {{"bn_recalibration", "freeze"}, FrozenStatistics},
      {{"resolution_schedule"}, NoResolutions},
      {{"resolution_schedule", "image_resize"}, OtherResolutionAtTheEnd},
      {{"dataset_url", "dataset_checksums"}, MirrorOfNoDownload},
      {{"aug_splits"}, OneSplit},
      {{"aug_splits", "mixup", "cutmix"}, SplitsAreMixed},
      {{"aug_splits", "auto_augment"}, SplitsAreTheSame},
      {{"mean", "std"}, OddChannels},
  };
  return table;
}

Status CheckTogether(const Options& options) {
  for (const OptionRule& rule : OptionRules()) RIFFLE_TRY(Check(rule, options));
  return {};
}

Status CheckRulesOf(std::string_view option, const Options& options) {
  for (const OptionRule& rule : OptionRules())
    if (std::ranges::count(rule.options, option) > 0) RIFFLE_TRY(Check(rule, options));
  return {};
}

}  // namespace riffle
