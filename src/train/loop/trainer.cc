#include "train/loop/trainer.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>
#include <span>
#include <utility>

#include "base/text.h"
#include "model/initialise.h"
#include "train/batch_check.h"
#include "train/batch_input.h"
#include "train/loop/recalibrate.h"
#include "train/parallel/card_gradient_reducer.h"
#include "train/parallel/host_gradient_reducer.h"
#include "train/parallel/same_state.h"
#include "train/update/ema.h"

namespace riffle {
namespace {

/// Steps after which losses are read even if nobody wants to see them: what is not finite shall not go on for long.
constexpr size_t kMostUnreadSteps = 16;

using Clock = std::chrono::steady_clock;

double SecondsSince(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

/// 0 where all was left out.
double MeanOf(const PartialEpoch& epoch) {
  return epoch.images == 0 ? 0 : epoch.loss_sum / static_cast<double>(epoch.images);
}

// What is to be told of the pictures of a batch: a letter, and why or what.
constexpr char kUnreadable = 'u', kFlawed = 'f';

std::vector<std::string> NewsOf(const Batch& batch) {
  std::vector<std::string> news;
  for (const std::string& why : batch.unreadable) news.push_back(kUnreadable + why);
  for (const std::string& what : batch.flawed) news.push_back(kFlawed + what);
  return news;
}

void Tell(const std::vector<std::string>& news, TrainObserver& observer) {
  for (const std::string& each : news)
    each.front() == kUnreadable ? observer.OnUnreadable(each.substr(1)) : observer.OnFlawed(each.substr(1));
}

}  // namespace

Result<std::unique_ptr<Trainer>> Trainer::Create(const Execution& execution, const TrainerOptions& options,
                                                 CheckpointInfo info, const OpTable<float>& ops, Communicator& world) {
  Result<std::unique_ptr<Trainer>> trainer = CreateAlone(execution, options, std::move(info), ops, world);
  RIFFLE_TRY(world.Agree(trainer.status()));
  RIFFLE_TRY((*trainer)->Join());
  return trainer;
}

Result<std::unique_ptr<Trainer>> Trainer::CreateAlone(const Execution& execution, const TrainerOptions& options,
                                                      CheckpointInfo info, const OpTable<float>& ops,
                                                      Communicator& world) {
  RIFFLE_TRY(CheckClassNames(info.classes));
  RIFFLE_ASSIGN(Plan plan, MakePlan(info.model));
  RIFFLE_ASSIGN(std::unique_ptr<Objective> objective, Objective::Create(execution, options.objective, info, ops));
  std::unique_ptr<Trainer> trainer(new Trainer(execution, options, std::move(info),
                                               std::make_unique<const Plan>(std::move(plan)), std::move(objective), ops,
                                               world));
  ParameterValues<float> initial(trainer->plan_->registry);
  Initialise(*trainer->plan_, {.seed = options.seed, .zero_init_residual = options.zero_init_residual}, &initial);
  trainer->network_->values().Upload(initial);
  return trainer;
}

Trainer::Trainer(const Execution& execution, const TrainerOptions& options, CheckpointInfo info,
                 std::unique_ptr<const Plan> plan, std::unique_ptr<Objective> objective, const OpTable<float>& ops,
                 Communicator& world)
    : execution_(execution),
      options_(options),
      info_(std::move(info)),
      retention_(options.retention),
      plan_(std::move(plan)),
      ops_(ops),
      world_(world),
      synced_statistics_(world, execution.device),
      network_(MakeNetwork(execution, *plan_, ops, options.maps)),
      objective_(std::move(objective)),
      optimizer_(execution.device, plan_->registry, options.optimizer, ops),
      accumulated_(execution.device,
                   options.gradient_accumulation_steps > 1 ? plan_->registry.trainable_arena_values() : 0),
      session_(execution, *plan_, ops, options.val_maps),
      recordings_(execution.device) {
  session_.SetFlip(options.tta_flip);
  if (options.ema_decay) {
    ema_.emplace(execution.device, plan_->registry);
    ema_share_ = DeviceArray<double>(execution.device, 1);
  }
  if (options.on_nan == OnNan::kSkip)
    statistics_before_ = AlignedArray<float>(plan_->registry.statistics_arena_values());
  if (options.clip_norm)
    clip_.emplace(execution.device, plan_->registry, ParameterPolicies(plan_->registry, options.optimizer.policy),
                  *options.clip_norm, ops);
}

Status Trainer::Join() {
  const auto& parameters = plan_->registry.trainable();
  const auto head = std::ranges::find_if(parameters, &Parameter::head);
  const int64_t from = FreezesBody() ? head->offset : 0;
  RIFFLE_ASSIGN(card_sums_, CardSums::Open(world_, execution_.device, options_.nccl, &how_summed_));
  if (!card_sums_ && world_.size() == 1) return {};
  if (card_sums_) {
    how_summed_ = fmt::format("Gradients are summed on the GPUs by NCCL {}", card_sums_->version());
    reducer_ = std::make_unique<CardGradientReducer>(*card_sums_, execution_, ops_, plan_->registry, from);
  } else {
    RIFFLE_ASSIGN(reducer_, HostGradientReducer::Create(world_, execution_.device, plan_->registry, from));
  }
  if (options_.gradient_accumulation_steps == 1) network_->SetGradientListener(reducer_.get());
  StatisticsExchange* exchange = &synced_statistics_;
  if (card_sums_) exchange = card_sums_.get();
  if (options_.sync_bn) network_->SetStatisticsExchange(exchange);
  return {};
}

Status Trainer::Run(const TrainSources& sources, TrainObserver& observer) {
  lap_begin_ = saved_at_ = Clock::now();
  name_of_ = sources.name_of;
  Status status = ShareState();
  if (status.ok()) status = RunEpochs(sources, observer);
  if (status.ok()) return status;
  const std::string message = status.message() + WhatIsKept();
  const Result<std::string> of_first = BroadcastText(world_, message);  // who knows what is kept
  return {status.code(), of_first.ok() ? *of_first : message};
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
  while (end() == RunEnd::kNotYet) {
    const Result<BatchSource*> source = BeginEpoch(sources, observer);
    if (!source.ok()) return SavedBefore(source.status(), observer);
    RIFFLE_ASSIGN(const std::optional<EpochEvent> event, TrainEpoch(**source, observer));
    if (!event) break;
    if (event->epoch == options_.epochs() && options_.bn_recalibration > 0) RIFFLE_TRY(Recalibrate(**source, observer));
    RIFFLE_TRY(CheckFinite());
    RIFFLE_TRY(FinishEpoch(*event, sources, observer));
  }
  return SavedBefore({}, observer);
}

RunEnd Trainer::end() const {
  if (info_.unvalidated) return RunEnd::kNotYet;
  if (info_.epoch >= options_.epochs()) return RunEnd::kEpochs;
  if (options_.patience > 0 && validations_since_best_ >= options_.patience) return RunEnd::kPatience;
  if (options_.max_minutes > 0 && run_seconds_ >= 60 * options_.max_minutes) return RunEnd::kTime;
  return RunEnd::kNotYet;
}

double Trainer::Lap() {
  const Clock::time_point begin = std::exchange(lap_begin_, Clock::now());
  const double seconds = std::chrono::duration<double>(lap_begin_ - begin).count();
  run_seconds_ += seconds;
  return seconds;
}

Result<BatchSource*> Trainer::BeginEpoch(const TrainSources& sources, TrainObserver& observer) {
  const auto begin = [&]() -> Result<BatchSource*> {
    RIFFLE_TRY(observer.OnEpochBegin(info_.epoch + 1));
    RIFFLE_ASSIGN(BatchSource* const source, sources.train(info_.epoch));
    RIFFLE_TRY(TrainOnPicturesOf(*source));
    return source;
  };
  Result<BatchSource*> source = begin();
  RIFFLE_TRY(world_.Agree(source.status()));
  return source;
}

void Trainer::StartAverage() {
  if (!ema_ || info_.ema_updates) return;
  StartEma(network_->values(), &*ema_);
  info_.ema_updates = 0;
}

Status Trainer::TrainOnPicturesOf(const BatchSource& source) {
  if (source.image_size() == TrainingPlan().model.image_size) return {};
  ModelDescription model = plan_->model;
  model.image_size = source.image_size();
  RIFFLE_ASSIGN(Plan plan, MakePlan(model));
  auto next = std::make_unique<const Plan>(std::move(plan));
  RIFFLE_TRY(objective_->SetImageSize(model.image_size));
  network_->UsePlan(*next);
  recordings_.Forget();
  train_plan_ = std::move(next);
  return {};
}

Result<std::optional<EpochEvent>> Trainer::TrainEpoch(BatchSource& source, TrainObserver& observer) {
  const double waited = source.WaitedSeconds();
  const int64_t batches = source.BatchesPerEpoch(), images_before = epoch_.images;
  if (epoch_.batches > 0 && epoch_.batches_per_epoch != batches)
    return InvalidArgument(
        "epoch {} has {} now, and had {} as {} of them were trained; "
        "end it with the pictures, the --batch_size and the processes that it began with",
        info_.epoch + 1, Counted(batches, "batch"), epoch_.batches_per_epoch, epoch_.batches);
  epoch_.batches_per_epoch = batches;
  EpochEvent event{.epoch = info_.epoch + 1};
  source.Seek({.epoch = info_.epoch, .batch = epoch_.batches});
  Lap();
  for (bool between_updates = true, leaves_out = false; epoch_.batches < batches;) {
    const Result<const Batch*> next = source.Next();
    if (const Status status = AgreeOnBatch(next, observer); !status.ok())
      return between_updates ? SavedBefore(status, observer) : status;
    const Batch* const batch = *next;
    const UpdateGroup group = GroupOf(epoch_.batches, batches, options_.gradient_accumulation_steps);
    event.lr = LearningRate(options_.schedule, info_.epoch * batches + epoch_.batches - group.index, batches);
    if (group.first() && options_.on_nan == OnNan::kSkip) network_->values().statistics.Download(statistics_before_);
    leaves_out = leaves_out && !group.first();
    if (!leaves_out) {
      RIFFLE_ASSIGN(const bool sound, TrainStep(*batch, group, event.lr));
      if (!sound) RIFFLE_TRY(LeaveOut(observer));
      if (sound) epoch_.images += batch->global_images();
      leaves_out = !sound;
    }
    info_.top1_percent.reset();
    ++info_.step;
    ++epoch_.batches;
    epoch_.seconds += Lap();
    between_updates = group.last();
    const bool may_end = between_updates && epoch_.batches < batches;
    const Status status = AgreeOnStep(observer.OnStep({.epoch = event.epoch,
                                                       .batch = epoch_.batches,
                                                       .batches = batches,
                                                       .lr = event.lr,
                                                       .may_end = may_end,
                                                       .images = epoch_.images - images_before,
                                                       .waiting_seconds = source.WaitedSeconds() - waited,
                                                       .read_loss = [this] { return ReadStepLoss(); }}));
    if (!status.ok())
      return may_end && status.code() == ErrorCode::kInterrupted ? SavedBefore(status, observer) : status;
    if (!may_end) continue;
    if (end() == RunEnd::kTime || IsDue()) RIFFLE_TRY(SaveNumbered(observer));
    if (end() == RunEnd::kTime) return std::optional<EpochEvent>();
  }
  RIFFLE_TRY(CollectLosses());
  execution_.Synchronize();
  epoch_.seconds += Lap();
  ++info_.epoch;
  if (world_.size() > 1) {
    RIFFLE_TRY(source.CheckUnreadable(world_));
    RIFFLE_TRY(CheckSameState(world_, TakeSnapshot(), fmt::format("after epoch {}", info_.epoch)));
  }
  event.step = info_.step;
  event.train_loss = MeanOf(epoch_);
  event.images = epoch_.images;
  event.seconds = epoch_.seconds;
  epoch_ = {};
  collected_images_ = 0;
  return std::optional(event);
}

Status Trainer::CheckBeforeStep(const Result<const Batch*>& next) {
  if (unread_.size() >= kMostUnreadSteps) RIFFLE_TRY(ReadLosses());
  return next.ok() ? CheckBatch(**next, TrainingPlan().model) : next.status();
}

Status Trainer::AgreeOnBatch(const Result<const Batch*>& next, TrainObserver& observer) {
  const Status own = CheckBeforeStep(next);
  const std::vector<std::string> news = next.ok() ? NewsOf(**next) : std::vector<std::string>();
  std::array<int64_t, 2> processes = {own.ok() ? 0 : 1, news.empty() ? 0 : 1};
  RIFFLE_TRY(world_.Sum(processes));
  const auto [failed, know_news] = processes;
  if (know_news > 0) {
    RIFFLE_ASSIGN(const std::vector<std::string> all, world_.GatherLists(news));
    Tell(all, observer);
  }
  return failed > 0 ? AgreeOnStep(own) : Status();
}

Status Trainer::AgreeOnStep(Status own) {
  if (own.ok() && reducer_) own = reducer_->Health();
  std::array<double, 3> sums = {own.ok() ? 0.0 : 1.0};
  if (world_.first()) sums = {sums[0], run_seconds_, SecondsSince(saved_at_)};
  RIFFLE_TRY(world_.Sum(sums));
  run_seconds_ = sums[1];
  unsaved_seconds_ = sums[2];
  if (sums[0] == 0) return {};
  if (own.ok()) own = ReadLosses();
  // A loss that is not finite spreads to all with the next step, and who reads first need not be where it began.
  std::vector<int64_t> steps(world_.size());
  RIFFLE_TRY(world_.Gather(std::as_bytes(std::span(&broken_step_, 1)), std::as_writable_bytes(std::span(steps))));
  const int64_t first = std::ranges::min(steps);
  return world_.Agree(first == broken_step_ ? own : Status());
}

// Of the weights that are used, over pictures of the epoch that has just ended.
Status Trainer::Recalibrate(BatchSource& source, TrainObserver& observer) {
  if (ema_) std::swap(network_->values(), *ema_);
  const Result<int64_t> batches = RecalibrateStatistics(
      options_.bn_recalibration, info_.epoch - 1, source, network_.get(), ops_,
      [&](const Batch& batch) { Tell(NewsOf(batch), observer); }, world_);
  if (ema_) std::swap(network_->values(), *ema_);
  if (!batches.ok()) return batches.status();
  observer.OnRecalibrated(*batches);
  return {};
}

Status Trainer::Validate(BatchSource& source, EpochEvent* event, TrainObserver& observer) {
  observer.OnValidationBegin();
  session_.SetWeights(HostValues(plan_->registry, BestWeights()));
  RIFFLE_ASSIGN(event->validation, Evaluate(
                                       session_, objective_->label_loss(), source,
                                       [&](const Evaluation& so_far, int64_t batch, int64_t batches) {
                                         return observer.OnValidation(so_far, batch, batches);
                                       },
                                       world_));
  info_.top1_percent = event->validation->top1_percent();
  event->best = !info_.best_top1_percent || *info_.top1_percent > *info_.best_top1_percent;
  if (event->best) info_.best_top1_percent = info_.top1_percent;
  validations_since_best_ = event->best ? 0 : validations_since_best_ + 1;
  return {};
}

Result<Pace> Trainer::PaceOfTraining(BatchSource& source) {
  StartAverage();
  RIFFLE_TRY(TrainOnPicturesOf(source));
  const auto train = [&](const Batch& batch) -> Status {
    RIFFLE_TRY(AgreeOnStep(CheckBeforeStep(&batch)));
    const UpdateGroup group =
        GroupOf(batch.position.batch, source.BatchesPerEpoch(), options_.gradient_accumulation_steps);
    const int64_t position = info_.epoch * source.BatchesPerEpoch() + batch.position.batch;
    return TrainStep(batch, group, LearningRate(options_.schedule, position, source.BatchesPerEpoch())).status();
  };
  return MeasurePace(source, train, world_);
}

Result<Pace> Trainer::PaceOfValidation(BatchSource& source) {
  session_.SetWeights(HostValues(plan_->registry, BestWeights()));
  BatchInput input(execution_, ops_);
  const auto validate = [&](const Batch& batch) -> Status {
    RIFFLE_TRY(CheckPictures(batch, plan_->model));
    if (batch.images > 0) session_.Forward(batch.images, input.PicturesOf(batch));
    execution_.Synchronize();
    return {};
  };
  return MeasurePace(source, validate, world_);
}

Status Trainer::FinishEpoch(EpochEvent event, const TrainSources& sources, TrainObserver& observer) {
  const bool saves = info_.unvalidated || SavesAfter(event.epoch) || IsDue();
  if (sources.validation && (info_.unvalidated || options_.ValidatesAfter(event.epoch)))
    RIFFLE_TRY(ValidateSafely(*sources.validation, saves, &event, observer));
  info_.unvalidated.reset();
  Lap();
  RIFFLE_TRY(AgreeOnStep(observer.OnEpoch(event)));  // first, so that no finished epoch is ahead of the record
  if (event.best) RIFFLE_TRY(Save(options_.ckpt_save_dir / BestCheckpointName(info_.model), observer));
  return saves ? SaveNumbered(observer) : Status();
}

// The epoch is on the disk before its validation where a checkpoint is due, and in any case when that fails.
Status Trainer::ValidateSafely(BatchSource& source, bool saves, EpochEvent* event, TrainObserver& observer) {
  const bool is_saved = info_.unvalidated.has_value();
  info_.unvalidated = {
      .lr = event->lr, .train_loss = event->train_loss, .images = event->images, .seconds = event->seconds};
  if (!is_saved && saves) RIFFLE_TRY(SaveNumbered(observer));
  const Status status = Validate(source, event, observer);
  return status.ok() ? status : SavedBefore(status, observer);
}

}  // namespace riffle
