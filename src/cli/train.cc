// `riffle train`: trains a network. From options to data, network and trainer, and what a run tells on the way.
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <optional>
#include <set>

#include "base/file.h"
#include "cli/command.h"
#include "cli/data_options.h"
#include "cli/download.h"
#include "cli/dry_run.h"
#include "cli/epoch_loaders.h"
#include "cli/interruption.h"
#include "cli/machine.h"
#include "cli/run_folder.h"
#include "cli/startup.h"
#include "cli/validation_progress.h"
#include "cli/weights.h"
#include "data/splits.h"
#include "model/zoo.h"
#include "report/metrics.h"
#include "report/progress.h"
#include "report/table.h"
#include "settings/accepted_options.h"
#include "settings/idle_options.h"
#include "settings/option_rules.h"
#include "settings/resume.h"
#include "settings/run_notes.h"
#include "settings/train_options.h"
#include "train/loop/same_run.h"
#include "train/loop/trainer.h"
#include "train/loss/class_weights.h"

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
                                              const Preprocessing& preprocessing) {
  RIFFLE_ASSIGN(const Transform transform, Transform::ForEvaluation(preprocessing));
  return Loader::Create(data, transform, ValLoader(options));
}

/// Opens the data; `info` gets the model, with the structure of the network that it starts from or goes on with, the
/// preprocessing, the names of the classes, and what is measured.
Result<TrainingData> OpenTrainingData(const Settings& settings, const std::optional<ModelDescription>& like,
                                      CheckpointInfo* info) {
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
    return InvalidArgument("option num_classes: expected at least the {} classes of the data, found {}", data_classes,
                           num_classes);
  }
  for (int i = data_classes; i < num_classes; ++i) info->classes.push_back(UnusedClass(i));
  RIFFLE_ASSIGN(data.train_loaders, EpochLoaders::Create(options, *data.train, info->preprocessing));
  if (options.val_while_train) {
    RIFFLE_ASSIGN(data.validation, OpenDataset(ValDataset(options, data.train->classes())));
    RIFFLE_ASSIGN(data.validation_loader, MakeValLoader(options, *data.validation, info->preprocessing));
    info->measured = {.val_split = SplitMeasured(*data.validation, options),
                      .images = data.validation->size(),
                      .names_checksum = data.validation->Checksum(),
                      .tta_flip = options.tta_flip,
                      .averaged_weights = options.ema,
                      .preprocessing = info->preprocessing};
  }
  info->train_images = data.train->size();
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

/// Tells the user, writes the record, and ends the run where a signal asks for it.
class Reporter : public TrainObserver {
 public:
  /// The time left goes by the pixels of each epoch. `lock`: of the run's folder.
  Reporter(const Options& options, const EpochLoaders& loaders, Log& log, MetricsLog metrics, const FileLock& lock)
      : options_(options),
        loaders_(loaders),
        log_(log),
        metrics_(std::move(metrics)),
        lock_(lock),
        progress_(log, options.log_interval, std::chrono::steady_clock::now,
                  [this](int epoch) { return std::pow(loaders_.SizeAt(epoch - 1), 2); }) {}

  Status OnEpochBegin(int epoch) override {
    if (NotedSignal() != 0) return Interrupted("stopped by {} before epoch {}", SignalText(NotedSignal()), epoch);
    const int size = loaders_.SizeAt(epoch - 1);
    if (loaders_.Changes() && size != size_)
      log_.Line(fmt::format("Training on pictures of {0} × {0} pixels from epoch {1} on", size, epoch));
    size_ = size;
    progress_.BeginEpoch();
    return {};
  }

  void OnUnreadable(const std::string& why) override {
    if (!told_.insert(why).second) return;  // another resolution has another loader, which tells it again
    log_.Line(Skipped(why));
  }

  void OnFlawed(const std::string& what) override {
    if (told_.insert(what).second) log_.Line(what);
  }

  Status OnStep(const StepEvent& e) override {
    // First, since who reads what is printed may have ended by the same signal. An epoch that is trained is not thrown
    // away.
    if (NotedSignal() != 0 && e.may_end)
      return Interrupted("stopped by {} in epoch {} after {} of {} batches", SignalText(NotedSignal()), e.epoch,
                         e.batch, e.batches);
    return progress_.Report({.epoch = e.epoch,
                             .epochs = options_.epoch_size,
                             .batch = e.batch,
                             .batches = e.batches,
                             .lr = e.lr,
                             .images = e.images,
                             .waiting_seconds = e.waiting_seconds},
                            [&]() -> Result<double> {
                              RIFFLE_ASSIGN(const StepLoss loss, e.read_loss());
                              return loss.epoch;
                            });
  }

  void OnValidationBegin() override { validation_progress_.emplace(log_, options_.log_interval); }

  Status OnValidation(const Evaluation& so_far, int64_t batch, int64_t batches) override {
    if (NotedSignal() != 0 && batch < batches)
      return Interrupted("stopped by {} in a validation, after {} of {} batches", SignalText(NotedSignal()), batch,
                         batches);
    validation_progress_->Report(so_far, batch, batches);
    return {};
  }

  Status OnSaveBegin() override { return CheckStillOurs(lock_, options_.ckpt_save_dir); }

  void OnRecalibrated(int64_t batches) override {
    log_.Line(fmt::format("Batch-norm statistics averaged anew over {} batches", batches));
  }

  Status OnEpoch(const EpochEvent& e) override {
    validation_progress_.reset();
    const double images_per_second = static_cast<double>(e.images) / e.seconds;
    EpochMetrics row{.epoch = e.epoch,
                     .step = e.step,
                     .lr = e.lr,
                     .train_loss = e.train_loss,
                     .images_per_second = images_per_second,
                     .epoch_seconds = e.seconds};
    std::string line = fmt::format("Epoch {}/{}: loss {:.4f}, {:.1f} s, {:.0f} pictures/s", e.epoch,
                                   options_.epoch_size, e.train_loss, e.seconds, images_per_second);
    if (e.validation) {
      const Evaluation& v = *e.validation;
      row.validation = {
          .top1_percent = v.top1_percent(), .top5_percent = v.top5_percent(), .loss = v.loss(), .seconds = v.seconds};
      line += fmt::format("; validation: top-1 {:.2f} %, top-5 {:.2f} %, loss {:.4f}{}", v.top1_percent(),
                          v.top5_percent(), v.loss(), e.best ? ", the best so far" : "");
    }
    log_.Line(line);
    RIFFLE_TRY(CheckStillOurs(lock_, options_.ckpt_save_dir));
    return metrics_.Append(row);
  }

 private:
  const Options& options_;
  const EpochLoaders& loaders_;
  Log& log_;
  int size_ = 0;  // of the pictures so far
  MetricsLog metrics_;
  const FileLock& lock_;
  Progress progress_;
  std::optional<ValidationProgress> validation_progress_;  // of a validation that goes on
  std::set<std::string> told_;                             // of pictures
};

/// Whether the validations to come can use each picture: told before the first epoch, not after it. Pictures in memory
/// can.
Status LookAtValidation(const TrainingData& data, Log& log) {
  if (!data.validation || data.validation->InMemory()) return {};
  constexpr auto kPatience = std::chrono::seconds(2);
  const auto start = std::chrono::steady_clock::now();
  RIFFLE_ASSIGN(const std::vector<std::string> flawed,
                LookAtAll(*data.validation_loader, [&](int64_t done, int64_t total) {
                  if (std::chrono::steady_clock::now() - start < kPatience) return;
                  log.Live(fmt::format("Looking at the validation pictures: {} of {}", Grouped(done), Grouped(total)));
                }));
  log.Live("");
  for (const std::string& what : flawed) log.Line(what);
  return {};
}

/// The checkpoint of the run's folder that it goes on after, if it is to and there is one.
Result<std::optional<Checkpoint>> NewestIfAsked(const Options& options, const ModelDescription& model, Log& log) {
  if (options.resume != "auto") return std::optional<Checkpoint>();
  RIFFLE_ASSIGN(std::optional<Checkpoint> newest, NewestCheckpoint(options.ckpt_save_dir, model, log));
  if (!newest)
    log.Line(fmt::format("Nothing to resume in {}: starting {}", options.ckpt_save_dir,
                         options.resume_opt ? "from ckpt_path" : "anew"));
  return newest;
}

/// Says what is as it was and what is not; the record of both.
Result<ResumedRecord> GoOn(const Checkpoint& checkpoint, Settings settings, const CheckpointInfo& here, Log& log) {
  const CheckpointInfo& there = checkpoint.info();
  log.Line(fmt::format("Resuming after {}{}: {}", there.PositionText(),
                       there.unvalidated ? ", whose validation is still to come" : "", checkpoint.path()));
  // With resume_opt a file says where the run goes on, and not what it once started from.
  if (settings.options.resume_opt) settings.options.ckpt_path.clear();
  settings.options.resume_opt = false;
  RIFFLE_ASSIGN(ResumedRecord record, ContinueRecord(checkpoint, here, settings));
  for (const std::string& line : record.lines) log.Line("Resumed otherwise: " + line);
  return record;
}

/// The error that ended a run, with its cause where that is a folder which others removed in the middle of a write.
Status BecauseOfTheFolder(const Status& status, const FileLock& lock, const fs::path& folder) {
  const Status ours = CheckStillOurs(lock, folder);
  if (ours.ok() || status.code() == ErrorCode::kInterrupted || status.message().starts_with(ours.message()))
    return status;
  return {ours.code(), fmt::format("{}: {}", ours.message(), status.message())};
}

/// What ended the run, and what would let it go on; "" for a run that goes on.
std::string AlreadyOver(const Trainer& trainer, const Options& options) {
  const int epochs = trainer.finished_epochs();
  switch (trainer.end()) {
    case RunEnd::kNotYet:
      return "";
    case RunEnd::kEpochs:
      return epochs == options.epoch_size
                 ? fmt::format("The run has its {} epochs; raise --epoch_size to go on", epochs)
                 : fmt::format("The run has {} epochs, more than the {} of --epoch_size, and is left as it is", epochs,
                               options.epoch_size);
    case RunEnd::kPatience:
      return fmt::format("The run ended after epoch {}, for want of a better validation; raise --patience to go on",
                         epochs);
    case RunEnd::kTime:
      return fmt::format("The run has had its {:.6g} minutes; raise --max_minutes to go on", options.max_minutes);
  }
  return "";
}

/// What ended a run before its epochs; "" for one that has them.
std::string EndedEarly(const Trainer& trainer, const Options& options) {
  const std::string saved = trainer.saved().string();
  if (trainer.end() == RunEnd::kPatience)
    return fmt::format("Ended early: {} validations in a row were no better than {:.2f} %: {}", options.patience,
                       *trainer.info().best_top1_percent, saved);
  if (trainer.end() == RunEnd::kTime)
    return fmt::format("The time is up, {:.6g} minutes; --resume=auto with more --max_minutes goes on from {}",
                       options.max_minutes, saved);
  return "";
}

/// The weights to start from, if the user names some.
Result<std::optional<Checkpoint>> OpenStart(const Settings& settings, Log& log) {
  const Options& options = settings.options;
  if (!AsksForWeights(options)) return std::optional<Checkpoint>();
  if (!options.resume_opt) RIFFLE_TRY(CheckOutsideRun("ckpt_path", options.ckpt_path, options.ckpt_save_dir));
  RIFFLE_ASSIGN(Checkpoint checkpoint, OpenAskedWeights(settings, "to start from", log));
  return std::optional<Checkpoint>(std::move(checkpoint));
}

/// Takes them over, and says what of the run's input is not as theirs was.
Status StartFrom(const Checkpoint& checkpoint, Trainer& trainer, Log& log) {
  RIFFLE_ASSIGN(const std::string line, trainer.StartFrom(checkpoint));
  log.Line(line);
  const Preprocessing &theirs = checkpoint.info().preprocessing, &ours = trainer.info().preprocessing;
  const auto is_raw = [](const Preprocessing& p) { return std::ranges::all_of(p.std, [](float s) { return s == 1; }); };
  if (theirs.channels == ours.channels && is_raw(theirs) != is_raw(ours))
    log.Line(fmt::format("Its input was normalised otherwise: add --mean={} --std={} for the same",
                         fmt::join(theirs.mean, ","), fmt::join(theirs.std, ",")));
  return {};
}

/// The network whose structure the run takes: that of the run which it goes on with, or of the weights it starts from.
std::optional<ModelDescription> Like(const Options& options, const std::optional<Checkpoint>& start) {
  if (start) return start->info().model;
  const Result<ModelDescription> model = FindModel(options.model);
  return options.resume == "auto" && model.ok() ? NetworkOfRun(options.ckpt_save_dir, *model) : std::nullopt;
}

/// The row with these conventions; `otherwise` if there is none.
std::string RowOf(const Conventions& conventions, const std::string& otherwise) {
  const auto* const row = std::ranges::find(kConventions, conventions, &NamedConventions::conventions);
  return row == kConventions.end() ? otherwise : std::string(row->name);
}

/// What shows of the data sets once they are open, and is no error.
void TellOf(const TrainingData& data, const Options& options, Log& log) {
  for (const std::string& note : NotesOn(*data.train, options.train_split)) log.Line(note);
  if (!data.validation) return;
  for (const std::string& note : NotesOn(*data.validation, options.val_split)) log.Line(note);
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

Status Run(const Invocation& invocation, const Console& console) {
  Settings settings = invocation.settings;
  Options& options = settings.options;
  RIFFLE_ASSIGN(const DatasetInfo* dataset, FindDataset(options.dataset));
  UseDefaultsOf(*dataset, settings);
  ResolveAutomatic(options);
  RIFFLE_TRY(CheckTogether(options));
  RIFFLE_ASSIGN(const std::unique_ptr<Machine> machine, OpenMachine(options));

  Log log(console.out, console.terminal_width);
  for (const std::string& note : {AcceptedNote(settings), IdleNote(settings)})
    if (!note.empty()) log.Line(note);
  for (const std::string& note : NotesOn(settings)) log.Line(note);
  RIFFLE_TRY(DownloadIfAsked(options, log));
  const bool may_resume = options.resume == "auto";
  // Where a run may go on, weights to start from are only needed, and need only be there, if it does not.
  std::optional<Checkpoint> start;
  std::optional<ModelDescription> like = Like(options, start);
  if (!like) {
    RIFFLE_ASSIGN(start, OpenStart(settings, log));
    like = Like(options, start);
  }
  CheckpointInfo info;
  RIFFLE_ASSIGN(TrainingData data, OpenTrainingData(settings, like, &info));
  options.conventions = RowOf(info.model.conventions, options.conventions);
  TellOf(data, options, log);
  options.num_classes = info.model.num_classes;
  BalanceClasses(*data.train, info.model.num_classes, options);
  info.options = ToYaml(options);
  RIFFLE_TRY(CheckOutsideRun("teacher_ckpt", options.teacher_ckpt, options.ckpt_save_dir));
  RIFFLE_ASSIGN(const TrainerOptions trainer_options, TrainerOptionsFrom(options, info.model.num_classes));
  RIFFLE_ASSIGN(const std::unique_ptr<Trainer> trainer,
                Trainer::Create(machine->execution, trainer_options, info, machine->ops));
  const Plan& plan = trainer->plan();
  ModelDescription training_model = plan.model;
  training_model.image_size = options.image_resize;
  RIFFLE_ASSIGN(const Plan training_plan, MakePlan(training_model));
  console.out << EssentialConfigurations(options,
                                         {.train_images = data.train->size(),
                                          .val_images = data.validation ? data.validation->size() : 0,
                                          .num_classes = plan.model.num_classes,
                                          .batches_per_epoch = data.train_loaders->BatchesPerEpoch(),
                                          .parameters = plan.registry.trainable_count(),
                                          .memory_bytes = TrainingMemoryBytes(
                                              training_plan, std::min<int64_t>(options.batch_size, data.train->size()) *
                                                                 std::max(1, options.aug_splits))})
              << std::endl;

  const bool dry = invocation.Has("dry_run");
  const fs::path folder = options.ckpt_save_dir;
  if (start && !may_resume)  // its errors come before the folder is made
    RIFFLE_TRY(options.resume_opt ? trainer->Resume(*start) : StartFrom(*start, *trainer, log));
  std::optional<FileLock> lock;
  if (!dry) {
    RIFFLE_ASSIGN(FileLock taken, LockRunFolder(folder, log));
    lock.emplace(std::move(taken));
  }
  RIFFLE_ASSIGN(std::optional<Checkpoint> resumed, NewestIfAsked(options, info.model, log));
  if (!resumed && may_resume) {
    for (const std::string& note : NotesOnNewStart(settings)) log.Line(note);
    if (!start) {
      RIFFLE_ASSIGN(start, OpenStart(settings, log));
    }
    if (start && !options.resume_opt) RIFFLE_TRY(StartFrom(*start, *trainer, log));
  }
  const bool goes_on_from_file = !resumed && options.resume_opt;
  if (goes_on_from_file) resumed = std::move(start);
  start.reset();
  std::optional<ResumedRecord> record;
  if (resumed) {
    RIFFLE_TRY(trainer->Resume(*resumed));
    if (const std::string over = AlreadyOver(*trainer, options); !over.empty()) {
      log.Line(fmt::format("{}: {}", over, resumed->path()));
      return {};
    }
    RIFFLE_ASSIGN(record, GoOn(*resumed, settings, info, log));
  }
  if (dry) return FinishDryRun(trainer_options, *trainer, data, console, log);
  RIFFLE_TRY(LookAtValidation(data, log));
  const bool has_the_run = resumed && (!goes_on_from_file || IsOfRunIn(folder, resumed->path()));
  RIFFLE_TRY(PrepareRunFolder(folder, has_the_run, log));
  if (resumed) {
    if (has_the_run) RIFFLE_TRY(MoveLaterCheckpoints(folder, *resumed, log));
    const BestSoFar best = FindBest(*resumed, info, folder);
    if (!best.line.empty()) log.Line(best.line);
    if (best.set_aside && data.validation) RIFFLE_TRY(SetBestAside(folder, info.model, log));
    trainer->GoOnWith(record->yaml, RetentionFrom(record->options), best.top1_percent);
  }
  RIFFLE_TRY(WriteFileAtomically(folder / (info.model.name + ".yaml"), trainer->info().options));
  RIFFLE_ASSIGN(MetricsLog metrics, MetricsLog::Open(folder, trainer->finished_epochs()));
  if (metrics.dropped() > 0)
    log.Line(
        fmt::format("Rows of {} later epochs are dropped from the metrics: they are trained again", metrics.dropped()));
  if (metrics.missing() > 0)
    log.Line(fmt::format("The metrics in {} lack the rows of {} of the {} epochs so far", folder.string(),
                         metrics.missing(), trainer->finished_epochs()));
  Reporter reporter(options, *data.train_loaders, log, std::move(metrics), *lock);
  {
    const SignalWatch watch;
    const Status status = trainer->Run(
        {[&](int epoch) { return data.train_loaders->At(epoch); }, data.validation_loader.get()}, reporter);
    if (!status.ok()) return BecauseOfTheFolder(status, *lock, folder);
  }
  if (const std::string early = EndedEarly(*trainer, options); !early.empty()) log.Line(early);
  if (trainer->info().best_top1_percent) {
    log.Line(fmt::format("Best validation top-1: {:.2f} %, kept as {}", *trainer->info().best_top1_percent,
                         (folder / BestCheckpointName(plan.model)).string()));
  }
  log.Line(fmt::format("Checkpoints, metrics and options are in {}", folder.string()));
  return {};
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
           {"train -c configs/cifar10/shufflenet_v1_g3_x0_5.yaml --data_dir=data --resume auto",
            "goes on after the newest checkpoint in ckpt_save_dir"}},
      .run = Run,
  };
}

}  // namespace riffle
