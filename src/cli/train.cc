// `riffle train`: trains a network. From options to data, network and trainer, and what a run tells on the way.
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <functional>
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
#include "cli/together.h"
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
#include "settings/processes.h"
#include "settings/resume.h"
#include "settings/run_notes.h"
#include "settings/train_options.h"
#include "train/loop/same_run.h"
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
                                              const Preprocessing& preprocessing, const Communicator& world) {
  RIFFLE_ASSIGN(const Transform transform, Transform::ForEvaluation(preprocessing));
  return Loader::Create(data, transform, ValLoader(options, world));
}

/// Opens the data; `info` gets the model, with the structure of the network that it starts from or goes on with, the
/// preprocessing, the names of the classes, and what is measured.
Result<TrainingData> OpenTrainingData(const Settings& settings, const std::optional<ModelDescription>& like,
                                      const Communicator& world, CheckpointInfo* info) {
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
  RIFFLE_ASSIGN(data.train_loaders, EpochLoaders::Create(options, *data.train, info->preprocessing, world));
  if (options.val_while_train) {
    RIFFLE_ASSIGN(data.validation, OpenDataset(ValDataset(options, data.train->classes())));
    RIFFLE_ASSIGN(data.validation_loader, MakeValLoader(options, *data.validation, info->preprocessing, world));
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

/// Ends the run where a signal asks for it.
class SignalObserver : public TrainObserver {
 public:
  Status OnEpochBegin(int epoch) override {
    if (NotedSignal() == 0) return {};
    return Interrupted("stopped by {} before epoch {}", SignalText(NotedSignal()), epoch);
  }

  Status OnStep(const StepEvent& e) override {
    if (NotedSignal() == 0 || !e.may_end) return {};  // an epoch that is trained is not thrown away
    return Interrupted("stopped by {} in epoch {} after {} of {} batches", SignalText(NotedSignal()), e.epoch, e.batch,
                       e.batches);
  }

  Status OnValidation(const Evaluation&, int64_t batch, int64_t batches) override {
    if (NotedSignal() == 0 || batch == batches) return {};
    return Interrupted("stopped by {} in a validation, after {} of {} batches", SignalText(NotedSignal()), batch,
                       batches);
  }
};

/// Tells the user, writes the record.
class Reporter : public SignalObserver {
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
    RIFFLE_TRY(SignalObserver::OnEpochBegin(epoch));
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

  void OnNotFinite(const std::string& what) override { log_.Line(what); }

  Status OnStep(const StepEvent& e) override {
    RIFFLE_TRY(SignalObserver::OnStep(e));  // first, since who reads what is printed may have ended by the same signal
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
    RIFFLE_TRY(SignalObserver::OnValidation(so_far, batch, batches));
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

/// Whether all processes see the same pictures: a disk of each host may hold its own.
Status CheckSameData(const TrainingData& data, Communicator& world) {
  const auto of = [](const Dataset& pictures) { return fmt::format("{} {}", pictures.size(), pictures.Checksum()); };
  RIFFLE_TRY(CheckSame(world, of(*data.train), "training pictures"));
  return data.validation ? CheckSame(world, of(*data.validation), "validation pictures") : Status();
}

/// The network whose structure the run takes, which rank 0 knows.
Result<std::optional<ModelDescription>> ShareStructure(std::optional<ModelDescription> like, Communicator& world) {
  if (world.size() == 1) return like;
  RIFFLE_ASSIGN(const std::string json, BroadcastText(world, like ? ToJson(*like) : ""));
  if (json.empty()) return std::optional<ModelDescription>();
  RIFFLE_ASSIGN(ModelDescription model, ModelFromJson(json));
  return std::optional(std::move(model));
}

/// In rank 0, the checkpoints that a run starts from or goes on after, its folder, and what it writes there.
class RunFiles {
 public:
  RunFiles(const Settings& settings, Log& log)
      : settings_(settings), options_(settings.options), folder_(settings.options.ckpt_save_dir), log_(log) {}

  /// The network whose structure the run takes. Where a run may go on, weights to start from are only needed, and need
  /// only be there, if it does not.
  Result<std::optional<ModelDescription>> FindStructure() {
    std::optional<ModelDescription> like = Like(options_, start_);
    if (!like) {
      RIFFLE_ASSIGN(start_, OpenStart(settings_, log_));
      like = Like(options_, start_);
    }
    return like;
  }

  /// Takes the folder, and gives the trainer what it starts from or goes on after. What ended the run that is there
  /// already; "" for one that goes on.
  Result<std::string> Begin(const CheckpointInfo& info, bool dry, Trainer& trainer) {
    if (start_ && !MayResume())  // its errors come before the folder is made
      RIFFLE_TRY(options_.resume_opt ? trainer.Resume(*start_) : StartFrom(*start_, trainer, log_));
    if (!dry) {
      RIFFLE_ASSIGN(FileLock taken, LockRunFolder(folder_, log_));
      lock_.emplace(std::move(taken));
    }
    RIFFLE_ASSIGN(resumed_, NewestIfAsked(options_, info.model, log_));
    if (!resumed_ && MayResume()) {
      for (const std::string& note : NotesOnNewStart(settings_)) log_.Line(note);
      if (!start_) {
        RIFFLE_ASSIGN(start_, OpenStart(settings_, log_));
      }
      if (start_ && !options_.resume_opt) RIFFLE_TRY(StartFrom(*start_, trainer, log_));
    }
    goes_on_from_file_ = !resumed_ && options_.resume_opt;
    if (goes_on_from_file_) resumed_ = std::move(start_);
    start_.reset();
    if (!resumed_) return std::string();
    RIFFLE_TRY(trainer.Resume(*resumed_));
    if (const std::string over = AlreadyOver(trainer, options_); !over.empty())
      return fmt::format("{}: {}", over, resumed_->path());
    RIFFLE_ASSIGN(record_, GoOn(*resumed_, settings_, info, log_));
    return std::string();
  }

  /// Makes room in the folder, and begins the record. Who tells of the run.
  Result<std::unique_ptr<TrainObserver>> Prepare(const TrainingData& data, const CheckpointInfo& info,
                                                 Trainer& trainer) {
    const bool has_the_run = resumed_ && (!goes_on_from_file_ || IsOfRunIn(folder_, resumed_->path()));
    RIFFLE_TRY(PrepareRunFolder(folder_, has_the_run, log_));
    if (resumed_) {
      if (goes_on_from_file_ && has_the_run) RIFFLE_TRY(MoveLaterCheckpoints(folder_, *resumed_, log_));
      const BestSoFar best = FindBest(*resumed_, info, folder_);
      if (!best.line.empty()) log_.Line(best.line);
      if (best.set_aside && data.validation) RIFFLE_TRY(SetBestAside(folder_, info.model, log_));
      trainer.GoOnWith(record_->yaml, RetentionFrom(record_->options), best.top1_percent);
    }
    RIFFLE_TRY(WriteFileAtomically(folder_ / (info.model.name + ".yaml"), trainer.info().options));
    RIFFLE_ASSIGN(MetricsLog metrics, MetricsLog::Open(folder_, trainer.finished_epochs()));
    if (metrics.dropped() > 0)
      log_.Line(fmt::format("Rows of {} later epochs are dropped from the metrics: they are trained again",
                            metrics.dropped()));
    if (metrics.missing() > 0)
      log_.Line(fmt::format("The metrics in {} lack the rows of {} of the {} epochs so far", folder_.string(),
                            metrics.missing(), trainer.finished_epochs()));
    return std::unique_ptr<TrainObserver>(
        new Reporter(options_, *data.train_loaders, log_, std::move(metrics), *lock_));
  }

  /// The error that ended the run, with its cause where that is the folder.
  Status Explained(const Status& status) const { return lock_ ? BecauseOfTheFolder(status, *lock_, folder_) : status; }

 private:
  bool MayResume() const { return options_.resume == "auto"; }

  const Settings& settings_;
  const Options& options_;
  const fs::path folder_;
  Log& log_;
  std::optional<Checkpoint> start_, resumed_;
  bool goes_on_from_file_ = false;
  std::optional<ResumedRecord> record_;
  std::optional<FileLock> lock_;
};

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
  RIFFLE_ASSIGN(const std::unique_ptr<Machine> machine, OpenMachine(options));

  Log log(console.out, console.terminal_width);
  for (const std::string& note : {AcceptedNote(settings), IdleNote(settings)})
    if (!note.empty()) log.Line(note);
  for (const std::string& note : NotesOnProcesses(settings, world.size())) log.Line(note);
  for (const std::string& note : NotesOn(settings)) log.Line(note);
  RIFFLE_TRY(DownloadTogether(options, log, world));
  RunFiles files(settings, log);
  RIFFLE_ASSIGN(std::optional<ModelDescription> like,
                AtFirst<std::optional<ModelDescription>>(world, [&] { return files.FindStructure(); }));
  RIFFLE_ASSIGN(like, ShareStructure(std::move(like), world));
  CheckpointInfo info;
  RIFFLE_ASSIGN(TrainingData data, OpenTrainingData(settings, like, world, &info));
  RIFFLE_TRY(CheckSameData(data, world));
  options.conventions = RowOf(info.model.conventions, options.conventions);
  TellOf(data, options, log);
  options.num_classes = info.model.num_classes;
  BalanceClasses(*data.train, info.model.num_classes, options);
  info.options = ToYaml(options);
  RIFFLE_TRY(CheckOutsideRun("teacher_ckpt", options.teacher_ckpt, options.ckpt_save_dir));
  RIFFLE_ASSIGN(const TrainerOptions trainer_options,
                TrainerOptionsFrom(options, info.model.num_classes, world.size()));
  RIFFLE_ASSIGN(const std::unique_ptr<Trainer> trainer,
                Trainer::Create(machine->execution, trainer_options, info, machine->ops, world));
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
                                                                 std::max(1, options.aug_splits)),
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
  RIFFLE_ASSIGN(std::unique_ptr<TrainObserver> observer,
                AtFirst<std::unique_ptr<TrainObserver>>(world, [&] { return files.Prepare(data, info, *trainer); }));
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
