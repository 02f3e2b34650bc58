// A step of training: one batch, its loss, its update, and what is done where that is not a finite number.
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <span>
#include <utility>

#include "base/file.h"
#include "train/loop/trainer.h"
#include "train/parallel/same_state.h"
#include "train/update/ema.h"

namespace riffle {
namespace {

/// Steps in a row that may be left out, and how often a run may go back to the same checkpoint: what fails more often
/// than that fails for good.
constexpr int kMostLeftOut = 10, kMostGoneBack = 3;

constexpr const char* kAgainstNan = "lower --lr or lengthen --warmup_epochs";

/// The pictures of a batch, of which it may hold several versions.
std::vector<int64_t> PicturesOf(const Batch& batch) {
  return {batch.indices.begin(), batch.indices.begin() + batch.samples()};
}

}  // namespace

// One batch, and an optimizer step where it completes its group. What comes behind Begin is the same each time, but for
// what lies in the device's memory, unless the host takes part in it. Of several processes whose cards sum all enqueue
// it in the same way.
Result<bool> Trainer::TrainStep(const Batch& batch, const UpdateGroup& group, double lr) {
  RIFFLE_ASSIGN(const Rows<const float> pictures, objective_->Begin(batch));
  unread_.push_back({.step = info_.step + 1, .lr = lr, .images = batch.images, .pictures = PicturesOf(batch)});
  if (reducer_) reducer_->SetShare(batch.share());
  if (HostTakesPart()) return TrainStepWithHost(batch, pictures, group, lr);
  if (group.last()) PrepareUpdate(lr);
  Status joined;
  const auto enqueue = [&] {
    EnqueueForward(batch, pictures, group);
    DeviceArray<float>* const gradients = EnqueueBackward(group);
    if (reducer_) joined = reducer_->Wait();
    if (group.last()) EnqueueUpdate(gradients);
  };
  const auto tell_all = [&](int64_t own) -> Result<std::vector<int64_t>> {
    std::vector<int64_t> all(world_.size());
    RIFFLE_TRY(world_.Gather(std::as_bytes(std::span(&own, 1)), std::as_writable_bytes(std::span(all))));
    return all;
  };
  RIFFLE_TRY(recordings_.EnqueueTogether(
      {batch.images, batch.splits, batch.global_images(), pictures.data, pictures.stride, group.index, group.size},
      enqueue, tell_all));
  RIFFLE_TRY(joined);
  objective_->KeepLosses();
  return true;
}

// Where steps may be left out the loss is waited for before the backward pass, and the gradients before the update.
Result<bool> Trainer::TrainStepWithHost(const Batch& batch, Rows<const float> pictures, const UpdateGroup& group,
                                        double lr) {
  const bool may_leave_out = options_.on_nan != OnNan::kStop;
  const UnreadStep step = unread_.back();
  EnqueueForward(batch, pictures, group);
  objective_->KeepLosses();
  if (may_leave_out) {
    not_finite_.clear();
    const bool is_finite = ReadLosses().ok();
    const Status health = execution_.device.Health();
    std::array<int64_t, 2> broken = {is_finite ? 0 : 1, health.ok() ? 0 : 1};
    if (reducer_) RIFFLE_TRY(reducer_->Wait());  // for the statistics
    RIFFLE_TRY(world_.Sum(broken));
    if (broken[1] > 0) return world_.Agree(health);
    if (broken[0] > 0) return false;
  }
  DeviceArray<float>* const gradients = EnqueueBackward(group);
  if (reducer_) RIFFLE_TRY(reducer_->Wait());
  RIFFLE_TRY(synced_statistics_.status());
  if (!group.last()) return true;
  if (may_leave_out && !IsFinite(*gradients)) {  // of all processes
    not_finite_ = NotFinite(step, "gradients are not finite numbers");
    return false;
  }
  PrepareUpdate(lr);
  EnqueueUpdate(gradients);
  left_out_in_a_row_ = 0;
  return true;
}

void Trainer::EnqueueForward(const Batch& batch, Rows<const float> pictures, const UpdateGroup& group) {
  const float* logits = network_->Forward({batch.images, batch.global_images()}, pictures,
                                          FreezesBody() ? Statistics::kRunning : Statistics::kBatch);
  const bool is_local = reducer_ && !FreezesBody() && !options_.sync_bn;
  if (is_local) reducer_->Average(&network_->values().statistics);
  objective_->Loss(logits, 1 / static_cast<double>(group.size), network_->dlogits());
}

DeviceArray<float>* Trainer::EnqueueBackward(const UpdateGroup& group) {
  DeviceArray<float>* const gradients = &network_->gradients();
  const bool accumulates = options_.gradient_accumulation_steps > 1;
  if (reducer_ && !accumulates) reducer_->Begin(gradients);
  FreezesBody() ? network_->BackwardHead() : network_->Backward();
  if (!accumulates) return gradients;
  ops_.accumulate(execution_, static_cast<int64_t>(accumulated_.size()),
                  {.sum = accumulated_.data(), .values = gradients->data(), .first = group.first()});
  if (reducer_ && group.last()) {
    reducer_->Begin(&accumulated_);
    reducer_->OnFinal(0);
  }
  return &accumulated_;
}

void Trainer::PrepareUpdate(double lr) {
  optimizer_.Prepare(++info_.updates, lr);
  if (!ema_) return;
  const double share = 1 - EmaDecay(*options_.ema_decay, ++*info_.ema_updates);
  execution_.device.Upload(ema_share_.data(), &share, sizeof(share));
}

void Trainer::EnqueueUpdate(DeviceArray<float>* gradients) {
  if (clip_) clip_->Clip(execution_, gradients);
  optimizer_.Step(execution_, *gradients, &network_->values().trainable);
  if (ema_) UpdateEma(execution_, ops_, ema_share_.data(), network_->values(), &*ema_);
}

bool Trainer::IsFinite(const DeviceArray<float>& values) {
  int32_t finite = 0;
  DeviceArray<int32_t> found(execution_.device, 1);
  ops_.all_finite(execution_, static_cast<int64_t>(values.size()), {.finite = found.data(), .values = values.data()});
  found.Download(std::span(&finite, 1));
  return finite == 1;
}

std::string Trainer::NotFinite(const UnreadStep& step, std::string_view what) const {
  constexpr size_t kNamed = 3;
  std::vector<std::string> names;
  for (size_t i = 0; i < std::min(kNamed, step.pictures.size()); ++i)
    names.push_back(name_of_ ? name_of_(step.pictures[i]) : fmt::format("number {}", step.pictures[i]));
  const size_t more = step.pictures.size() - names.size();
  return fmt::format("{} at step {} (learning rate {:.6g}; pictures {}{})", what, step.step, step.lr,
                     fmt::join(names, ", "), more == 0 ? "" : fmt::format(" and {} more", more));
}

Status Trainer::LeaveOut(TrainObserver& observer) {
  // The losses of the other processes for this step do not count either.
  if (broken_step_ == INT64_MAX) uncollected_.pop_back();
  broken_step_ = INT64_MAX;
  RIFFLE_ASSIGN(const std::vector<std::string> broken, world_.GatherTexts(not_finite_));
  const auto first = std::ranges::find_if(broken, [](const std::string& text) { return !text.empty(); });
  const std::string why =
      world_.size() == 1 ? *first
                         : fmt::format("{}, at {}", *first, world_.NameOf(static_cast<int>(first - broken.begin())));
  if (++left_out_in_a_row_ > kMostLeftOut)
    return InvalidArgument("the {}, and {} steps before it were left out: {}", why, kMostLeftOut, kAgainstNan);
  if (options_.on_nan == OnNan::kSkip) {
    network_->values().statistics.Upload(statistics_before_);
    observer.OnNotFinite(fmt::format("The {}: its update is left out", why));
    return {};
  }
  if (++gone_back_ > kMostGoneBack)
    return InvalidArgument("the {}, and the run went back to {} {} times: {}", why, saved().string(), kMostGoneBack,
                           kAgainstNan);
  const Result<std::filesystem::path> checkpoint = GoBack(observer);
  if (!checkpoint.ok()) return Status(checkpoint.status()).In("the " + why);
  observer.OnNotFinite(
      fmt::format("The {}: back to the weights of {}, and on with the next batch", why, checkpoint->string()));
  return {};
}

// Rank 0 reads the file, which the others need not see.
Result<std::filesystem::path> Trainer::GoBack(TrainObserver& observer) {
  Result<std::filesystem::path> path = std::filesystem::path();
  if (world_.first()) path = NewestWhole(observer);
  RIFFLE_TRY(world_.Agree(path.status()));
  Result<std::string> own = std::string();
  if (world_.first()) own = ReadTextFile(*path);
  RIFFLE_ASSIGN(const Checkpoint checkpoint, BroadcastCheckpoint(world_, std::move(own)));
  RIFFLE_TRY(world_.Agree(TakeUpWeights(checkpoint)));
  return path;
}

Result<std::filesystem::path> Trainer::NewestWhole(TrainObserver& observer) const {
  std::vector<std::filesystem::path> candidates;
  for (const CheckpointFile& file : ListCheckpoints(options_.ckpt_save_dir, info_.model))
    if (file.step <= info_.step) candidates.push_back(file.path);
  if (saved_) candidates.push_back(saved_->file.path);  // the newest, and perhaps none of the numbered ones
  std::ranges::reverse(candidates);
  for (const std::filesystem::path& path : candidates) {
    const Result<Checkpoint> checkpoint = Checkpoint::Open(path);
    if (checkpoint.ok()) return path;
    observer.OnNotFinite(
        fmt::format("Passing over a checkpoint that cannot be read: {}", checkpoint.status().message()));
  }
  return InvalidArgument("there is no checkpoint to go back to; {}, or save sooner with --ckpt_save_steps",
                         kAgainstNan);
}

Status Trainer::TakeUpWeights(const Checkpoint& checkpoint) {
  Snapshot snapshot = TakeSnapshot();
  RIFFLE_TRY(checkpoint.Load(plan_->registry, &snapshot));
  TakeUp(snapshot);
  info_.updates = checkpoint.info().updates;
  info_.ema_updates = checkpoint.info().ema_updates;
  return {};
}

Status Trainer::ReadLosses() {
  const std::vector<double> sums = objective_->ReadLosses();
  RIFFLE_TRY(execution_.device.Health());
  const std::vector<UnreadStep> steps = std::exchange(unread_, {});
  for (size_t i = 0; i < steps.size(); ++i) {
    if (!std::isfinite(sums[i])) {
      broken_step_ = std::min(broken_step_, steps[i].step);
      not_finite_ = NotFinite(steps[i], "loss is not a finite number");
      return InvalidArgument("the {}: {}", not_finite_, kAgainstNan);
    }
    uncollected_.push_back({.sum = sums[i], .images = steps[i].images});
    if (steps[i].images > 0) last_batch_loss_ = sums[i] / steps[i].images;
  }
  return {};
}

// Step by step, and in the order of the ranks: whenever it is done, the sum has the same bits.
Status Trainer::CollectLosses() {
  RIFFLE_TRY(AgreeOnStep(ReadLosses()));
  std::vector<double> own;
  for (const OwnLoss& loss : std::exchange(uncollected_, {})) own.push_back(loss.sum);
  std::vector<double> all(own.size() * world_.size());
  RIFFLE_TRY(world_.Gather(std::as_bytes(std::span(own)), std::as_writable_bytes(std::span(all))));
  for (size_t step = 0; step < own.size(); ++step)
    for (size_t i = step; i < all.size(); i += own.size()) epoch_.loss_sum += all[i];
  collected_images_ = epoch_.images;
  return {};
}

Result<StepLoss> Trainer::ReadStepLoss() {
  RIFFLE_TRY(ReadLosses());
  double sum = epoch_.loss_sum;
  int64_t images = collected_images_;
  for (const OwnLoss& loss : uncollected_) sum += loss.sum, images += loss.images;
  return StepLoss{.batch = last_batch_loss_, .epoch = images == 0 ? 0 : sum / static_cast<double>(images)};
}

// The loss of the last step was finite; what that step made of the parameters shows nowhere else.
Status Trainer::CheckFinite() {
  const auto both = [&](const DeviceParameterValues<float>& values) {
    return IsFinite(values.trainable) && IsFinite(values.statistics);
  };
  const bool is_finite = both(network_->values()) && (!ema_ || both(*ema_));
  RIFFLE_TRY(execution_.device.Health());
  if (is_finite) return {};
  return InvalidArgument("the parameters are not finite numbers after step {}: {}", info_.step, kAgainstNan);
}

}  // namespace riffle
