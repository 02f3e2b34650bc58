#include "train/evaluate.h"

#include <algorithm>
#include <chrono>

namespace riffle {

void SmoothedTargets(std::span<const int32_t> labels, int classes, double smoothing, float* targets) {
  const float off = static_cast<float>(smoothing / classes),
              on = static_cast<float>(1 - smoothing + smoothing / classes);
  std::fill_n(targets, labels.size() * classes, off);
  for (size_t n = 0; n < labels.size(); ++n) targets[n * classes + labels[n]] = on;
}

int RankOf(int label, std::span<const float> logits) {
  int rank = 0;
  for (int k = 0; k < static_cast<int>(logits.size()); ++k) {
    const bool behind = logits[k] < logits[label] || (logits[k] == logits[label] && k > label);
    rank += k != label && !behind;  // so that nothing is behind a logit that is no number
  }
  return rank;
}

Result<Evaluation> Evaluate(Session& session, const OpTable<float>& ops, Loader& loader, double label_smoothing,
                            const EvaluationProgress& progress) {
  const auto start = std::chrono::steady_clock::now();
  const double waited = loader.WaitedSeconds();
  const int classes = session.plan().model.num_classes;
  std::vector<float> logits, targets, loss;
  Evaluation result;
  loader.Seek({});
  for (int64_t b = 0; b < loader.BatchesPerEpoch(); ++b) {
    RIFFLE_ASSIGN(const Batch* batch, loader.Next());
    const size_t images = static_cast<size_t>(batch->images);
    logits.resize(images * classes);
    targets.resize(images * classes);
    loss.resize(images);
    session.Run(batch->images, batch->pixels, logits.data());
    SmoothedTargets(batch->labels, classes, label_smoothing, targets.data());
    ops.cross_entropy({batch->images, classes},
                      {.loss = loss.data(), .logits = logits.data(), .targets = targets.data()});
    for (size_t n = 0; n < images; ++n) {
      const int rank = RankOf(batch->labels[n], std::span(logits).subspan(n * classes, classes));
      result.top1 += rank < 1;
      result.top5 += rank < 5;
      result.loss_sum += loss[n];
    }
    result.images += batch->images;
    result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    result.waiting_seconds = loader.WaitedSeconds() - waited;
    if (progress) progress(result, b + 1, loader.BatchesPerEpoch());
  }
  return result;
}

}  // namespace riffle
