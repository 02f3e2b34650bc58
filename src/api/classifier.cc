#include "api/classifier.h"

#include <algorithm>
#include <cmath>
#include <exception>
#include <numeric>

#include "base/file.h"
#include "base/threads.h"
#include "data/decode.h"
#include "data/encoded_dataset.h"
#include "ops/backends.h"

namespace riffle {

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
    classes.push_back({names[order[i]], order[i], std::exp(logits[order[i]] - top) / sum});
  return classes;
}

Result<std::unique_ptr<PictureClassifier>> PictureClassifier::Create(const Checkpoint& checkpoint,
                                                                     const OpTable<float>& ops, bool online) {
  const CheckpointInfo& info = checkpoint.info();
  const WeightSet set = online ? WeightSet::kOnline : checkpoint.best_weights();
  RIFFLE_ASSIGN(Transform transform, Transform::ForEvaluation(info.preprocessing));
  RIFFLE_ASSIGN(std::unique_ptr<LoadedNetwork> network, LoadNetwork(checkpoint, set, info.model, ops));
  return std::unique_ptr<PictureClassifier>(
      new PictureClassifier(info, set == WeightSet::kEma, std::move(network), std::move(transform)));
}

PictureClassifier::PictureClassifier(CheckpointInfo info, bool averaged, std::unique_ptr<LoadedNetwork> network,
                                     Transform transform)
    : info_(std::move(info)),
      averaged_(averaged),
      network_(std::move(network)),
      pictures_(network_->plan.maps[0]),
      transform_(std::move(transform)),
      stride_(pictures_.stride(1)),
      pixels_(static_cast<size_t>(pictures_.size(1))),
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
  RandomStream unused(0, RandomPurpose::kAugmentation, 0, 0);  // evaluation draws nothing
  RIFFLE_TRY(transform_.Apply(picture_.View(), unused, scratch_, pixels_.data(), stride_));
  network_->session.Run(1, {pixels_.data(), stride_}, logits_.data());
  return Likeliest(logits_, info_.classes, count);
}

// The public face: no Status, and no exception either.

class Classifier::Impl {
 public:
  explicit Impl(std::unique_ptr<PictureClassifier> made) : classifier(std::move(made)) {}
  std::unique_ptr<PictureClassifier> classifier;
};

namespace {

template <class Classify>
Classification Answer(const Classify& classify) try {
  Result<std::vector<ClassProbability>> classes = classify();
  if (!classes.ok()) return {{}, classes.status().message()};
  return {std::move(*classes), ""};
} catch (const std::exception& error) {
  return {{}, error.what()};
}

}  // namespace

std::unique_ptr<Classifier> Classifier::Load(const std::string& checkpoint, std::string* error, int threads) try {
  SetThreads(threads > 0 ? threads : UsableCores());
  const auto open = [&]() -> Result<std::unique_ptr<PictureClassifier>> {
    RIFFLE_ASSIGN(const OpTable<float>* ops, FindBackend(""));
    RIFFLE_ASSIGN(const Checkpoint opened, Checkpoint::Open(checkpoint));
    return PictureClassifier::Create(opened, *ops);
  };
  auto made = open();
  if (!made.ok()) {
    *error = made.status().message();
    return nullptr;
  }
  return std::unique_ptr<Classifier>(new Classifier(std::make_unique<Impl>(std::move(*made))));
} catch (const std::exception& thrown) {
  *error = thrown.what();
  return nullptr;
}

Classifier::Classifier(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Classifier::~Classifier() = default;

Classification Classifier::ClassifyFile(const std::string& picture, size_t count) {
  return Answer([&] { return impl_->classifier->ClassifyFile(picture, count); });
}

Classification Classifier::ClassifyEncoded(const void* bytes, size_t size, size_t count) {
  return Answer([&] { return impl_->classifier->ClassifyEncoded({static_cast<const uint8_t*>(bytes), size}, count); });
}

const std::vector<std::string>& Classifier::classes() const { return impl_->classifier->info().classes; }

}  // namespace riffle
