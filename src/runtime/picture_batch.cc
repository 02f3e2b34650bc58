#include "runtime/picture_batch.h"

#include <algorithm>

#include "base/file.h"
#include "picture/decode.h"

namespace riffle {

PictureBatch::PictureBatch(Device& device, const Map& map, EvaluationView view)
    : device_(device), channels_(map.channels), area_(map.area()), view_(std::move(view)) {}

float* PictureBatch::Reserve(int64_t images) {
  if (images_ + images > capacity_) {
    const int64_t capacity = std::max(images_ + images, 2 * capacity_), stride = RowStride(capacity * area_);
    StagingArray<float> larger(device_, static_cast<size_t>(channels_ * stride));
    for (int c = 0; c < channels_ && images_ > 0; ++c)
      std::copy_n(pixels_.data() + c * stride_, images_ * area_, larger.data() + c * stride);
    pixels_ = std::move(larger);
    capacity_ = capacity, stride_ = stride;
  }
  return pixels_.data() + images_ * area_;
}

Status PictureBatch::AddFitted(const PictureView& picture) {
  float* out = Reserve(1);  // and the stride that goes with it
  RIFFLE_TRY(view_.Apply(picture, scratch_, out, stride_));
  ++images_;
  return {};
}

Status PictureBatch::AddEncoded(std::span<const uint8_t> bytes) {
  const Exif exif = view_.preprocessing().exif_orientation ? Exif::kFollowed : Exif::kIgnored;
  RIFFLE_TRY(Decode(bytes, channels_, picture_, exif));
  flaw_ = FlawOf(picture_);
  return AddFitted(picture_.View());
}

Status PictureBatch::AddFile(const std::filesystem::path& path) {
  RIFFLE_ASSIGN(const std::vector<uint8_t> bytes, ReadFile(path, kMaxPictureFileBytes));
  return AddEncoded(bytes).In(path.string());
}

Status PictureBatch::Add(const PictureView& picture) {
  flaw_.clear();
  if (picture.channels == channels_) return AddFitted(picture);
  picture_.Reshape(picture.height, picture.width, picture.channels);
  for (int y = 0; y < picture.height; ++y) std::copy_n(picture.Row(y), picture_.RowBytes(), picture_.Row(y));
  ConvertChannels(picture_, channels_);
  return AddFitted(picture_.View());
}

void PictureBatch::AddTensor(std::span<const float> values) {
  flaw_.clear();
  const int64_t added = static_cast<int64_t>(values.size()) / picture_values();
  float* out = Reserve(added);
  for (int64_t n = 0; n < added; ++n)
    for (int c = 0; c < channels_; ++c)
      std::copy_n(values.data() + (n * channels_ + c) * area_, area_, out + c * stride_ + n * area_);
  images_ += added;
}

}  // namespace riffle
