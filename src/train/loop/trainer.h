// The training loop: epochs of batches, validation, checkpoints. A library: it tells an observer what happens and
// prints nothing.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "backend/recordings.h"
#include "checkpoint/checkpoint.h"
#include "data/batch.h"
#include "dist/communicator.h"
#include "model/network.h"
#include "runtime/session.h"
#include "train/loop/evaluate.h"
#include "train/loop/pace.h"
#include "train/loop/retention.h"
#include "train/loss/objective.h"
#include "train/parallel/card_sums.h"
#include "train/parallel/gradient_reducer.h"
#include "train/parallel/synced_statistics.h"
#include "train/update/gradients.h"
#include "train/update/optimizer.h"
#include "train/update/schedule.h"

namespace riffle {

/// What becomes of a step whose loss, or whose gradients, are not finite numbers.
enum class OnNan {
  kStop,      ///< the loss ends the run
  kSkip,      ///< its update is left out, as if its batches had not been
  kRollback,  ///< the same, and weights and optimizer become those of the newest checkpoint
};

/// What a run does: how long, how it steps, what it keeps. Fields are options of the same names unless they say more.
struct TrainerOptions {
  ScheduleOptions schedule;
  OptimizerOptions optimizer;
  ObjectiveOptions objective;
  uint64_t seed = 42;
  bool zero_init_residual = true;
  int gradient_accumulation_steps = 1;
  OnNan on_nan = OnNan::kStop;
  std::optional<double> clip_norm = std::nullopt;  ///< clip_value where clip_grad is set
  std::optional<double> ema_decay = std::nullopt;  ///< where ema is set
  int bn_recalibration = 0;
  bool sync_bn = false;
  NcclUse nccl = NcclUse::kOff;
  /// Of training, and of validation: amp_level and val_amp_level, where the backend has ops for them.
  MapType maps = MapType::kFloat, val_maps = MapType::kFloat;
  int val_interval = 1;
  int patience = 0;
  double max_minutes = 0;
  bool tta_flip = false;
  std::filesystem::path ckpt_save_dir = "./ckpt";
  int ckpt_save_interval = 1;
  int64_t ckpt_save_steps = 0;
  double ckpt_save_minutes = 0;
  Retention retention;  ///< ckpt_save_policy and keep_checkpoint_max

  int epochs() const { return schedule.epoch_size; }
  /// Whether a run with a validation set validates after this epoch, from 1.
  bool ValidatesAfter(int epoch) const { return epoch % val_interval == 0 || epoch == epochs(); }
};

/// Why a run is over.
enum class RunEnd {
  kNotYet,
  kEpochs,    ///< it has the epochs that were asked for
  kPatience,  ///< as many validations as `patience` says were no better than the best one
  kTime,      ///< its parts took `max_minutes`
};

/// What batches cost, as means over their pictures; in a world of several processes over those of this one.
struct StepLoss {
  double batch = 0;  ///< of the last one
  double epoch = 0;  ///< of the epoch so far
};

/// A batch that is done.
struct StepEvent {
  int epoch = 0;      ///< from 1
  int64_t batch = 0;  ///< from 1
  int64_t batches = 0;
  double lr = 0;
  /// Whether the run could end and go on from here: the batch completes an update, and not the epoch.
  bool may_end = false;
  int64_t images = 0;          ///< of the epoch so far, without those before a resume
  double waiting_seconds = 0;  ///< for data, in the same time
  /// Waits for the ops of the batch: to be called when the loss is shown, not in every step, and within OnStep only.
  /// The error of a loss that is not finite, of this batch or one before it.
  std::function<Result<StepLoss>()> read_loss;
};

/// An epoch that is done.
struct EpochEvent {
  int epoch = 0;
  int64_t step = 0;  ///< batches since the start of the run
  double lr = 0;
  double train_loss = 0;  ///< mean over the epoch's pictures
  int64_t images = 0;
  double seconds = 0;  ///< of training
  std::optional<Evaluation> validation;
  bool best = false;  ///< the best validation so far
};

/// What the command line shows and records; of several processes the first one. Pictures that any of them could not
/// use are told at each, and the Status of any counts for all. A Status that is not ok ends the run. So does a signal,
/// with kInterrupted: where a step may_end, what was trained is saved first.
class TrainObserver {
 public:
  virtual ~TrainObserver() = default;
  virtual Status OnEpochBegin(int /*epoch*/) { return {}; }
  /// A picture was left out, another stands in its place; once for each. `why` names it.
  virtual void OnUnreadable(const std::string& /*why*/) {}
  /// A picture was used though something is wrong with it; once for each. `what` names it.
  virtual void OnFlawed(const std::string& /*what*/) {}
  virtual Status OnStep(const StepEvent&) { return {}; }
  /// A loss was not finite: `what` names the step and its pictures, and says what was done (OnNan).
  virtual void OnNotFinite(const std::string& /*what*/) {}
  virtual void OnValidationBegin() {}
  virtual Status OnValidation(const Evaluation& /*so_far*/, int64_t /*batch*/, int64_t /*batches*/) { return {}; }
  virtual Status OnEpoch(const EpochEvent&) { return {}; }
  virtual void OnRecalibrated(int64_t /*batches*/) {}
  /// A checkpoint is about to be written.
  virtual Status OnSaveBegin() { return {}; }
};

/// Where batches come from.
struct TrainSources {
  /// The source of an epoch, from 0, valid until the next call. The size of its pictures is what the network trains on,
  /// whatever it is validated on; the number of batches is that of all epochs.
  std::function<Result<BatchSource*>(int epoch)> train;
  /// May be null. Outlives the trainer.
  BatchSource* validation = nullptr;
  /// What messages call a picture of the training set, by its index in batches; none: its index.
  std::function<std::string(int64_t index)> name_of = {};
};

/// One run. Everything that it does is a function of (options, data): batches come from positions, random numbers from
/// places.
///
/// Where a world has several processes, each has a trainer, and a source for its share of every batch; a step is that
/// of one process with all of the batch. All have the same parameters, statistics, averages and optimizer's state after
/// each step: gradients are summed, and batch norm's running statistics averaged by pictures, or with options.sync_bn
/// those of all pictures. They begin with the state of rank 0, which alone reads and writes checkpoints; at the start
/// and after each epoch the states are compared. The error of one ends all at the same step, and reaches all.
class Trainer {
 public:
  /// Errors: those of MakePlan, CheckClassNames and Objective::Create. Its ops run on `execution`, whose pool must
  /// outlive the trainer, as `ops` and `world` must; the parameters are initialised from options.seed. Collective, as
  /// are Run, PaceOfTraining and PaceOfValidation.
  static Result<std::unique_ptr<Trainer>> Create(const Execution& execution, const TrainerOptions& options,
                                                 CheckpointInfo info, const OpTable<float>& ops,
                                                 Communicator& world = ThisProcess());

  /// Starts from a checkpoint's weights, as far as Transfer (transfer.h) takes them; returns its line. InvalidArgument
  /// names what differs.
  Result<std::string> StartFrom(const Checkpoint& checkpoint);
  /// Goes on where a checkpoint of this run was made, between two epochs or within one: with its optimizer, moving
  /// average, epoch, step, running mean of the loss, patience and time. Errors: those of CheckSameRun and
  /// Checkpoint::Load.
  Status Resume(const Checkpoint& checkpoint);

  /// After Resume: what checkpoints say of the options from now on, which of them stay, and the best validation so far,
  /// as FindBest (same_run.h) finds it.
  void GoOnWith(std::string record, Retention retention, std::optional<double> best_top1_percent);

  /// All processes take up the state of rank 0, where only that one has started from a checkpoint or goes on after one;
  /// Run begins with it. DataLoss unless all then have the same bits. Collective.
  Status ShareState();

  /// Trains from where the run is to its end(), and saves into options.ckpt_save_dir: where ckpt_save_interval,
  /// ckpt_save_steps and ckpt_save_minutes ask for it, and where it ends. A loss that is not finite ends the run, or
  /// what options.on_nan says; a parameter ends it, before either can reach a checkpoint. An epoch is saved before its
  /// validation, and again with its result: an error or a crash in between costs nothing, since a run that goes on from
  /// there begins with that validation. A signal, and what ends the run between two epochs, costs nothing either. Each
  /// error says at its end what is kept, and where. InvalidArgument where the run goes on within an epoch that has
  /// another number of batches now.
  Status Run(const TrainSources& sources, TrainObserver& observer);
  /// Whether the run is over: there is nothing left for Run to do.
  RunEnd end() const;
  /// What its parts took so far, up to the last update or epoch.
  double run_seconds() const { return run_seconds_; }
  /// The newest checkpoint that the run can go on from; "": there is none.
  std::filesystem::path saved() const { return saved_ ? saved_->file.path : ""; }

  /// For a dry run: the pace of real training steps on this source's pictures, and of validation. What the steps change
  /// is saved nowhere. REQUIRES: several processes have called ShareState; Run is not called afterwards. Errors: those
  /// of Run.
  Result<Pace> PaceOfTraining(BatchSource& source);
  Result<Pace> PaceOfValidation(BatchSource& source);

  /// A line for people on how gradients of several processes are summed, where cards compute; or "".
  const std::string& how_gradients_are_summed() const { return how_summed_; }

  const Plan& plan() const { return *plan_; }
  const CheckpointInfo& info() const { return info_; }

  /// The state of the run as it is now, and back. REQUIRES: a snapshot to take up is of the same plan and optimizer.
  Snapshot TakeSnapshot() const;
  void TakeUp(const Snapshot& snapshot);
  /// Epochs that are done, with their validations.
  int finished_epochs() const { return info_.epoch - (info_.unvalidated ? 1 : 0); }

 private:
  Trainer(const Execution& execution, const TrainerOptions& options, CheckpointInfo info,
          std::unique_ptr<const Plan> plan, std::unique_ptr<Objective> objective, const OpTable<float>& ops,
          Communicator& world);
  static Result<std::unique_ptr<Trainer>> CreateAlone(const Execution& execution, const TrainerOptions& options,
                                                      CheckpointInfo info, const OpTable<float>& ops,
                                                      Communicator& world);
  /// What training with the others needs.
  Status Join();
  /// Where a run stands, as checkpoints say it: to info_, and from there.
  void NoteProgress();
  void TakeProgress(const CheckpointInfo& there);
  /// Weights, statistics, average and optimizer, with the updates that these have seen; and with them where the run
  /// stands.
  Status TakeUpWeights(const Checkpoint& checkpoint);
  Status TakeUpRun(const Checkpoint& checkpoint);

  const Plan& TrainingPlan() const { return train_plan_ ? *train_plan_ : *plan_; }
  bool FreezesBody() const { return options_.optimizer.policy.freezes_body; }
  /// What can fail at one process alone before a step: reading the losses of earlier ones, and the batch.
  Status CheckBeforeStep(const Result<const Batch*>& next);
  /// The same of all processes; tells what is wrong with pictures of the batch.
  Status AgreeOnBatch(const Result<const Batch*>& next, TrainObserver& observer);
  /// The error of any process after a step, and the clock of the first, by which all decide. Of losses that are not
  /// finite the first one is the error.
  Status AgreeOnStep(Status own);
  /// A step whose loss was not read yet.
  struct UnreadStep {
    int64_t step;
    double lr;
    int images;
    std::vector<int64_t> pictures;  // their indices, each once
  };

  /// Whether the host takes part in a step: sums pass through its memory, or it looks whether the step may stay.
  bool HostTakesPart() const { return (reducer_ && !card_sums_) || options_.on_nan != OnNan::kStop; }
  /// False, at all processes: its update is to be left out, as options.on_nan says.
  Result<bool> TrainStep(const Batch& batch, const UpdateGroup& group, double lr);
  Result<bool> TrainStepWithHost(const Batch& batch, Rows<const float> pictures, const UpdateGroup& group, double lr);
  /// The parts of a step. Those that enqueue call ops alone unless the host takes part; PrepareUpdate writes for the
  /// update what changes from one to the next.
  void EnqueueForward(const Batch& batch, Rows<const float> pictures, const UpdateGroup& group);
  DeviceArray<float>* EnqueueBackward(const UpdateGroup& group);
  void PrepareUpdate(double lr);
  void EnqueueUpdate(DeviceArray<float>* gradients);
  bool IsFinite(const DeviceArray<float>& values);
  /// "loss is not a finite number at step 5 (learning rate 0.1; pictures a.jpg, b.jpg, c.jpg and 29 more)"
  std::string NotFinite(const UnreadStep& step, std::string_view what) const;
  /// Undoes what the update that TrainStep wants to be left out has changed. InvalidArgument where that happens too
  /// often. Collective.
  Status LeaveOut(TrainObserver& observer);
  /// Weights, statistics, average and optimizer become those of the newest whole checkpoint of the run; its path, at
  /// rank 0. Collective.
  Result<std::filesystem::path> GoBack(TrainObserver& observer);
  /// That checkpoint. Errors: InvalidArgument if there is none.
  Result<std::filesystem::path> NewestWhole(TrainObserver& observer) const;
  /// Takes note of the losses of the steps since the last call, of this process. InvalidArgument if one is not finite:
  /// names the step.
  Status ReadLosses();
  /// Adds those of all processes to the epoch's. Collective.
  Status CollectLosses();
  Result<StepLoss> ReadStepLoss();
  /// Seconds since the last call; adds them to those of the run.
  double Lap();
  /// From the batch on that is next. None: the run's time is up within it.
  Result<std::optional<EpochEvent>> TrainEpoch(BatchSource& source, TrainObserver& observer);
  /// What is validated and used: the moving average if the run keeps one.
  const DeviceParameterValues<float>& BestWeights() const { return ema_ ? *ema_ : network_->values(); }
  Status Validate(BatchSource& source, EpochEvent* event, TrainObserver& observer);
  /// Of the weights as they are, if the run keeps an average and has none yet.
  void StartAverage();
  Status TrainOnPicturesOf(const BatchSource& source);
  Status Recalibrate(BatchSource& source, TrainObserver& observer);
  Status CheckFinite();
  /// The rest of an epoch that is trained: validation, record, checkpoints.
  Status FinishEpoch(EpochEvent event, const TrainSources& sources, TrainObserver& observer);
  Status RunEpochs(const TrainSources& sources, TrainObserver& observer);
  /// What comes before the first batch of the epoch that is next.
  Result<BatchSource*> BeginEpoch(const TrainSources& sources, TrainObserver& observer);
  /// `why` the run ends, between two updates: saves what was trained unless it is saved.
  Status SavedBefore(Status why, TrainObserver& observer);
  /// "; epochs 1 to 3 are in FILE, nothing is lost; ..."
  std::string WhatIsKept() const;
  Status ValidateSafely(BatchSource& source, bool saves, EpochEvent* event, TrainObserver& observer);
  /// Whether ckpt_save_steps or ckpt_save_minutes ask for a checkpoint.
  bool IsDue() const;
  bool SavesAfter(int epoch) const;
  Status Save(const std::filesystem::path& path, TrainObserver& observer);
  /// By the first process.
  Status Write(const std::filesystem::path& path, TrainObserver& observer);
  void NoteSaved(const std::filesystem::path& path);
  Status SaveNumbered(TrainObserver& observer);

  const Execution execution_;
  const TrainerOptions options_;
  CheckpointInfo info_;
  Retention retention_;
  /// A checkpoint from which the run can go on.
  struct Saved {
    CheckpointFile file;
    std::string position;  // "epochs 1 to 3", "epochs 1 to 3 and 5 batches of epoch 4"
  };
  std::optional<Saved> saved_;  // the newest
  std::chrono::steady_clock::time_point lap_begin_, saved_at_;
  double run_seconds_ = 0;
  double unsaved_seconds_ = 0;  // since saved_at_, at the last step
  int validations_since_best_ = 0;
  std::unique_ptr<const Plan> plan_;
  std::unique_ptr<const Plan> train_plan_;  // where training sees pictures of another size than validation
  const OpTable<float>& ops_;
  Communicator& world_;
  std::unique_ptr<CardSums> card_sums_;       // null: what is summed passes through the host
  SyncedStatistics synced_statistics_;        // of that case
  std::unique_ptr<GradientReducer> reducer_;  // null: one process
  std::string how_summed_;
  const std::unique_ptr<TrainingNetwork<float>> network_;
  const std::unique_ptr<Objective> objective_;
  std::optional<NormClip> clip_;
  Optimizer optimizer_;
  std::optional<DeviceParameterValues<float>> ema_;
  DeviceArray<double> ema_share_;   // of the online weights in the next average
  DeviceArray<float> accumulated_;  // gradients of an update's batches so far; empty where each batch is an update
  Session session_;

  /// What a recorded step holds for; of the network, that its pictures have the same size.
  struct StepKind {
    int images = 0, splits = 1;
    int64_t global_images = 0;
    const float* pictures = nullptr;
    int64_t stride = 0;  // of their rows
    int64_t group_index = 0, group_size = 1;
    bool operator==(const StepKind&) const = default;
  };
  Recordings<StepKind> recordings_;

  std::vector<UnreadStep> unread_;
  std::string not_finite_;                     // of the step that is to be left out; empty at processes whose part was
  AlignedArray<float> statistics_before_;      // the update that is under way; empty where none is left out
  int left_out_in_a_row_ = 0, gone_back_ = 0;  // steps since the last update; times since the last checkpoint
  std::function<std::string(int64_t)> name_of_;
  /// What the pictures of a step cost.
  struct OwnLoss {
    double sum;
    int images;
  };
  PartialEpoch epoch_;  // that is trained; its losses as far as they were collected
  int64_t collected_images_ = 0;
  std::vector<OwnLoss> uncollected_;
  double last_batch_loss_ = 0;
  int64_t broken_step_ = INT64_MAX;  // the first whose loss is not finite
};

}  // namespace riffle
