// `riffle train`: trains a network. From options to data, network and trainer, and what a run tells on the way.
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>

#include "base/text.h"
#include "cli/command.h"
#include "cli/data_options.h"
#include "cli/download.h"
#include "cli/dry_run.h"
#include "cli/epoch_loaders.h"
#include "cli/interruption.h"
#include "cli/machine.h"
#include "cli/run_files.h"
#include "cli/run_folder.h"
#include "cli/run_observers.h"
#include "cli/startup.h"
#include "cli/together.h"
#include "cli/weights.h"
#include "data/splits.h"
#include "model/training_memory.h"
#include "model/zoo.h"
#include "report/table.h"
#include "settings/accepted_options.h"
#include "settings/idle_options.h"
#include "settings/option_rules.h"
#include "settings/processes.h"
#include "settings/run_notes.h"
#include "settings/train_options.h"
#include "train/loop/trainer.h"
#include "train/loss/class_weights.h"
#include "train/parallel/same_state.h"

namespace riffle {
namespace {

namespace fs = std::filesystem;

constexpr int kCurveWidth = 100;  // where the output goes to no terminal

/// What a run works on. The loaders read the data sets.
struct TrainingData {
  std::unique_ptr<Dataset> train, validation;  // validation: null unless val_while_train
  std::unique_ptr<EpochLoaders> train_loaders;
  std::unique_ptr<Loader> validation_loader;
};

Result<std::unique_ptr<Loader>> MakeValLoader(const Options& options, const Dataset& data,
                                              const Preprocessing& preprocessing, const BatchPlace& place) {
  RIFFLE_ASSIGN(const Transform transform, Transform::ForEvaluation(preprocessing));
  return Loader::Create(data, transform, ValLoader(options, place));
}

/// Opens the data; `info` gets the model, with the structure of the network that it starts from or goes on with, the
/// preprocessing, the names of the classes, and what is measured.
Result<TrainingData> OpenTrainingData(const Settings& settings, const std::optional<ModelDescription>& like,
                                      const BatchPlace& place, CheckpointInfo* info) {
  const Options& options = settings.options;
  TrainingData data;
  RIFFLE_ASSIGN(info->preprocessing, PreprocessingFrom(options));
  RIFFLE_ASSIGN(data.train, OpenDataset(TrainDataset(options)));
  RIFFLE_TRY(RequireClasses(*data.train, options));
  info->classes = data.train->classes();
  const int data_classes = static_cast<int>(info->classes.size());
  RIFFLE_ASSIGN(info->model, ModelFromOptions(options, data_classes));
  if (like) TakeStructure(*like, settings, &info->model);
  const int num_classes = info->model.num_classes;
  if (num_classes < data_classes) {
    return InvalidArgument("option num_classes: expected at least the {} of the data, found {}",
                           Counted(data_classes, "class"), num_classes);
  }
  for (int i = data_classes; i < num_classes; ++i) info->classes.push_back(UnusedClass(i));
  RIFFLE_ASSIGN(data.train_loaders, EpochLoaders::Create(options, *data.train, info->preprocessing, place));
  if (options.val_while_train) {
    RIFFLE_ASSIGN(data.validation, OpenDataset(ValDataset(options, data.train->classes())));
    RIFFLE_ASSIGN(data.validation_loader, MakeValLoader(options, *data.validation, info->preprocessing, place));
    info->measured = {.val_split = SplitMeasured(*data.validation, options),
                      .images = data.validation->size(),
                      .names_checksum = data.validation->Checksum(),
                      .tta_flip = options.tta_flip,
                      .averaged_weights = options.ema,
                      .preprocessing = info->preprocessing};
  }
  info->train_images = data.train->size();
  info->processes = place.world.size();
  info->train_checksum = data.train->Checksum();
  return data;
}

/// Puts numbers in the place of class_weights = 'balanced', so that the record of the run holds them.
void BalanceClasses(const Dataset& data, int num_classes, Options& options) {
  if (options.class_weights != "balanced") return;
  std::vector<int64_t> pictures(num_classes);
  for (int64_t i = 0; i < data.size(); ++i) ++pictures[data.label(i)];
  options.class_weights = BalancedClassWeights(pictures);
}

/// Whether the validations to come can use each picture: told before the first epoch, not after it. Pictures in memory
/// can.
Status LookAtValidation(const TrainingData& data, Log& log, Communicator& world) {
  if (!data.validation || data.validation->InMemory()) return {};
  constexpr auto kPatience = std::chrono::seconds(2);
  const auto start = std::chrono::steady_clock::now();
  RIFFLE_ASSIGN(
      const std::vector<std::string> flawed,
      LookAtAll(
          *data.validation_loader,
          [&](int64_t done, int64_t total) {
            if (std::chrono::steady_clock::now() - start < kPatience) return;
            log.Live(fmt::format("Looking at the validation pictures: {} of {}", Grouped(done), Grouped(total)));
          },
          world));
  log.Live("");
  for (const std::string& what : flawed) log.Line(what);
  return {};
}

/// What ended a run before its epochs; "" for one that has them.
std::string EndedEarly(const Trainer& trainer, const Options& options) {
  const std::string saved = trainer.saved().string();
  if (trainer.end() == RunEnd::kPatience)
    return fmt::format("Ended early: {} in a row {} no better than {:.2f} %: {}",
                       Counted(options.patience, "validation"), options.patience == 1 ? "was" : "were",
                       *trainer.info().best_top1_percent, saved);
  if (trainer.end() == RunEnd::kTime)
    return fmt::format("The time is up, {:.6g} minutes; --resume=auto with more --max_minutes goes on from {}",
                       options.max_minutes, saved);
  return "";
}

/// What shows of the data sets once they are open, and is no error.
void TellOf(const TrainingData& data, const Options& options, int processes, Log& log) {
  for (const std::string& note : NotesOn(*data.train, options.train_split, options.image_resize, options.crop_pct))
    log.Line(note);
  const std::string sorted = NarrowBufferNote(*data.train, options);
  if (!sorted.empty()) log.Line(sorted);
  const std::string few = FewUpdatesNote(options, data.train->size(), data.train_loaders->BatchesPerEpoch(), processes);
  if (!few.empty()) log.Line(few);
  if (!data.validation) return;
  for (const std::string& note : NotesOn(*data.validation, options.val_split,
                                         options.val_resize.value_or(options.image_resize), options.crop_pct))
    log.Line(note);
  const std::string apart = Apart(options.val_split, *data.validation, options.train_split, *data.train);
  if (!apart.empty()) log.Line("Not beside each other: " + apart);
}

/// Shows the learning rate as a curve, and how long the run will take.
Status FinishDryRun(const TrainerOptions& options, Trainer& trainer, const TrainingData& data, const Console& console,
                    Log& log) {
  const int width = console.terminal_width > 0 ? console.terminal_width : kCurveWidth;
  console.out << LearningRateCurve(options.schedule, data.train_loaders->BatchesPerEpoch(), width) << std::endl;
  log.Line("Measuring how long it will take");
  RIFFLE_ASSIGN(const std::string time_needed,
                TimeNeeded(options, trainer, *data.train_loaders, data.validation_loader.get()));
  console.out << time_needed << std::endl;
  log.Line("A dry run: nothing was trained or written");
  return {};
}

/// The network whose structure the run takes, which rank 0 knows.
Result<std::optional<ModelDescription>> ShareStructure(std::optional<ModelDescription> like, Communicator& world) {
  if (world.size() == 1) return like;
  RIFFLE_ASSIGN(const std::string json, BroadcastText(world, like ? ToJson(*like) : ""));
  if (json.empty()) return std::optional<ModelDescription>();
  RIFFLE_ASSIGN(ModelDescription model, ModelFromJson(json));
  return std::optional(std::move(model));
}

/// What rank 0 finds, and the others go without; the error of rank 0 is that of all.
template <class T>
Result<T> AtFirst(Communicator& world, const std::function<Result<T>()>& find) {
  Result<T> found = T();
  if (world.first()) found = find();
  RIFFLE_TRY(world.Agree(found.status()));
  return found;
}

Status Train(const Invocation& invocation, const Console& console, Communicator& world) {
  Settings settings = invocation.settings;
  Options& options = settings.options;
  RIFFLE_ASSIGN(const DatasetInfo* dataset, FindDataset(options.dataset));
  UseDefaultsOf(*dataset, settings);
  ResolveAutomatic(options);
  RIFFLE_TRY(CheckTogether(options));
  RIFFLE_TRY(CheckProcesses(options, world.size()));
  RIFFLE_ASSIGN(const std::unique_ptr<Machine> machine, OpenMachine(options, world));

  Log log(console.out, console.terminal_width);
  for (const std::string& note :
       {machine->choice, NoteOnDeviceId(settings, *machine), NoteOnAmpLevel(options.amp_level, *machine),
        NoteOnTf32(options.tf32, {MapsAt(options.amp_level, *machine), MapsAt(options.val_amp_level, *machine)},
                   *machine),
        AcceptedNote(settings), IdleNote(settings, {.has_gpu = machine->gpu != nullptr, .processes = world.size()})})
    if (!note.empty()) log.Line(note);
  for (const std::string& note : NotesOnProcesses(settings, world.size())) log.Line(note);
  for (const std::string& note : NotesOn(settings)) log.Line(note);
  RIFFLE_ASSIGN(const Augmentation augmentation, AugmentationFrom(options, *dataset));
  if (const std::string who = WherePicturesAreMade(augmentation, machine->execution.device, options.device_data_mb);
      !who.empty())
    log.Line(who);
  RIFFLE_TRY(DownloadTogether(options, log, world));
  RunFiles files(settings, log);
  RIFFLE_ASSIGN(std::optional<ModelDescription> like,
                AtFirst<std::optional<ModelDescription>>(world, [&] { return files.FindStructure(); }));
  RIFFLE_ASSIGN(like, ShareStructure(std::move(like), world));
  CheckpointInfo info;
  RIFFLE_ASSIGN(TrainingData data, OpenTrainingData(settings, like, {world, machine->execution.device}, &info));
  RIFFLE_TRY(CheckSamePictures(*data.train, "training pictures", world));
  if (data.validation) RIFFLE_TRY(CheckSamePictures(*data.validation, "validation pictures", world));
  if (const NamedConventions* row = FindConventions(info.model.conventions)) options.conventions = row->name;
  TellOf(data, options, world.size(), log);
  options.num_classes = info.model.num_classes;
  BalanceClasses(*data.train, info.model.num_classes, options);
  info.options = ToYaml(options);
  RIFFLE_TRY(CheckOutsideRun("teacher_ckpt", options.teacher_ckpt, options.ckpt_save_dir));
  RIFFLE_ASSIGN(TrainerOptions trainer_options, TrainerOptionsFrom(options, info.model.num_classes, world.size()));
  trainer_options.maps = MapsAt(options.amp_level, *machine);
  trainer_options.val_maps = MapsAt(options.val_amp_level, *machine);
  RIFFLE_ASSIGN(const std::unique_ptr<Trainer> trainer,
                Trainer::Create(machine->execution, trainer_options, info, machine->ops, world));
  if (!trainer->how_gradients_are_summed().empty()) log.Line(trainer->how_gradients_are_summed());
  const Plan& plan = trainer->plan();
  ModelDescription training_model = plan.model;
  training_model.image_size = options.image_resize;
  RIFFLE_ASSIGN(const Plan training_plan, MakePlan(training_model));
  console.out << EssentialConfigurations(options, {.train_images = data.train->size(),
                                                   .val_images = data.validation ? data.validation->size() : 0,
                                                   .num_classes = plan.model.num_classes,
                                                   .batches_per_epoch = data.train_loaders->BatchesPerEpoch(),
                                                   .parameters = plan.registry.trainable_count(),
                                                   .memory_bytes = TrainingMemoryBytes(
                                                       training_plan,
                                                       std::min<int64_t>(options.batch_size, data.train->size()) *
                                                           std::max(1, options.aug_splits),
                                                       {.map = BytesOf(trainer_options.maps)}),
                                                   .processes = world.size()})
              << std::endl;

  const bool dry = invocation.Has("dry_run");
  RIFFLE_ASSIGN(std::string over, AtFirst<std::string>(world, [&] { return files.Begin(info, dry, *trainer); }));
  RIFFLE_ASSIGN(over, BroadcastText(world, std::move(over)));
  if (!over.empty()) {
    log.Line(over);
    return {};
  }
  if (dry) {
    RIFFLE_TRY(trainer->ShareState());
    return FinishDryRun(trainer_options, *trainer, data, console, log);
  }
  RIFFLE_TRY(LookAtValidation(data, log, world));
  RIFFLE_ASSIGN(std::unique_ptr<TrainObserver> observer, AtFirst<std::unique_ptr<TrainObserver>>(world, [&] {
                  return files.Prepare(*data.train_loaders, data.validation != nullptr, info, *trainer);
                }));
  if (!observer) observer = std::make_unique<SignalObserver>();
  {
    const SignalWatch watch;
    const Status status = trainer->Run({.train = [&](int epoch) { return data.train_loaders->At(epoch); },
                                        .validation = data.validation_loader.get(),
                                        .name_of = [&](int64_t picture) { return data.train->NameOf(picture); }},
                                       *observer);
    if (!status.ok()) return files.Explained(status);
  }
  if (const std::string early = EndedEarly(*trainer, options); !early.empty()) log.Line(early);
  const fs::path folder = options.ckpt_save_dir;
  if (trainer->info().best_top1_percent) {
    log.Line(fmt::format("Best validation top-1: {:.2f} %, kept as {}", *trainer->info().best_top1_percent,
                         (folder / BestCheckpointName(plan.model)).string()));
  }
  log.Line(fmt::format("Checkpoints, metrics and options are in {}", folder.string()));
  return {};
}

Status Run(const Invocation& invocation, const Console& console) {
  return RunTogether(console, [&](Communicator& world, const Console& own) { return Train(invocation, own, world); });
}

}  // namespace

Command TrainCommand() {
  return {
      .name = "train",
      .summary = "trains a network on a dataset",
      .options = AllOptions(),
      .own_options = {{.name = "dry_run",
                       .value_name = "",
                       .help = "everything but the training: opens the data, shows the configuration, the memory, the "
                               "learning-rate curve and, from a few batches, how long it will take; writes nothing"}},
      .examples =
          {{"train --model=shufflenet_v1_g3_x0_5 --dataset=cifar10 --data_dir=data --image_resize=32 --stem=small "
            "--val_while_train",
            "from scratch on CIFAR-10, wherever it lies below data/, with a validation after each epoch"},
           {"train -c configs/cifar10/shufflenet_v1_g3_x0_5.yaml data_dir=data epoch_size=20",
            "a recipe from a file, with two options of your own"},
           {"train --dataset=folder --data_dir=photos --ckpt_path=ckpt/shufflenet_v1_g3_x1_0-best.safetensors "
            "--ckpt_save_dir=photos_ckpt",
            "fine-tunes on photos/train/CLASS/*.jpg"},
           {"train -c configs/cifar10/shufflenet_v1_g3_x0_5.yaml --data_dir=data --dry_run",
            "what a recipe will do: its configuration, the memory, the learning rate as a curve, how long it takes"},
           {"train -c configs/shufflenetv1/shufflenet_v1_g3_x2_0.yaml --data_dir=imagenet --sync_bn",
            "under 'mpirun -n 8 riffle', in eight processes together"},
           {"train -c configs/cifar10/shufflenet_v1_g3_x0_5.yaml --data_dir=data --resume auto",
            "goes on after the newest checkpoint in ckpt_save_dir"}},
      .runs_together = true,
      .run = Run,
  };
}

}  // namespace riffle
