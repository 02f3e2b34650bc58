#include "train/loop/evaluate.h"

#include <chrono>

#include "train/batch_check.h"
#include "train/batch_input.h"

namespace riffle {
namespace {

// Skipping a picture would change what the accuracy is of.
Status WithAdvice(const Status& status) {
  if (status.code() != ErrorCode::kDataLoss) return status;
  return DataLoss(
      "{}; every picture of a validation counts: repair or remove this one ('riffle data check' lists all such)",
      status.message());
}

Result<const Batch*> NextOf(BatchSource& source) {
  Result<const Batch*> next = source.Next();
  if (!next.ok()) return WithAdvice(next.status());
  return next;
}

}  // namespace

int RankOf(int label, std::span<const float> logits) {
  int rank = 0;
  for (int k = 0; k < static_cast<int>(logits.size()); ++k) {
    const bool behind = logits[k] < logits[label] || (logits[k] == logits[label] && k > label);
    rank += k != label && !behind;  // so that nothing is behind a logit that is no number
  }
  return rank;
}

Result<std::vector<std::string>> LookAtAll(BatchSource& source, const LookProgress& progress) {
  std::vector<std::string> flawed;
  int64_t done = 0;
  source.Seek({});
  for (int64_t b = 0; b < source.BatchesPerEpoch(); ++b) {
    RIFFLE_ASSIGN(const Batch* const batch, NextOf(source));
    flawed.insert(flawed.end(), batch->flawed.begin(), batch->flawed.end());
    if (progress) progress(done += batch->images, source.ImagesPerEpoch());
  }
  return flawed;
}

Result<Evaluation> Evaluate(Session& session, LabelLoss& label_loss, BatchSource& source,
                            const EvaluationProgress& progress) {
  const auto start = std::chrono::steady_clock::now();
  const double waited = source.WaitedSeconds();
  const int classes = session.plan().model.num_classes;
  Device& device = session.execution().device;
  BatchInput input(device);
  DeviceInput<float> targets_input;
  DeviceArray<float> device_losses;
  std::vector<float> logits, targets, losses;
  Evaluation result;
  source.Seek({});
  for (int64_t b = 0; b < source.BatchesPerEpoch(); ++b) {
    RIFFLE_ASSIGN(const Batch* const batch, NextOf(source));
    RIFFLE_TRY(CheckBatch(*batch, session.plan().model));
    const size_t images = static_cast<size_t>(batch->images);
    logits.resize(images * classes);
    targets.resize(images * classes);
    losses.resize(images);
    device_losses.Reserve(device, images);
    label_loss.MakeTargets(batch->labels, targets.data());
    const float* found = session.Forward(batch->images, input.PicturesOf(*batch));
    label_loss.Run(batch->images, found, targets_input.At(device, targets), 1, device_losses.data(), nullptr);
    device.Download(logits.data(), found, images * classes * sizeof(float));
    device.Download(losses.data(), device_losses.data(), images * sizeof(float));
    device.Synchronize();
    for (size_t n = 0; n < images; ++n) {
      const int rank = RankOf(batch->labels[n], std::span(logits).subspan(n * classes, classes));
      result.top1 += rank < 1;
      result.top5 += rank < 5;
      result.loss_sum += losses[n];
    }
    result.flawed.insert(result.flawed.end(), batch->flawed.begin(), batch->flawed.end());
    result.images += batch->images;
    result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    result.waiting_seconds = source.WaitedSeconds() - waited;
    if (progress) RIFFLE_TRY(progress(result, b + 1, source.BatchesPerEpoch()));
  }
  return result;
}

}  // namespace riffle
