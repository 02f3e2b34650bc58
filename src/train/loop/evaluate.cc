#include "train/loop/evaluate.h"

#include <algorithm>
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

/// What the network says of a picture.
struct Answer {
  int32_t rank;  // RankOf
  float loss;
};

/// Finds the answers of batches.
class BatchAnswers {
 public:
  BatchAnswers(Session& session, LabelLoss& label_loss)
      : session_(session), label_loss_(label_loss), input_(session.execution(), session.ops()) {}

  /// Errors: those of CheckBatch, and of the device.
  Status Find(const Batch& batch, std::vector<Answer>* answers) {
    RIFFLE_TRY(CheckBatch(batch, session_.plan().model));
    const size_t images = static_cast<size_t>(batch.images), classes = session_.plan().model.num_classes;
    answers->resize(images);
    if (images == 0) return {};
    Device& device = session_.execution().device;
    logits_.resize(images * classes);
    targets_.resize(images * classes);
    losses_.resize(images);
    device_losses_.Reserve(device, images);
    label_loss_.MakeTargets(batch.labels, targets_.data());
    const float* found = session_.Forward(batch.images, input_.PicturesOf(batch));
    label_loss_.Run(batch.images, found, targets_input_.At(device, targets_), 1, device_losses_.data(), nullptr);
    device.Download(logits_.data(), found, images * classes * sizeof(float));
    device.Download(losses_.data(), device_losses_.data(), images * sizeof(float));
    device.Synchronize();
    RIFFLE_TRY(device.Health());
    for (size_t n = 0; n < images; ++n)
      (*answers)[n] = {RankOf(batch.labels[n], std::span(logits_).subspan(n * classes, classes)), losses_[n]};
    return {};
  }

 private:
  Session& session_;
  LabelLoss& label_loss_;
  BatchInput input_;
  DeviceInput<float> targets_input_;
  DeviceArray<float> device_losses_;
  std::vector<float> logits_, targets_, losses_;
};

/// The answers of all processes, in the order of the pictures, which is that of the ranks.
Result<std::vector<Answer>> ThoseOfAll(const std::vector<Answer>& own, Communicator& world) {
  const std::string_view bytes(reinterpret_cast<const char*>(own.data()), own.size() * sizeof(Answer));
  RIFFLE_ASSIGN(const std::vector<std::string> said, world.GatherTexts(bytes));
  std::vector<Answer> all;
  for (const std::string& text : said) {
    const size_t before = all.size();
    all.resize(before + text.size() / sizeof(Answer));
    std::ranges::copy(text, reinterpret_cast<char*>(all.data() + before));
  }
  return all;
}

/// The texts of all processes.
Status AppendThoseOfAll(const std::vector<std::string>& own, Communicator& world, std::vector<std::string>* all) {
  RIFFLE_ASSIGN(const std::vector<std::string> texts, world.GatherLists(own));
  all->insert(all->end(), texts.begin(), texts.end());
  return {};
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

Result<std::vector<std::string>> LookAtAll(BatchSource& source, const LookProgress& progress, Communicator& world) {
  std::vector<std::string> flawed;
  int64_t done = 0;
  source.Seek({});
  for (int64_t b = 0; b < source.BatchesPerEpoch(); ++b) {
    const Result<const Batch*> next = NextOf(source);
    RIFFLE_TRY(world.Agree(next.status()));
    RIFFLE_TRY(AppendThoseOfAll((*next)->flawed, world, &flawed));
    if (progress) progress(done += (*next)->global_images(), source.ImagesPerEpoch());
  }
  return flawed;
}

Result<Evaluation> Evaluate(Session& session, LabelLoss& label_loss, BatchSource& source,
                            const EvaluationProgress& progress, Communicator& world) {
  const auto start = std::chrono::steady_clock::now();
  const double waited = source.WaitedSeconds();
  BatchAnswers batch_answers(session, label_loss);
  Evaluation result;
  source.Seek({});
  Status ended;  // by the observer
  for (int64_t b = 0; b < source.BatchesPerEpoch(); ++b) {
    const Result<const Batch*> next = NextOf(source);
    std::vector<Answer> own;
    RIFFLE_TRY(world.Agree(!ended.ok() ? ended : !next.ok() ? next.status() : batch_answers.Find(**next, &own)));
    RIFFLE_ASSIGN(const std::vector<Answer> answers, ThoseOfAll(own, world));
    for (const Answer& answer : answers) {
      result.top1 += answer.rank < 1;
      result.top5 += answer.rank < 5;
      result.loss_sum += answer.loss;
    }
    result.images += std::ssize(answers);
    RIFFLE_TRY(AppendThoseOfAll((*next)->flawed, world, &result.flawed));
    result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    result.waiting_seconds = source.WaitedSeconds() - waited;
    if (progress) ended = progress(result, b + 1, source.BatchesPerEpoch());
  }
  RIFFLE_TRY(world.Agree(ended));
  return result;
}

}  // namespace riffle
