#include "train/objective.h"

#include <numeric>

namespace riffle {

Result<std::unique_ptr<Objective>> Objective::Create(const Options& options, const CheckpointInfo& info,
                                                     const OpTable<float>& ops) {
  RIFFLE_ASSIGN(LabelLoss label_loss, LabelLoss::Create(options, info.model.num_classes, ops));
  return std::unique_ptr<Objective>(new Objective(options, info, std::move(label_loss)));
}

Objective::Objective(const Options& options, const CheckpointInfo& info, LabelLoss label_loss)
    : options_(options), model_(info.model), label_loss_(std::move(label_loss)) {}

Rows<const float> Objective::Begin(const Batch& batch) {
  images_ = batch.images;
  targets_.resize(static_cast<size_t>(images_) * model_.num_classes);
  losses_.resize(static_cast<size_t>(images_));
  label_loss_.MakeTargets(batch.labels, targets_.data());
  const Mix mix = DrawMix(options_, batch.position, model_.image_size, model_.image_size);
  if (mix.kind == Mix::Kind::kNone) return batch.pixels;
  MixTargets(mix, images_, model_.num_classes, targets_.data());
  return Mixed(mix, batch);
}

Rows<const float> Objective::Mixed(const Mix& mix, const Batch& batch) {
  const int64_t size = model_.image_size;
  const size_t needed = static_cast<size_t>(model_.in_channels * batch.pixels.stride);
  if (mixed_.size() < needed) mixed_ = AlignedArray<float>(needed);
  const Rows<float> mixed = {mixed_.data(), batch.pixels.stride};
  MixPictures(mix, model_.in_channels, images_, size, size, batch.pixels, mixed);
  return mixed;
}

double Objective::Loss(const float* logits, double share, float* dlogits) {
  const double weight = options_.reduction == "sum" ? share : share / images_;
  label_loss_.Run(images_, logits, targets_.data(), weight, losses_.data(), dlogits);
  return std::accumulate(losses_.begin(), losses_.end(), 0.0);
}

}  // namespace riffle
