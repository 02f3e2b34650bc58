#include "runtime/classifier.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace riffle {

std::string ClassNameOf(const std::vector<std::string>& names, int index) {
  return names.empty() ? fmt::format("class {}", index) : names[index];
}

std::vector<double> Softmax(std::span<const float> logits) {
  const double top = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (float logit : logits) sum += std::exp(logit - top);
  std::vector<double> probabilities;
  for (float logit : logits) probabilities.push_back(std::exp(logit - top) / sum);
  return probabilities;
}

std::vector<ClassProbability> Likeliest(std::span<const float> logits, const std::vector<std::string>& names,
                                        size_t count) {
  const std::vector<double> probabilities = Softmax(logits);
  std::vector<int> order(logits.size());
  std::iota(order.begin(), order.end(), 0);
  count = std::min(count, order.size());
  std::partial_sort(order.begin(), order.begin() + static_cast<int64_t>(count), order.end(),
                    [&](int a, int b) { return logits[a] != logits[b] ? logits[a] > logits[b] : a < b; });
  std::vector<ClassProbability> classes;
  for (size_t i = 0; i < count; ++i)
    classes.push_back({ClassNameOf(names, order[i]), order[i], probabilities[order[i]]});
  return classes;
}

Result<std::unique_ptr<PictureClassifier>> PictureClassifier::Create(const Execution& execution,
                                                                     const Checkpoint& checkpoint,
                                                                     const OpTable<float>& ops, bool online) {
  const CheckpointInfo& info = checkpoint.info();
  const WeightSet set = online ? WeightSet::kOnline : checkpoint.best_weights();
  RIFFLE_ASSIGN(EvaluationView view, EvaluationView::Create(info.preprocessing));
  RIFFLE_ASSIGN(std::unique_ptr<Session> session, LoadSession(execution, checkpoint, set, info.model, ops));
  return std::unique_ptr<PictureClassifier>(
      new PictureClassifier(execution, info, set == WeightSet::kEma, std::move(session), std::move(view)));
}

PictureClassifier::PictureClassifier(const Execution& execution, CheckpointInfo info, bool averaged,
                                     std::unique_ptr<Session> session, EvaluationView view)
    : info_(std::move(info)),
      averaged_(averaged),
      session_(std::move(session)),
      batch_(execution.device, session_->plan().maps[0], std::move(view)),
      logits_(static_cast<size_t>(info_.model.num_classes)) {}

Result<std::vector<ClassProbability>> PictureClassifier::ClassifyFile(const std::filesystem::path& picture,
                                                                      size_t count) {
  batch_.Clear();
  return Classify(batch_.AddFile(picture), count);
}

Result<std::vector<ClassProbability>> PictureClassifier::ClassifyEncoded(std::span<const uint8_t> bytes, size_t count) {
  batch_.Clear();
  return Classify(batch_.AddEncoded(bytes), count);
}

Result<std::vector<ClassProbability>> PictureClassifier::Classify(Status added, size_t count) {
  RIFFLE_TRY(std::move(added));
  session_->Run(batch_.images(), batch_.rows(), logits_.data());
  return Likeliest(logits_, info_.classes, count);
}

}  // namespace riffle
