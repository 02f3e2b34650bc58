// The training loop: epochs of batches, validation, checkpoints. A library: it tells an observer what happens and
// prints nothing.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "data/batch.h"
#include "model/network.h"
#include "runtime/session.h"
#include "train/loop/evaluate.h"
#include "train/loop/pace.h"
#include "train/loop/retention.h"
#include "train/loss/objective.h"
#include "train/update/gradients.h"
#include "train/update/optimizer.h"
#include "train/update/schedule.h"

namespace riffle {

/// What a run does: how long, how it steps, what it keeps. Fields are options of the same names unless they say more.
struct TrainerOptions {
  ScheduleOptions schedule;
  OptimizerOptions optimizer;
  ObjectiveOptions objective;
  uint64_t seed = 42;
  bool zero_init_residual = true;
  bool resume_opt = false;
  int gradient_accumulation_steps = 1;
  std::optional<double> clip_norm = std::nullopt;  ///< clip_value where clip_grad is set
  std::optional<double> ema_decay = std::nullopt;  ///< where ema is set
  int bn_recalibration = 0;
  bool sync_bn = false;
  int val_interval = 1;
  bool tta_flip = false;
  std::filesystem::path ckpt_save_dir = "./ckpt";
  int ckpt_save_interval = 1;
  Retention retention;  ///< ckpt_save_policy and keep_checkpoint_max

  int epochs() const { return schedule.epoch_size; }
  /// Whether a run with a validation set validates after this epoch, from 1.
  bool ValidatesAfter(int epoch) const { return epoch % val_interval == 0 || epoch == epochs(); }
};

/// What batches cost, as means over their pictures.
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
  int64_t images = 0;          ///< of the epoch so far
  double waiting_seconds = 0;  ///< of the epoch so far, for data
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

/// What the command line shows and records. A Status that is not ok ends the run; that is how a signal ends it, too.
class TrainObserver {
 public:
  virtual ~TrainObserver() = default;
  virtual Status OnEpochBegin(int /*epoch*/) { return {}; }
  /// A picture was left out, another stands in its place; once for each. `why` names it.
  virtual void OnUnreadable(const std::string& /*why*/) {}
  /// A picture was used though something is wrong with it; once for each. `what` names it.
  virtual void OnFlawed(const std::string& /*what*/) {}
  virtual Status OnStep(const StepEvent&) { return {}; }
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
};

/// One run. Everything that it does is a function of (options, data): batches come from positions, random numbers from
/// places.
class Trainer {
 public:
  /// Errors: those of MakePlan, CheckClassNames and Objective::Create. Its ops run on `execution`, whose pool must
  /// outlive the trainer, as `ops` must; the parameters are initialised from options.seed.
  static Result<std::unique_ptr<Trainer>> Create(const Execution& execution, const TrainerOptions& options,
                                                 CheckpointInfo info, const OpTable<float>& ops);

  /// Starts from a checkpoint's weights, and with options.resume_opt its optimizer, as far as Transfer (transfer.h)
  /// takes them; returns its line. InvalidArgument names what differs.
  Result<std::string> StartFrom(const Checkpoint& checkpoint);
  /// Goes on where a checkpoint of this run ended, with its optimizer, moving average, epoch and step. The best
  /// validation so far is what FindBest (same_run.h) finds. Errors: those of CheckSameRun and Checkpoint::Load.
  Status Resume(const Checkpoint& checkpoint);

  /// What checkpoints say of the options from now on, and which of them stay.
  void GoOnWith(std::string record, Retention retention);

  /// Trains from the current epoch to the last, and saves into options.ckpt_save_dir. A loss or a parameter that is
  /// not finite ends the run with an error before it can reach a checkpoint. An epoch is saved before its validation,
  /// and again with its result: an error or a crash in between costs nothing, since a run that goes on from there
  /// begins with that validation. What ends the run between two epochs costs nothing either. Each error says at its end
  /// which epochs are kept, and where.
  Status Run(const TrainSources& sources, TrainObserver& observer);

  /// For a dry run: the pace of real training steps on this source's pictures, and of validation. What the steps change
  /// is saved nowhere. REQUIRES: Run is not called afterwards. Errors: those of Run.
  Result<Pace> PaceOfTraining(BatchSource& source);
  Result<Pace> PaceOfValidation(BatchSource& source);

  const Plan& plan() const { return *plan_; }
  const CheckpointInfo& info() const { return info_; }

  /// The state of the run as it is now, and back. REQUIRES: a snapshot to take up is of the same plan and optimizer.
  Snapshot TakeSnapshot() const;
  void TakeUp(const Snapshot& snapshot);
  /// Epochs that are done, with their validations.
  int finished_epochs() const { return info_.epoch - (info_.unvalidated ? 1 : 0); }

 private:
  Trainer(const Execution& execution, const TrainerOptions& options, CheckpointInfo info,
          std::unique_ptr<const Plan> plan, std::unique_ptr<Objective> objective, const OpTable<float>& ops);

  Status TrainStep(const Batch& batch, const UpdateGroup& group, double lr);
  /// Adds the losses of the steps since the last call to the epoch's. InvalidArgument if one is not finite: names the
  /// step.
  Status ReadLosses();
  Result<StepLoss> ReadStepLoss(int64_t images_of_epoch);
  Result<EpochEvent> TrainEpoch(BatchSource& source, TrainObserver& observer);
  /// What is validated and used: the moving average if the run keeps one.
  const DeviceParameterValues<float>& BestWeights() const { return ema_ ? *ema_ : network_.values(); }
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
  /// The error `why`, after which the run ends at the end of an epoch: saves that unless it is saved.
  Status SavedBefore(Status why, TrainObserver& observer);
  /// "; epochs 1 to 3 are in FILE, nothing is lost; ..."
  std::string WhatIsKept() const;
  Status ValidateSafely(BatchSource& source, EpochEvent* event, TrainObserver& observer);
  bool SavesAfter(int epoch) const;
  Status Save(const std::filesystem::path& path, TrainObserver& observer);
  Status SaveNumbered(TrainObserver& observer);

  const Execution execution_;
  const TrainerOptions options_;
  CheckpointInfo info_;
  Retention retention_;
  std::optional<CheckpointFile> saved_;  // the newest, from which the run can go on
  std::unique_ptr<const Plan> plan_;
  std::unique_ptr<const Plan> train_plan_;  // where training sees pictures of another size than validation
  const OpTable<float>& ops_;
  Network<float> network_;
  const std::unique_ptr<Objective> objective_;
  std::optional<NormClip> clip_;
  Optimizer optimizer_;
  std::optional<DeviceParameterValues<float>> ema_;
  DeviceArray<float> accumulated_;  // gradients of an update's batches so far; empty where each batch is an update
  Session session_;

  /// A step whose loss was not read yet.
  struct UnreadStep {
    int64_t step;
    double lr;
    int images;
  };
  std::vector<UnreadStep> unread_;
  // Of the epoch, as far as it was read:
  double loss_sum_ = 0, last_batch_loss_ = 0;
};

}  // namespace riffle
