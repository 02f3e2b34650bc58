// `riffle validate`: a checkpoint's accuracy on a dataset.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/data_options.h"
#include "cli/download.h"
#include "cli/machine.h"
#include "cli/together.h"
#include "cli/validation_progress.h"
#include "cli/weights.h"
#include "model/zoo.h"
#include "runtime/load_session.h"
#include "settings/option_table.h"
#include "settings/processes.h"
#include "settings/run_notes.h"
#include "settings/train_options.h"
#include "train/loop/differences.h"
#include "train/loop/evaluate.h"
#include "train/parallel/same_state.h"

namespace riffle {
namespace {

/// What the user set about the network has to be what the checkpoint says.
Status CheckAgainst(const CheckpointInfo& info, const Settings& settings, const std::string& path) {
  const Options& o = settings.options;
  const auto differ = [&](std::string_view option, const auto& asked, const auto& found) {
    return InvalidArgument("{}: {} is {} there, and {} was asked for ({}); leave --{} out, or name another checkpoint",
                           path, option, found, asked, settings.origins.find(option)->second, option);
  };
  if (settings.IsSet("model")) {
    RIFFLE_ASSIGN(const ModelDescription asked, FindModel(o.model));
    if (asked.name != info.model.name) return differ("model", asked.name, info.model.name);
  }
  if (settings.IsSet("num_classes") && o.num_classes && *o.num_classes != info.model.num_classes)
    return differ("num_classes", *o.num_classes, info.model.num_classes);
  if (settings.IsSet("in_channels") && o.in_channels != info.model.in_channels)
    return differ("in_channels", o.in_channels, info.model.in_channels);
  return {};
}

/// The checkpoint's preprocessing, with what the user set.
Result<Preprocessing> PreprocessingFor(const CheckpointInfo& info, const Settings& settings) {
  const Options& o = settings.options;
  Preprocessing p = info.preprocessing;
  if (settings.IsSet("image_resize")) p.image_size = o.image_resize;
  if (settings.IsSet("val_resize")) p.image_size = o.val_resize.value_or(p.image_size);
  if (settings.IsSet("crop_pct")) p.crop_pct = o.crop_pct;
  if (settings.IsSet("mean")) p.mean.assign(o.mean.begin(), o.mean.end());
  if (settings.IsSet("std")) p.std.assign(o.std.begin(), o.std.end());
  if (settings.IsSet("interpolation")) {
    RIFFLE_ASSIGN(p.interpolation, ParseInterpolation(o.interpolation));
  }
  if (settings.IsSet("exif_orientation")) p.exif_orientation = o.exif_orientation;
  RIFFLE_TRY(Check(p));
  return p;
}

/// What the loss of the run was measured with and is not here: "label_smoothing is 0.1 there and 0 here".
Result<std::string> LossDifferences(const CheckpointInfo& info, const Options& options, const std::string& path) {
  Settings there;
  RIFFLE_TRY(ReadOptionsYaml(info.options, path, there));
  std::string text;
  for (const char* name : {"loss", "label_smoothing", "class_weights"}) {
    const OptionRow& row = *FindOption(name);
    const std::string was = YamlValue(row, there.options), is = YamlValue(row, options);
    if (there.IsSet(name) && was != is)
      text += fmt::format("{}{} is {} there and {} here", text.empty() ? "" : ", ", name, was, is);
  }
  return text;
}

/// Of weights that do not name their classes: those of the data, in their order, if there are not too many.
Status TakeForClassesOf(const Dataset& data, const Checkpoint& checkpoint, Log& log) {
  const auto known = checkpoint.info().model.num_classes, found = static_cast<int>(data.classes().size());
  if (found > known)
    return InvalidArgument("{}: a network of {}, and the data have {}", checkpoint.path(), Counted(known, "class"),
                           found);
  log.Line(fmt::format("{} does not name its {}: taken for the data's{}, in their order", checkpoint.path(),
                       Counted(known, "class"), found < known ? fmt::format(" {} and others", found) : ""));
  return {};
}

/// Whether all processes have read the same file: a disk of each host may hold its own.
Status CheckSameWeights(const Checkpoint& checkpoint, WeightSet set, const Plan& plan, Communicator& world) {
  if (world.size() == 1) return {};
  Snapshot snapshot(plan.registry);
  RIFFLE_TRY(checkpoint.Load(plan.registry, set, &snapshot.values));
  return CheckSame(world, ChecksumOf(snapshot), "weights");
}

Status Report(const Evaluation& e, const Invocation& invocation, const Console& console) {
  const double images_per_second = static_cast<double>(e.images) / e.seconds;
  console.out << fmt::format("Top-1 {:.2f} %, top-5 {:.2f} %, loss {:.4f}: {} in {:.1f} s, {:.0f} a second\n",
                             e.top1_percent(), e.top5_percent(), e.loss(), Counted(e.images, "picture"), e.seconds,
                             images_per_second);
  const std::string* file = invocation.Own("json");
  if (file == nullptr) return {};
  const nlohmann::ordered_json json = {{"top1_percent", e.top1_percent()},
                                       {"top5_percent", e.top5_percent()},
                                       {"loss", e.loss()},
                                       {"images", e.images},
                                       {"images_per_second", images_per_second}};
  return WriteFileAtomically(*file, json.dump(1) + '\n');
}

Status Validate(const Invocation& invocation, const Console& console, Communicator& world) {
  Settings settings = invocation.settings;
  Options& options = settings.options;
  ResolveAutomatic(options);
  RIFFLE_TRY(CheckProcesses(options, world.size()));
  RIFFLE_ASSIGN(const std::unique_ptr<Machine> machine, OpenMachine(options, world));

  Log log(console.out, console.terminal_width);
  for (const std::string& note :
       {machine->choice, NoteOnDeviceId(settings, *machine), NoteOnAmpLevel(options.val_amp_level, *machine),
        NoteOnTf32(options.tf32, {MapsAt(options.val_amp_level, *machine)}, *machine), PixelScaleNote(settings)})
    if (!note.empty()) log.Line(note);
  RIFFLE_ASSIGN(const Checkpoint checkpoint, OpenAskedWeights(settings, "to validate", log));
  RIFFLE_TRY(CheckAgainst(checkpoint.info(), settings, checkpoint.path()));
  RIFFLE_ASSIGN(const Preprocessing preprocessing, PreprocessingFor(checkpoint.info(), settings));
  ModelDescription model = checkpoint.info().model;
  model.image_size = preprocessing.image_size;
  const WeightSet set = invocation.Has("online") ? WeightSet::kOnline : checkpoint.best_weights();
  RIFFLE_ASSIGN(
      const std::unique_ptr<Session> session,
      LoadSession(machine->execution, checkpoint, set, model, machine->ops, MapsAt(options.val_amp_level, *machine)));
  session->SetFlip(options.tta_flip);

  options.in_channels = model.in_channels;
  options.exif_orientation = preprocessing.exif_orientation;
  RIFFLE_TRY(DownloadTogether(options, log, world));
  RIFFLE_ASSIGN(const std::unique_ptr<Dataset> data, OpenDataset(ValDataset(options, checkpoint.info().classes)));
  for (const std::string& note : NotesOn(*data, options.val_split, preprocessing.image_size, preprocessing.crop_pct))
    log.Line(note);
  if (checkpoint.info().classes.empty()) RIFFLE_TRY(TakeForClassesOf(*data, checkpoint, log));
  RIFFLE_ASSIGN(const Transform transform, Transform::ForEvaluation(preprocessing));
  RIFFLE_ASSIGN(const std::unique_ptr<Loader> loader,
                Loader::Create(*data, transform, ValLoader(options, {world, machine->execution.device})));
  RIFFLE_TRY(CheckSamePictures(*data, "validation pictures", world));
  RIFFLE_TRY(CheckSameWeights(checkpoint, set, session->plan(), world));
  console.out << fmt::format("Validating {}{} on {} ({}), {} × {} pixels\n", OneLine(checkpoint.path()),
                             set == WeightSet::kEma ? " (averaged weights)" : "", Counted(data->size(), "picture"),
                             OneLine(data->stand_in().empty() ? options.val_split : data->stand_in()), model.image_size,
                             model.image_size)
              << std::flush;
  const CheckpointInfo& info = checkpoint.info();
  if (info.top1_percent) {
    RIFFLE_ASSIGN(const std::string differences, LossDifferences(info, options, checkpoint.path()));
    if (!differences.empty()) log.Line("Training's loss is another one: " + differences);
  }
  if (info.top1_percent && info.measured) {
    const std::string differences = Differences(*info.measured, {.val_split = SplitMeasured(*data, options),
                                                                 .images = data->size(),
                                                                 .names_checksum = data->Checksum(),
                                                                 .tta_flip = options.tta_flip,
                                                                 .averaged_weights = set == WeightSet::kEma,
                                                                 .preprocessing = preprocessing});
    if (!differences.empty())
      log.Line(fmt::format("Training measured {:.2f} % otherwise: {}", *info.top1_percent, differences));
  }
  RIFFLE_ASSIGN(const LabelLossOptions loss, LabelLossOptionsFrom(options, model.num_classes));
  LabelLoss label_loss(machine->execution, loss, model.num_classes, machine->ops);
  ValidationProgress progress(log, options.log_interval);
  RIFFLE_ASSIGN(const Evaluation result, Evaluate(
                                             *session, label_loss, *loader,
                                             [&](const Evaluation& so_far, int64_t batch, int64_t batches) {
                                               progress.Report(so_far, batch, batches);
                                               return Status();
                                             },
                                             world));
  log.Live("");
  return world.first() ? Report(result, invocation, console) : Status();
}

Status Run(const Invocation& invocation, const Console& console) {
  return RunTogether(console,
                     [&](Communicator& world, const Console& own) { return Validate(invocation, own, world); });
}

}  // namespace

Command ValidateCommand() {
  using enum OptionGroup;
  return {
      .name = "validate",
      .summary = "measures a checkpoint on a dataset: top-1, top-5, loss",
      .options = {.groups = {kDataset, kDownload, kValPictures, kBatches, kPreprocessing, kNetwork, kLabelLoss,
                             kValidation},
                  .names = {"config", "device_target", "device_id", "tf32", "threads", "distribute", "pretrained",
                            "pretrained_url", "ckpt_path", "ckpt_key"}},
      .own_options = {{.name = "json",
                       .value_name = "FILE",
                       .help = "write top1_percent, top5_percent, loss, images, images_per_second there",
                       .value = OwnValue::kOutput},
                      {.name = "online",
                       .value_name = "",
                       .help =
                           "use the weights as the optimizer left them, where the checkpoint also has averaged ones"}},
      .examples =
          {{"validate --dataset=cifar10 --data_dir=data --ckpt_path=ckpt/shufflenet_v1_g3_x0_5-best.safetensors",
            "the checkpoint knows its network and its preprocessing"},
           {"validate --model=shufflenet_v1_g3_x2_0 --dataset=imagenet --data_dir=imagenet --val_split=val "
            "--pretrained",
            "published weights, which are fetched once"}},
      .runs_together = true,
      .run = Run,
  };
}

}  // namespace riffle
