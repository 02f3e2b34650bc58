#include "runtime/classifier.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/file.h"
#include "picture/decode.h"

namespace riffle {

std::string ClassNameOf(const std::vector<std::string>& names, int index) {
  return names.empty() ? fmt::format("class {}", index) : names[index];
}

std::vector<ClassProbability> Likeliest(std::span<const float> logits, const std::vector<std::string>& names,
                                        size_t count) {
  const double top = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (float logit : logits) sum += std::exp(logit - top);
  std::vector<int> order(logits.size());
  std::iota(order.begin(), order.end(), 0);
  count = std::min(count, order.size());
  std::partial_sort(order.begin(), order.begin() + static_cast<int64_t>(count), order.end(),
                    [&](int a, int b) { return logits[a] != logits[b] ? logits[a] > logits[b] : a < b; });
  std::vector<ClassProbability> classes;
  for (size_t i = 0; i < count; ++i)
    classes.push_back({ClassNameOf(names, order[i]), order[i], std::exp(logits[order[i]] - top) / sum});
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
      pictures_(session_->plan().maps[0]),
      view_(std::move(view)),
      stride_(pictures_.stride(1)),
      pixels_(execution.device, static_cast<size_t>(pictures_.values(1))),
      logits_(static_cast<size_t>(info_.model.num_classes)) {}

Result<std::vector<ClassProbability>> PictureClassifier::ClassifyFile(const std::filesystem::path& picture,
                                                                      size_t count) {
  RIFFLE_ASSIGN(const std::vector<uint8_t> bytes, ReadFile(picture, kMaxPictureFileBytes));
  auto classes = ClassifyEncoded(bytes, count);
  if (!classes.ok()) return Status(classes.status()).In(picture.string());
  return classes;
}

Result<std::vector<ClassProbability>> PictureClassifier::ClassifyEncoded(std::span<const uint8_t> bytes, size_t count) {
  const Exif exif = info_.preprocessing.exif_orientation ? Exif::kFollowed : Exif::kIgnored;
  RIFFLE_TRY(Decode(bytes, pictures_.channels, picture_, exif));
  RIFFLE_TRY(view_.Apply(picture_.View(), scratch_, pixels_.data(), stride_));
  session_->Run(1, {pixels_.data(), stride_}, logits_.data());
  return Likeliest(logits_, info_.classes, count);
}

}  // namespace riffle
