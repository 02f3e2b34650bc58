#include "train/trainer.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "model/initialise.h"
#include "train/ema.h"
#include "train/recalibrate.h"
#include "train/schedule.h"
#include "train/transfer.h"

namespace riffle {
namespace {

void TellOfPictures(const Batch& batch, TrainObserver& observer) {
  for (const std::string& why : batch.unreadable) observer.OnUnreadable(why);
  for (const std::string& what : batch.flawed) observer.OnFlawed(what);
}

}  // namespace

bool ValidatesAfter(int epoch, const Options& options) {
  return epoch % options.val_interval == 0 || epoch == options.epoch_size;
}

Result<std::unique_ptr<Trainer>> Trainer::Create(const Options& options, CheckpointInfo info,
                                                 const OpTable<float>& ops) {
  RIFFLE_TRY(CheckClassNames(info.classes));
  RIFFLE_ASSIGN(Plan plan, MakePlan(info.model));
  RIFFLE_ASSIGN(std::unique_ptr<Objective> objective, Objective::Create(options, info, ops));
  std::unique_ptr<Trainer> trainer(
      new Trainer(options, std::move(info), std::make_unique<const Plan>(std::move(plan)), std::move(objective), ops));
  Initialise(*trainer->plan_,
             {.seed = static_cast<uint64_t>(options.seed), .zero_init_residual = options.zero_init_residual},
             &trainer->network_.values());
  return trainer;
}

Trainer::Trainer(const Options& options, CheckpointInfo info, std::unique_ptr<const Plan> plan,
                 std::unique_ptr<Objective> objective, const OpTable<float>& ops)
    : options_(options),
      info_(std::move(info)),
      retention_(RetentionOf(options)),
      plan_(std::move(plan)),
      ops_(ops),
      network_(*plan_, ops),
      objective_(std::move(objective)),
      policies_(ParameterPolicies(plan_->registry, options)),
      optimizer_(plan_->registry, options),
      accumulated_(options.gradient_accumulation_steps > 1 ? plan_->registry.trainable_arena() : 0),
      session_(*plan_, ops) {
  session_.SetFlip(options.tta_flip);
  if (options.ema) ema_.emplace(plan_->registry);
}

Result<std::string> Trainer::StartFrom(const Checkpoint& checkpoint) {
  RIFFLE_ASSIGN(std::string line, Transfer(checkpoint, info_, *plan_, options_, &network_.values(),
                                           options_.resume_opt ? &optimizer_ : nullptr));
  if (options_.resume_opt) info_.updates = checkpoint.info().updates;
  return line;
}

Status Trainer::Resume(const Checkpoint& checkpoint) {
  RIFFLE_TRY(CheckSameRun(checkpoint, info_, options_));
  RIFFLE_TRY(checkpoint.Load(plan_->registry, WeightSet::kOnline, &network_.values()));
  if (ema_) RIFFLE_TRY(checkpoint.Load(plan_->registry, WeightSet::kEma, &*ema_));
  RIFFLE_TRY(checkpoint.Load(plan_->registry, &optimizer_));
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

void Trainer::GoOnWith(const ResumedRecord& record) {
  info_.options = record.yaml;
  retention_ = RetentionOf(record.options);
}

Status Trainer::Run(const TrainLoaders& loaders, TrainObserver& observer) {
  StartAverage();
  const Status status = RunEpochs(loaders, observer);
  return status.ok() ? status : Status(status.code(), status.message() + WhatIsKept());
}

Status Trainer::RunEpochs(const TrainLoaders& loaders, TrainObserver& observer) {
  if (const auto& trained = info_.unvalidated)
    RIFFLE_TRY(FinishEpoch({.epoch = info_.epoch,
                            .step = info_.step,
                            .lr = trained->lr,
                            .train_loss = trained->train_loss,
                            .images = trained->images,
                            .seconds = trained->seconds},
                           loaders, observer));
  while (info_.epoch < options_.epoch_size) {
    const Result<Loader*> loader = BeginEpoch(loaders, observer);
    if (!loader.ok()) return SavedBefore(loader.status(), observer);
    RIFFLE_ASSIGN(EpochEvent event, TrainEpoch(**loader, observer));
    if (event.epoch == options_.epoch_size && options_.bn_recalibration > 0)
      RIFFLE_TRY(Recalibrate(**loader, observer));
    RIFFLE_TRY(CheckFinite());
    info_.top1_percent.reset();
    RIFFLE_TRY(FinishEpoch(event, loaders, observer));
  }
  return {};
}

Result<Loader*> Trainer::BeginEpoch(const TrainLoaders& loaders, TrainObserver& observer) {
  RIFFLE_TRY(observer.OnEpochBegin(info_.epoch + 1));
  RIFFLE_ASSIGN(Loader * loader, loaders.train(info_.epoch));
  RIFFLE_TRY(TrainOnPicturesOf(*loader));
  return loader;
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

Status Trainer::TrainOnPicturesOf(const Loader& loader) {
  const Plan& now = train_plan_ ? *train_plan_ : *plan_;
  if (loader.image_size() == now.model.image_size) return {};
  ModelDescription model = plan_->model;
  model.image_size = loader.image_size();
  RIFFLE_ASSIGN(Plan plan, MakePlan(model));
  auto next = std::make_unique<const Plan>(std::move(plan));
  RIFFLE_TRY(objective_->SetImageSize(model.image_size));
  network_.UsePlan(*next);
  train_plan_ = std::move(next);
  return {};
}

Result<EpochEvent> Trainer::TrainEpoch(Loader& loader, TrainObserver& observer) {
  const auto start = std::chrono::steady_clock::now();
  const double waited = loader.WaitedSeconds();
  const int64_t batches = loader.BatchesPerEpoch();
  EpochEvent event{.epoch = info_.epoch + 1};
  double loss_sum = 0;
  loader.Seek({.epoch = info_.epoch, .batch = 0});
  for (int64_t b = 0; b < batches; ++b) {
    RIFFLE_ASSIGN(const Batch* batch, loader.Next());
    TellOfPictures(*batch, observer);
    const UpdateGroup group = GroupOf(b, batches, options_.gradient_accumulation_steps);
    event.lr = LearningRate(options_, info_.epoch * batches + b - group.index, batches);
    RIFFLE_ASSIGN(const double batch_loss_sum, TrainStep(*batch, group, event.lr));
    ++info_.step;
    loss_sum += batch_loss_sum;
    event.images += batch->images;
    RIFFLE_TRY(observer.OnStep({.epoch = event.epoch,
                                .batch = b + 1,
                                .batches = batches,
                                .loss = batch_loss_sum / batch->images,
                                .mean_loss = loss_sum / static_cast<double>(event.images),
                                .lr = event.lr,
                                .images = event.images,
                                .waiting_seconds = loader.WaitedSeconds() - waited}));
  }
  ++info_.epoch;
  event.step = info_.step;
  event.train_loss = loss_sum / static_cast<double>(event.images);
  event.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return event;
}

// One batch, and an optimizer step where it completes its group; the sum of the pictures' losses.
Result<double> Trainer::TrainStep(const Batch& batch, const UpdateGroup& group, double lr) {
  const bool frozen_body = options_.freeze == "body";
  const Rows<const float> pictures = objective_->Begin(batch);
  const float* logits =
      network_.Forward(batch.images, pictures, frozen_body ? Statistics::kRunning : Statistics::kBatch);
  const double sum = objective_->Loss(logits, 1 / static_cast<double>(group.size), network_.dlogits());
  if (!std::isfinite(sum))
    return InvalidArgument(
        "the loss is not a finite number at step {} (learning rate {:.6g}): lower --lr or lengthen --warmup_epochs",
        info_.step + 1, lr);
  frozen_body ? network_.BackwardHead() : network_.Backward();
  AlignedArray<float>* gradients = &network_.gradients();
  if (options_.gradient_accumulation_steps > 1) {
    Accumulate(network_.gradients(), group.first(), &accumulated_);
    gradients = &accumulated_;
  }
  if (!group.last()) return sum;
  if (options_.clip_grad) ClipByGlobalNorm(plan_->registry, policies_, options_.clip_value, gradients);
  optimizer_.Step(++info_.updates, lr, *gradients, &network_.values().trainable);
  if (ema_) UpdateEma(options_.ema_decay, ++*info_.ema_updates, network_.values(), &*ema_);
  return sum;
}

// Of the weights that are used, over pictures of the epoch that has just ended.
Status Trainer::Recalibrate(Loader& loader, TrainObserver& observer) {
  if (ema_) std::swap(network_.values(), *ema_);
  const Result<int64_t> batches = RecalibrateStatistics(options_.bn_recalibration, info_.epoch - 1, loader, &network_,
                                                        [&](const Batch& batch) { TellOfPictures(batch, observer); });
  if (ema_) std::swap(network_.values(), *ema_);
  if (!batches.ok()) return batches.status();
  observer.OnRecalibrated(*batches);
  return {};
}

// The loss of the last step was finite; what that step made of the parameters shows nowhere else.
Status Trainer::CheckFinite() {
  const auto finite = [](const AlignedArray<float>& values) {
    return std::ranges::all_of(values, [](float v) { return std::isfinite(v); });
  };
  const auto all_finite = [&](const ParameterValues<float>& values) {
    return finite(values.trainable) && finite(values.statistics);
  };
  if (all_finite(network_.values()) && all_finite(BestWeights())) return {};
  return InvalidArgument("the parameters are not finite numbers after step {}: lower --lr or lengthen --warmup_epochs",
                         info_.step);
}

Status Trainer::Validate(Loader& loader, EpochEvent* event, TrainObserver& observer) {
  observer.OnValidationBegin();
  session_.SetWeights(BestWeights());
  RIFFLE_ASSIGN(event->validation, Evaluate(session_, objective_->label_loss(), loader,
                                            [&](const Evaluation& so_far, int64_t batch, int64_t batches) {
                                              return observer.OnValidation(so_far, batch, batches);
                                            }));
  info_.top1_percent = event->validation->top1_percent();
  event->best = !info_.best_top1_percent || *info_.top1_percent > *info_.best_top1_percent;
  if (event->best) info_.best_top1_percent = info_.top1_percent;
  return {};
}

Result<Pace> Trainer::PaceOfTraining(Loader& loader) {
  StartAverage();
  RIFFLE_TRY(TrainOnPicturesOf(loader));
  return MeasurePace(loader, [&](const Batch& batch) {
    const UpdateGroup group =
        GroupOf(batch.position.batch, loader.BatchesPerEpoch(), options_.gradient_accumulation_steps);
    const int64_t position = info_.epoch * loader.BatchesPerEpoch() + batch.position.batch;
    return TrainStep(batch, group, LearningRate(options_, position, loader.BatchesPerEpoch())).status();
  });
}

Result<Pace> Trainer::PaceOfValidation(Loader& loader) {
  session_.SetWeights(BestWeights());
  std::vector<float> logits;
  return MeasurePace(loader, [&](const Batch& batch) -> Status {
    logits.resize(static_cast<size_t>(batch.images) * plan_->model.num_classes);
    session_.Run(batch.images, batch.pixels, logits.data());
    return {};
  });
}

Status Trainer::FinishEpoch(EpochEvent event, const TrainLoaders& loaders, TrainObserver& observer) {
  if (loaders.validation && (info_.unvalidated || ValidatesAfter(event.epoch, options_)))
    RIFFLE_TRY(ValidateSafely(*loaders.validation, &event, observer));
  info_.unvalidated.reset();
  RIFFLE_TRY(observer.OnEpoch(event));  // first, so that no finished epoch is ahead of the record
  if (event.best)
    RIFFLE_TRY(Save(std::filesystem::path(options_.ckpt_save_dir) / BestCheckpointName(info_.model), observer));
  if (!SavesAfter(event.epoch)) return {};
  RIFFLE_TRY(SaveNumbered(observer));
  return RemoveOldCheckpoints(options_.ckpt_save_dir, info_.model, retention_);
}

// The epoch is on the disk before its validation where a checkpoint is due, and in any case when that fails.
Status Trainer::ValidateSafely(Loader& loader, EpochEvent* event, TrainObserver& observer) {
  const bool saved = info_.unvalidated.has_value();
  info_.unvalidated = {
      .lr = event->lr, .train_loss = event->train_loss, .images = event->images, .seconds = event->seconds};
  if (!saved && SavesAfter(event->epoch)) RIFFLE_TRY(SaveNumbered(observer));
  const Status status = Validate(loader, event, observer);
  return status.ok() ? status : SavedBefore(status, observer);
}

bool Trainer::SavesAfter(int epoch) const {
  return epoch % options_.ckpt_save_interval == 0 || epoch == options_.epoch_size;
}

Status Trainer::Save(const std::filesystem::path& path, TrainObserver& observer) {
  RIFFLE_TRY(observer.OnSaveBegin());
  RIFFLE_TRY(SaveCheckpoint(path, info_, plan_->registry, network_.values(), &optimizer_, ema_ ? &*ema_ : nullptr));
  saved_ = {.path = path, .epoch = info_.epoch, .step = info_.step};
  return {};
}

Status Trainer::SaveNumbered(TrainObserver& observer) {
  return Save(std::filesystem::path(options_.ckpt_save_dir) / CheckpointName(info_.model, info_.epoch, info_.step),
              observer);
}

}  // namespace riffle
