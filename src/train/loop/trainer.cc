#include "train/loop/trainer.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <utility>

#include "model/initialise.h"
#include "train/batch_check.h"
#include "train/loop/recalibrate.h"
#include "train/loop/same_run.h"
#include "train/loop/transfer.h"
#include "train/update/ema.h"

namespace riffle {
namespace {

/// Steps after which losses are read even if nobody wants to see them: what is not finite shall not go on for long.
constexpr size_t kMostUnreadSteps = 16;

void TellOfPictures(const Batch& batch, TrainObserver& observer) {
  for (const std::string& why : batch.unreadable) observer.OnUnreadable(why);
  for (const std::string& what : batch.flawed) observer.OnFlawed(what);
}

}  // namespace

Result<std::unique_ptr<Trainer>> Trainer::Create(const Execution& execution, const TrainerOptions& options,
                                                 CheckpointInfo info, const OpTable<float>& ops) {
  RIFFLE_TRY(CheckClassNames(info.classes));
  RIFFLE_ASSIGN(Plan plan, MakePlan(info.model));
  RIFFLE_ASSIGN(std::unique_ptr<Objective> objective, Objective::Create(execution, options.objective, info, ops));
  std::unique_ptr<Trainer> trainer(new Trainer(
      execution, options, std::move(info), std::make_unique<const Plan>(std::move(plan)), std::move(objective), ops));
  ParameterValues<float> initial(trainer->plan_->registry);
  Initialise(*trainer->plan_, {.seed = options.seed, .zero_init_residual = options.zero_init_residual}, &initial);
  trainer->network_.values().Upload(initial);
  return trainer;
}

Trainer::Trainer(const Execution& execution, const TrainerOptions& options, CheckpointInfo info,
                 std::unique_ptr<const Plan> plan, std::unique_ptr<Objective> objective, const OpTable<float>& ops)
    : execution_(execution),
      options_(options),
      info_(std::move(info)),
      retention_(options.retention),
      plan_(std::move(plan)),
      ops_(ops),
      network_(execution, *plan_, ops),
      objective_(std::move(objective)),
      optimizer_(execution.device, plan_->registry, options.optimizer, ops),
      accumulated_(execution.device,
                   options.gradient_accumulation_steps > 1 ? plan_->registry.trainable_arena_values() : 0),
      session_(execution, *plan_, ops) {
  session_.SetFlip(options.tta_flip);
  if (options.ema_decay) ema_.emplace(execution.device, plan_->registry);
  if (options.clip_norm)
    clip_.emplace(execution.device, plan_->registry, ParameterPolicies(plan_->registry, options.optimizer.policy),
                  *options.clip_norm, ops);
}

Result<std::string> Trainer::StartFrom(const Checkpoint& checkpoint) {
  Snapshot snapshot = TakeSnapshot();
  RIFFLE_ASSIGN(std::string line, Transfer(checkpoint, info_, *plan_, options_.resume_opt, &snapshot));
  TakeUp(snapshot);
  if (options_.resume_opt) info_.updates = checkpoint.info().updates;
  return line;
}

Status Trainer::Resume(const Checkpoint& checkpoint) {
  RIFFLE_TRY(CheckSameRun(checkpoint, info_, options_.ema_decay.has_value()));
  Snapshot snapshot = TakeSnapshot();
  RIFFLE_TRY(checkpoint.Load(plan_->registry, &snapshot));
  TakeUp(snapshot);
  info_.epoch = checkpoint.info().epoch;
  info_.step = checkpoint.info().step;
  info_.updates = checkpoint.info().updates;
  info_.ema_updates = checkpoint.info().ema_updates;
  info_.unvalidated = checkpoint.info().unvalidated;
  info_.best_top1_percent = FindBest(checkpoint, info_, options_.ckpt_save_dir).top1_percent;
  if (!info_.measured) info_.measured = checkpoint.info().measured;  // of the figures that stay
  saved_ = {.path = checkpoint.path(), .epoch = info_.epoch, .step = info_.step};
  return {};
}

void Trainer::GoOnWith(std::string record, Retention retention) {
  info_.options = std::move(record);
  retention_ = retention;
}

Snapshot Trainer::TakeSnapshot() const {
  std::vector<std::string_view> slot_names;
  for (const Optimizer::Slot& slot : optimizer_.slots()) slot_names.push_back(slot.name);
  Snapshot snapshot(plan_->registry, slot_names, ema_.has_value());
  network_.values().Download(&snapshot.values);
  if (ema_) ema_->Download(&*snapshot.average);
  for (size_t i = 0; i < slot_names.size(); ++i) optimizer_.slots()[i].values.Download(snapshot.slots[i].values);
  return snapshot;
}

void Trainer::TakeUp(const Snapshot& snapshot) {
  network_.values().Upload(snapshot.values);
  if (ema_) ema_->Upload(*snapshot.average);
  for (size_t i = 0; i < snapshot.slots.size(); ++i) optimizer_.slots()[i].values.Upload(snapshot.slots[i].values);
}

Status Trainer::Run(const TrainSources& sources, TrainObserver& observer) {
  StartAverage();
  const Status status = RunEpochs(sources, observer);
  return status.ok() ? status : Status(status.code(), status.message() + WhatIsKept());
}

Status Trainer::RunEpochs(const TrainSources& sources, TrainObserver& observer) {
  if (const auto& trained = info_.unvalidated)
    RIFFLE_TRY(FinishEpoch({.epoch = info_.epoch,
                            .step = info_.step,
                            .lr = trained->lr,
                            .train_loss = trained->train_loss,
                            .images = trained->images,
                            .seconds = trained->seconds},
                           sources, observer));
  while (info_.epoch < options_.epochs()) {
    const Result<BatchSource*> source = BeginEpoch(sources, observer);
    if (!source.ok()) return SavedBefore(source.status(), observer);
    RIFFLE_ASSIGN(EpochEvent event, TrainEpoch(**source, observer));
    if (event.epoch == options_.epochs() && options_.bn_recalibration > 0) RIFFLE_TRY(Recalibrate(**source, observer));
    RIFFLE_TRY(CheckFinite());
    info_.top1_percent.reset();
    RIFFLE_TRY(FinishEpoch(event, sources, observer));
  }
  return {};
}

Result<BatchSource*> Trainer::BeginEpoch(const TrainSources& sources, TrainObserver& observer) {
  RIFFLE_TRY(observer.OnEpochBegin(info_.epoch + 1));
  RIFFLE_ASSIGN(BatchSource* const source, sources.train(info_.epoch));
  RIFFLE_TRY(TrainOnPicturesOf(*source));
  return source;
}

Status Trainer::SavedBefore(Status why, TrainObserver& observer) {
  if (info_.step == (saved_ ? saved_->step : 0)) return why;
  const Status saving = SaveNumbered(observer);
  return saving.ok() ? why : Status(why.code(), fmt::format("{}; {}", why.message(), saving.message()));
}

std::string Trainer::WhatIsKept() const {
  if (info_.step == 0) return "";
  std::error_code ignored;
  if (!saved_ || !std::filesystem::exists(saved_->path, ignored))
    return "; no epoch is saved: what was trained is lost";
  return fmt::format("; epochs 1 to {} are in {}, {}; --resume=auto goes on {}", saved_->epoch, saved_->path.string(),
                     info_.step == saved_->step ? "nothing is lost" : "what came after them is lost",
                     info_.unvalidated && info_.step == saved_->step ? "with the validation" : "from there");
}

void Trainer::StartAverage() {
  if (!ema_ || info_.ema_updates) return;
  StartEma(network_.values(), &*ema_);
  info_.ema_updates = 0;
}

Status Trainer::TrainOnPicturesOf(const BatchSource& source) {
  const Plan& now = train_plan_ ? *train_plan_ : *plan_;
  if (source.image_size() == now.model.image_size) return {};
  ModelDescription model = plan_->model;
  model.image_size = source.image_size();
  RIFFLE_ASSIGN(Plan plan, MakePlan(model));
  auto next = std::make_unique<const Plan>(std::move(plan));
  RIFFLE_TRY(objective_->SetImageSize(model.image_size));
  network_.UsePlan(*next);
  train_plan_ = std::move(next);
  return {};
}

Result<EpochEvent> Trainer::TrainEpoch(BatchSource& source, TrainObserver& observer) {
  const auto start = std::chrono::steady_clock::now();
  const double waited = source.WaitedSeconds();
  const int64_t batches = source.BatchesPerEpoch();
  EpochEvent event{.epoch = info_.epoch + 1};
  loss_sum_ = 0;
  source.Seek({.epoch = info_.epoch, .batch = 0});
  for (int64_t b = 0; b < batches; ++b) {
    RIFFLE_ASSIGN(const Batch* batch, source.Next());
    TellOfPictures(*batch, observer);
    const UpdateGroup group = GroupOf(b, batches, options_.gradient_accumulation_steps);
    event.lr = LearningRate(options_.schedule, info_.epoch * batches + b - group.index, batches);
    RIFFLE_TRY(TrainStep(*batch, group, event.lr));
    ++info_.step;
    event.images += batch->images;
    RIFFLE_TRY(observer.OnStep({.epoch = event.epoch,
                                .batch = b + 1,
                                .batches = batches,
                                .lr = event.lr,
                                .images = event.images,
                                .waiting_seconds = source.WaitedSeconds() - waited,
                                .read_loss = [this, &event] { return ReadStepLoss(event.images); }}));
  }
  RIFFLE_TRY(ReadLosses());
  execution_.Synchronize();
  ++info_.epoch;
  event.step = info_.step;
  event.train_loss = loss_sum_ / static_cast<double>(event.images);
  event.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return event;
}

// One batch, and an optimizer step where it completes its group.
Status Trainer::TrainStep(const Batch& batch, const UpdateGroup& group, double lr) {
  const bool frozen_body = options_.optimizer.policy.freezes_body;
  RIFFLE_ASSIGN(const Rows<const float> pictures, objective_->Begin(batch));
  const float* logits =
      network_.Forward(batch.images, pictures, frozen_body ? Statistics::kRunning : Statistics::kBatch);
  objective_->Loss(logits, 1 / static_cast<double>(group.size), network_.dlogits());
  unread_.push_back({.step = info_.step + 1, .lr = lr, .images = batch.images});
  if (unread_.size() == kMostUnreadSteps) RIFFLE_TRY(ReadLosses());
  frozen_body ? network_.BackwardHead() : network_.Backward();
  DeviceArray<float>* gradients = &network_.gradients();
  if (options_.gradient_accumulation_steps > 1) {
    ops_.accumulate(execution_, static_cast<int64_t>(accumulated_.size()),
                    {.sum = accumulated_.data(), .values = gradients->data(), .first = group.first()});
    gradients = &accumulated_;
  }
  if (!group.last()) return {};
  if (clip_) clip_->Clip(execution_, gradients);
  optimizer_.Step(execution_, ++info_.updates, lr, *gradients, &network_.values().trainable);
  if (ema_) UpdateEma(execution_, ops_, *options_.ema_decay, ++*info_.ema_updates, network_.values(), &*ema_);
  return {};
}

Status Trainer::ReadLosses() {
  const std::vector<double> sums = objective_->ReadLosses();
  const std::vector<UnreadStep> steps = std::exchange(unread_, {});
  for (size_t i = 0; i < steps.size(); ++i) {
    if (!std::isfinite(sums[i]))
      return InvalidArgument(
          "the loss is not a finite number at step {} (learning rate {:.6g}): lower --lr or lengthen --warmup_epochs",
          steps[i].step, steps[i].lr);
    loss_sum_ += sums[i];
    last_batch_loss_ = sums[i] / steps[i].images;
  }
  return {};
}

Result<StepLoss> Trainer::ReadStepLoss(int64_t images) {
  RIFFLE_TRY(ReadLosses());
  return StepLoss{.batch = last_batch_loss_, .epoch = loss_sum_ / static_cast<double>(images)};
}

// Of the weights that are used, over pictures of the epoch that has just ended.
Status Trainer::Recalibrate(BatchSource& source, TrainObserver& observer) {
  if (ema_) std::swap(network_.values(), *ema_);
  const Result<int64_t> batches = RecalibrateStatistics(options_.bn_recalibration, info_.epoch - 1, source, &network_,
                                                        [&](const Batch& batch) { TellOfPictures(batch, observer); });
  if (ema_) std::swap(network_.values(), *ema_);
  if (!batches.ok()) return batches.status();
  observer.OnRecalibrated(*batches);
  return {};
}

// The loss of the last step was finite; what that step made of the parameters shows nowhere else.
Status Trainer::CheckFinite() {
  std::array<int32_t, 4> finite;
  DeviceArray<int32_t> found(execution_.device, finite.size());
  const auto check = [&](const DeviceArray<float>& values, int32_t* all) {
    ops_.all_finite(execution_, static_cast<int64_t>(values.size()), {.finite = all, .values = values.data()});
  };
  check(network_.values().trainable, found.data());
  check(network_.values().statistics, found.data() + 1);
  check(BestWeights().trainable, found.data() + 2);
  check(BestWeights().statistics, found.data() + 3);
  found.Download(finite);
  if (std::ranges::count(finite, 1) == std::ssize(finite)) return {};
  return InvalidArgument("the parameters are not finite numbers after step {}: lower --lr or lengthen --warmup_epochs",
                         info_.step);
}

Status Trainer::Validate(BatchSource& source, EpochEvent* event, TrainObserver& observer) {
  observer.OnValidationBegin();
  session_.SetWeights(HostValues(plan_->registry, BestWeights()));
  RIFFLE_ASSIGN(event->validation, Evaluate(session_, objective_->label_loss(), source,
                                            [&](const Evaluation& so_far, int64_t batch, int64_t batches) {
                                              return observer.OnValidation(so_far, batch, batches);
                                            }));
  info_.top1_percent = event->validation->top1_percent();
  event->best = !info_.best_top1_percent || *info_.top1_percent > *info_.best_top1_percent;
  if (event->best) info_.best_top1_percent = info_.top1_percent;
  return {};
}

Result<Pace> Trainer::PaceOfTraining(BatchSource& source) {
  StartAverage();
  RIFFLE_TRY(TrainOnPicturesOf(source));
  return MeasurePace(source, [&](const Batch& batch) {
    const UpdateGroup group =
        GroupOf(batch.position.batch, source.BatchesPerEpoch(), options_.gradient_accumulation_steps);
    const int64_t position = info_.epoch * source.BatchesPerEpoch() + batch.position.batch;
    return TrainStep(batch, group, LearningRate(options_.schedule, position, source.BatchesPerEpoch()));
  });
}

Result<Pace> Trainer::PaceOfValidation(BatchSource& source) {
  session_.SetWeights(HostValues(plan_->registry, BestWeights()));
  std::vector<float> logits;
  return MeasurePace(source, [&](const Batch& batch) -> Status {
    RIFFLE_TRY(CheckPictures(batch, plan_->model));
    logits.resize(static_cast<size_t>(batch.images) * plan_->model.num_classes);
    session_.Run(batch.images, batch.pixels, logits.data());
    return {};
  });
}

Status Trainer::FinishEpoch(EpochEvent event, const TrainSources& sources, TrainObserver& observer) {
  if (sources.validation && (info_.unvalidated || options_.ValidatesAfter(event.epoch)))
    RIFFLE_TRY(ValidateSafely(*sources.validation, &event, observer));
  info_.unvalidated.reset();
  RIFFLE_TRY(observer.OnEpoch(event));  // first, so that no finished epoch is ahead of the record
  if (event.best) RIFFLE_TRY(Save(options_.ckpt_save_dir / BestCheckpointName(info_.model), observer));
  if (!SavesAfter(event.epoch)) return {};
  RIFFLE_TRY(SaveNumbered(observer));
  return RemoveOldCheckpoints(options_.ckpt_save_dir, info_.model, retention_);
}

// The epoch is on the disk before its validation where a checkpoint is due, and in any case when that fails.
Status Trainer::ValidateSafely(BatchSource& source, EpochEvent* event, TrainObserver& observer) {
  const bool saved = info_.unvalidated.has_value();
  info_.unvalidated = {
      .lr = event->lr, .train_loss = event->train_loss, .images = event->images, .seconds = event->seconds};
  if (!saved && SavesAfter(event->epoch)) RIFFLE_TRY(SaveNumbered(observer));
  const Status status = Validate(source, event, observer);
  return status.ok() ? status : SavedBefore(status, observer);
}

bool Trainer::SavesAfter(int epoch) const {
  return epoch % options_.ckpt_save_interval == 0 || epoch == options_.epochs();
}

Status Trainer::Save(const std::filesystem::path& path, TrainObserver& observer) {
  RIFFLE_TRY(observer.OnSaveBegin());
  RIFFLE_TRY(SaveCheckpoint(path, info_, plan_->registry, TakeSnapshot()));
  saved_ = {.path = path, .epoch = info_.epoch, .step = info_.step};
  return {};
}

Status Trainer::SaveNumbered(TrainObserver& observer) {
  return Save(options_.ckpt_save_dir / CheckpointName(info_.model, info_.epoch, info_.step), observer);
}

}  // namespace riffle
