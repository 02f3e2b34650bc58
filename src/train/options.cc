// Options: setting one by name, writing them as YAML, and what follows from several of them together.
#include "train/options.h"

#include <algorithm>

#include "base/file.h"
#include "base/text.h"
#include "base/threads.h"
#include "data/augment/policy.h"
#include "model/zoo.h"
#include "train/accepted_options.h"
#include "train/option_table.h"
#include "train/resolution.h"
#include "train/schedule.h"
#include "train/update_rules.h"

namespace riffle {
namespace {

std::string NearestOption(std::string_view name) {
  if (const std::string_view known = SynonymOf(name); FindOption(known)) return std::string(known);
  std::vector<std::string_view> names;
  for (const OptionRow& row : OptionTable()) names.push_back(row.name);
  return std::string(Nearest(name, names));
}

}  // namespace

Status Settings::Set(std::string_view name, std::string_view text, const std::string& origin) {
  Options scratch;
  const OptionRow* ours = FindOption(name);
  const AcceptedOption* other = FindAccepted(name);
  const OptionRow* row = other ? &other->row : ours;
  if (row == nullptr) {
    const OptionRow* negated = FindOption(Negated(name));
    const std::string advice = negated == nullptr ? fmt::format("the nearest one is '{}'", NearestOption(name))
                               : IsFlag(*negated) ? fmt::format("it is written '{}: false'", negated->name)
                                                  : NoFlag(*negated);
    return InvalidArgument("unknown option '{}' ({}); {}", name, origin, advice);
  }
  if (row->limits.check != nullptr) {
    if (Status status = row->limits.check(text); !status.ok())
      return std::move(status).In(fmt::format("option {} ({})", name, origin));
  }
  std::string path;
  if (row->limits.is_path) {
    Result<std::string> in_full = ExpandHome(text);
    if (!in_full.ok()) return Status(in_full.status()).In(fmt::format("option {} ({})", name, origin));
    path = std::move(*in_full);
    text = path;
  }
  if (!ParseValue(*row, text, ours ? options : scratch)) {
    const auto& choices = row->limits.choices;
    const std::string nearest =
        choices.size() > 1 ? fmt::format("; the nearest one is '{}'", Nearest(text, choices)) : "";
    return InvalidArgument("option {} ({}): expected {}, found '{}'{}", name, origin, Expected(*row), text, nearest);
  }
  origins.insert_or_assign(std::string(name), origin);
  if (ours) return {};
  const std::string value = ShowValue(*row, scratch);
  accepted.insert_or_assign(std::string(name), value);
  const ReadAs* meaning = other->MeaningOf(value);
  return meaning ? Set(meaning->option, meaning->option_value, origin) : Status{};
}

Status CheckDevice(const Options& o) {
  if (o.device_target == "CPU") return {};
  return Unavailable("option device_target: this build computes on the CPU alone, found {}; leave it out, or set CPU",
                     o.device_target);
}

Status CheckPretrained(const Options& o) {
  if (!o.pretrained) return {};
  if (!o.ckpt_path.empty())
    return InvalidArgument("options pretrained and ckpt_path: both say where the weights come from; leave one out");
  return InvalidArgument(
      "option pretrained: no weights have been published for Riffle yet; name a checkpoint of your own with "
      "--ckpt_path=FILE, or leave --pretrained out to train from scratch");
}

Status CheckTogether(const Options& o) {
  RIFFLE_TRY(CheckDevice(o));
  if (o.ckpt_save_dir.empty() || IsStream(o.ckpt_save_dir))
    return InvalidArgument("option ckpt_save_dir: expected a folder, found '{}'", o.ckpt_save_dir);
  const Schedule& schedule = FindSchedule(o.scheduler);
  if (!schedule.warms_up && o.warmup_epochs > 0) {
    return InvalidArgument(
        "options scheduler and warmup_epochs: {} begins low by itself, found {} epochs of warm-up; add "
        "--warmup_epochs=0",
        o.scheduler, o.warmup_epochs);
  }
  if (schedule.Uses("min_lr") && o.min_lr > o.lr) {
    return InvalidArgument("options lr and min_lr: expected min_lr at most lr, found min_lr {} and lr {}; set --min_lr",
                           o.min_lr, o.lr);
  }
  const UpdateRule& rule = FindUpdateRule(o.opt);
  if (o.use_nesterov && rule.slots != FindUpdateRule("nesterov").slots) {
    return InvalidArgument("options opt and use_nesterov: Nesterov's form is one of sgd and momentum, found {}", o.opt);
  }
  if (o.betas && o.betas->size() != rule.betas.size()) {
    return InvalidArgument("options opt and betas: {} has {} betas, found {}", o.opt, rule.betas.size(),
                           o.betas->size());
  }
  if ((o.use_nesterov || o.opt == "nesterov") && o.momentum == 0) {
    return InvalidArgument("options momentum and use_nesterov: Nesterov's form needs a momentum above 0, found 0");
  }
  RIFFLE_TRY(CheckPretrained(o));
  if (o.resume_opt && o.ckpt_path.empty()) {
    return InvalidArgument("option resume_opt: expected --ckpt_path=FILE, from which to take the optimizer's state");
  }
  if (o.ckpt_save_policy == "top_k" && !o.val_while_train) {
    return InvalidArgument(
        "option ckpt_save_policy: 'top_k' orders checkpoints by their validation; add --val_while_train");
  }
  if (o.bn_recalibration > 0 && o.freeze == "body") {
    return InvalidArgument(
        "options bn_recalibration and freeze: a frozen body keeps its batch-norm statistics; leave one out");
  }
  RIFFLE_ASSIGN(const std::vector<ResolutionStep> resolutions, ParseResolutionSchedule(o.resolution_schedule));
  if (!resolutions.empty() && resolutions.back().size != o.image_resize) {
    return InvalidArgument(
        "options resolution_schedule and image_resize: expected the same size at the end, found {} and {}",
        resolutions.back().size, o.image_resize);
  }
  if (!o.dataset_download && !(o.dataset_url.empty() && o.dataset_checksums.empty())) {
    return InvalidArgument(
        "options dataset_url and dataset_checksums: they say where from and with which sums to "
        "fetch, and nothing is to be fetched; add --dataset_download");
  }
  const auto policy = ParseAugmentPolicy(o.auto_augment);
  if (o.aug_splits == 1)
    return InvalidArgument("option aug_splits: expected 0 (one version of each picture) or at least 2, found 1");
  if (o.aug_splits > 1 && (o.mixup > 0 || o.cutmix > 0))
    return InvalidArgument(
        "options aug_splits, mixup and cutmix: versions of a picture are compared with one another and cannot be mixed "
        "with other pictures; set --mixup=0 --cutmix=0, or --aug_splits=0");
  if (o.aug_splits > 1 && policy.ok() && !*policy && o.color_jitter.value_or(0) == 0) {
    return InvalidArgument(
        "options aug_splits and auto_augment: the {} versions of a picture would be the same; add "
        "--auto_augment=augmix-m5-w4-d2",
        o.aug_splits);
  }
  if (o.mean.size() != o.std.size() || (o.mean.size() != 1 && o.mean.size() != 3)) {
    return InvalidArgument("options mean and std: expected one or three numbers in each, found {} and {}",
                           o.mean.size(), o.std.size());
  }
  return {};
}

void ResolveAutomatic(Options& o) {
  if (o.threads == 0) o.threads = Threads();
  if (o.num_parallel_workers == 0) o.num_parallel_workers = UsableCores();
  if (!o.decay_epochs) {
    o.decay_epochs = FindSchedule(o.scheduler).usual_decay_epochs(o, std::max(1, o.epoch_size - o.warmup_epochs));
  }
}

std::string ToYaml(const Options& options) {
  std::string yaml;
  for (const OptionRow& row : OptionTable()) {
    if (row.name != "config") yaml += fmt::format("{}: {}\n", row.name, YamlValue(row, options));
  }
  return yaml;
}

Result<ModelDescription> ModelFromOptions(const Options& o, int dataset_classes) {
  RIFFLE_ASSIGN(ModelDescription model, FindModel(o.model));
  model.num_classes = o.num_classes.value_or(dataset_classes);
  model.in_channels = o.in_channels;
  model.image_size = o.val_resize.value_or(o.image_resize);
  model.stem = o.stem == "small" ? Stem::kSmall : Stem::kImagenet;
  model.stage2_stride = o.stage2_stride;
  const auto* named = std::ranges::find(kConventions, o.conventions, &NamedConventions::name);
  if (named == kConventions.end()) return InvalidArgument("option conventions: there is no '{}'", o.conventions);
  model.conventions = named->conventions;
  model.bn_eps = o.bn_eps;
  model.bn_momentum = o.bn_momentum;
  RIFFLE_TRY(Check(model));
  return model;
}

}  // namespace riffle
