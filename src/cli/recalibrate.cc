// `riffle recalibrate`: batch-norm statistics of a finished network, computed anew on training pictures.
#include "train/loop/recalibrate.h"

#include <fmt/format.h>

#include <variant>

#include "base/text.h"
#include "cli/command.h"
#include "cli/data_options.h"
#include "cli/download.h"
#include "cli/epoch_loaders.h"
#include "cli/machine.h"
#include "cli/own_number.h"
#include "cli/weights.h"
#include "settings/option_table.h"

namespace riffle {
namespace {

namespace fs = std::filesystem;

/// The options of the run that wrote the checkpoint, and over them what the user set.
Result<Options> RecipeOf(const Checkpoint& checkpoint, const Settings& asked) {
  Settings recipe;
  RIFFLE_TRY(ReadOptionsYaml(checkpoint.info().options, checkpoint.path(), recipe));
  Options& options = recipe.options;
  options.threads = options.num_parallel_workers = 0;  // that machine's
  for (const auto& [name, origin] : asked.origins)
    std::visit([&](auto field) { options.*field = asked.options.*field; }, FindOption(name)->field);
  options.in_channels = checkpoint.info().model.in_channels;
  options.exif_orientation = checkpoint.info().preprocessing.exif_orientation;
  options.epoch_size = 1;  // what the loader makes
  ResolveAutomatic(options);
  return options;
}

Status Run(const Invocation& invocation, const Console& console) {
  if (invocation.settings.options.ckpt_path.empty() || !invocation.Has("out"))
    return InvalidArgument(
        "expected a checkpoint and a file to write; write 'riffle recalibrate --ckpt_path=FILE --out=FILE'");
  constexpr int64_t kAllOfAnEpoch = INT64_MAX;
  RIFFLE_ASSIGN(const int64_t batches, OwnNumber(invocation, "batches", kAllOfAnEpoch, {.low = 1}));
  RIFFLE_ASSIGN(const std::unique_ptr<Machine> machine, OpenMachine(invocation.settings.options));
  Log log(console.out, console.terminal_width);
  for (const std::string& note : {machine->choice, NoteOnDeviceId(invocation.settings, *machine),
                                  NoteOnTf32(invocation.settings.options.tf32, {MapType::kFloat}, *machine)})
    if (!note.empty()) log.Line(note);
  RIFFLE_ASSIGN(const Checkpoint checkpoint, OpenAskedWeights(invocation.settings, "to recalibrate", log));
  RIFFLE_ASSIGN(const Options options, RecipeOf(checkpoint, invocation.settings));

  CheckpointInfo info = checkpoint.info();
  if (invocation.settings.IsSet("image_resize"))
    info.model.image_size = info.preprocessing.image_size = options.image_resize;
  ModelDescription training = info.model;
  training.image_size = options.image_resize;
  RIFFLE_ASSIGN(const Plan plan, MakePlan(training));
  Network<float> network(machine->execution, plan, machine->ops);
  Snapshot state(plan.registry);
  RIFFLE_TRY(checkpoint.Load(plan.registry, checkpoint.best_weights(), &state.values));
  network.values().Upload(state.values);

  RIFFLE_TRY(DownloadIfAsked(options, log));
  RIFFLE_ASSIGN(const std::unique_ptr<Dataset> data, OpenDataset(TrainDataset(options)));
  for (const std::string& note : NotesOn(*data, options.train_split, options.image_resize, info.preprocessing.crop_pct))
    log.Line(note);
  RIFFLE_ASSIGN(
      const std::unique_ptr<Loader> loader,
      MakeTrainLoader(options, *data, info.preprocessing, options.image_resize, {.device = machine->execution.device}));
  RIFFLE_ASSIGN(const int64_t used,
                RecalibrateStatistics(batches, 0, *loader, &network, machine->ops, [&](const Batch& batch) {
                  for (const std::string& why : batch.unreadable) log.Line(Skipped(why));
                  for (const std::string& what : batch.flawed) log.Line(what);
                }));

  info.ema_updates.reset();  // the averaged weights, if these are such, are now the only ones
  info.top1_percent.reset();
  info.best_top1_percent.reset();
  info.measured.reset();
  info.ForgetRun();
  network.values().Download(&state.values);
  const fs::path out = *invocation.Own("out");
  RIFFLE_TRY(SaveCheckpoint(out, info, plan.registry, state));
  log.Line(fmt::format("{}: the {}weights of {}, batch-norm statistics averaged over {} of {}, {} × {} pixels",
                       out.string(), checkpoint.best_weights() == WeightSet::kEma ? "averaged " : "", checkpoint.path(),
                       Counted(used, "batch"), options.batch_size, options.image_resize, options.image_resize));
  return {};
}

}  // namespace

Command RecalibrateCommand() {
  using enum OptionGroup;
  return {
      .name = "recalibrate",
      .summary = "computes a checkpoint's batch-norm statistics anew",
      .options = {.groups = {kDataset, kDownload, kTrainPictures, kBatches, kCrops},
                  .names = {"device_target", "device_id", "tf32", "threads", "seed", "image_resize", "ckpt_path",
                            "ckpt_key"}},
      .own_options = {{.name = "out",
                       .value_name = "FILE",
                       .help = "the checkpoint to write: weights, no optimizer",
                       .short_name = 'o',
                       .value = OwnValue::kOutput},
                      {.name = "batches",
                       .value_name = "N",
                       .help = "training batches to average over; all of an epoch unless set"}},
      .examples = {{"recalibrate --ckpt_path=ckpt/shufflenet_v1_g3_x1_0-best.safetensors --out=calibrated.safetensors",
                    "on the pictures that it was trained on, augmented as then: the checkpoint knows its recipe"},
                   {"recalibrate --ckpt_path=best.safetensors --out=large.safetensors --image_resize=288 --batches=50",
                    "for use at another resolution"}},
      .run = Run,
  };
}

}  // namespace riffle
