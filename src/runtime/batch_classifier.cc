#include "runtime/batch_classifier.h"

#include <algorithm>
#include <cmath>
#include <exception>

#include "base/file.h"
#include "picture/decode.h"

namespace riffle {

Result<std::unique_ptr<BatchClassifier>> BatchClassifier::Create(const Execution& execution,
                                                                 const Checkpoint& checkpoint,
                                                                 const OpTable<float>& ops, bool online) {
  const CheckpointInfo& info = checkpoint.info();
  const WeightSet set = online ? WeightSet::kOnline : checkpoint.best_weights();
  RIFFLE_ASSIGN(EvaluationView view, EvaluationView::Create(info.preprocessing));
  RIFFLE_ASSIGN(std::unique_ptr<Session> session, LoadSession(execution, checkpoint, set, info.model, ops));
  return std::unique_ptr<BatchClassifier>(
      new BatchClassifier(execution, info, set == WeightSet::kEma, std::move(session), std::move(view)));
}

BatchClassifier::BatchClassifier(const Execution& execution, CheckpointInfo info, bool averaged,
                                 std::unique_ptr<Session> session, EvaluationView view)
    : execution_(execution),
      info_(std::move(info)),
      averaged_(averaged),
      session_(std::move(session)),
      view_(std::move(view)),
      scratch_(execution.pool.threads()) {}

Status BatchClassifier::Classify(std::span<const PictureInput> pictures) {
  const Map& map = session_->plan().maps[0];
  const auto images = static_cast<int64_t>(pictures.size());
  stride_ = map.stride(images);
  if (room_ < pictures.size()) {
    pixels_ = {};  // first, so that there is never both
    pixels_ = StagingArray<float>(execution_.device, map.values(images));
    room_ = pictures.size();
  }
  outcomes_.assign(pictures.size(), {});
  logits_.resize(images * info_.model.num_classes);
  execution_.pool.ParallelForThread(images, [&](int64_t i, int thread) {
    try {
      outcomes_[i].status = Read(pictures[i], i, scratch_[thread]);
    } catch (const std::exception&) {  // nothing else throws than what finds no memory
      outcomes_[i].status = Unavailable("{}: no memory to read it", pictures[i].name);
    }
    if (outcomes_[i].status.ok()) return;
    for (int c = 0; c < map.channels; ++c)  // black, for the others' sake: a batch has no holes
      std::fill_n(pixels_.data() + c * stride_ + i * map.area(), map.area(), 0.0f);
  });
  session_->Run(images, {pixels_.data(), stride_}, logits_.data());
  return execution_.device.Health();
}

Status BatchClassifier::Read(const PictureInput& input, size_t i, Scratch& scratch) {
  if (!input.bytes.empty()) return Fit(input.bytes, i, scratch).In(input.name);
  RIFFLE_ASSIGN(const std::vector<uint8_t> bytes, ReadFile(input.name, kMaxPictureFileBytes));
  return Fit(bytes, i, scratch).In(input.name);
}

Status BatchClassifier::Fit(std::span<const uint8_t> file, size_t i, Scratch& scratch) {
  const Preprocessing& preprocessing = info_.preprocessing;
  const Exif exif = preprocessing.exif_orientation ? Exif::kFollowed : Exif::kIgnored;
  RIFFLE_TRY(Decode(file, preprocessing.channels, scratch.picture, exif));
  outcomes_[i].flaw = FlawOf(scratch.picture);
  outcomes_[i].height = scratch.picture.height;
  outcomes_[i].width = scratch.picture.width;
  const int64_t place = static_cast<int64_t>(i) * preprocessing.image_size * preprocessing.image_size;
  return view_.Apply(scratch.picture.View(), scratch.view, pixels_.data() + place, stride_);
}

std::span<const float> BatchClassifier::logits(size_t i) const {
  return std::span(logits_).subspan(i * info_.model.num_classes, info_.model.num_classes);
}

Picture BatchClassifier::Seen(size_t i) const {
  const Preprocessing& p = info_.preprocessing;
  const int64_t area = int64_t{p.image_size} * p.image_size;
  Picture seen;
  seen.Reshape(p.image_size, p.image_size, p.channels);
  for (int c = 0; c < p.channels; ++c)
    for (int64_t pixel = 0; pixel < area; ++pixel) {
      const float normalised = pixels_.data()[c * stride_ + static_cast<int64_t>(i) * area + pixel];
      const float value = std::nearbyint(normalised * p.std[c] + p.mean[c]);
      seen.pixels[pixel * p.channels + c] = static_cast<uint8_t>(std::clamp(value, 0.0f, 255.0f));
    }
  return seen;
}

}  // namespace riffle
