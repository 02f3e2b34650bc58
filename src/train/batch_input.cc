#include "train/batch_input.h"

namespace riffle {

Rows<const float> BatchInput::PicturesOf(const Batch& batch) {
  if (batch.images == 0) return {};
  if (batch.unmade) return Make(batch);
  const int64_t pixels = int64_t{batch.images} * batch.image_size * batch.image_size;
  return input_.At(execution_.device, batch.pixels, batch.channels, pixels);
}

template <class T>
void BatchInput::Upload(std::span<const T> values, DeviceArray<T>& to) {
  if (to.size() < values.size()) {
    to.Reserve(execution_.device, values.size() + values.size() / 4);  // the next one may have a few more
    uploads_->Follow();                                                // the clearing of the memory
  }
  if (!values.empty()) uploads_->Upload(to.data(), values.data(), values.size_bytes());
}

Rows<const float> BatchInput::Make(const Batch& batch) {
  const UnmadePictures& unmade = *batch.unmade;
  const PicturesShape shape = {batch.images, batch.image_size, batch.channels};
  Device& device = execution_.device;
  if (!uploads_) uploads_ = device.OpenSideQueue();
  Upload(unmade.bytes, bytes_);
  Upload(unmade.taps, taps_);
  Upload(unmade.sources, sources_);
  Upload(unmade.finishes, finishes_);
  uploads_->Join();
  resampled_.Reserve(device, static_cast<size_t>(shape.images * shape.values()));
  const int64_t stride = RowStride(shape.plane().pixels());
  pictures_.Reserve(device, static_cast<size_t>(shape.channels * stride));
  ops_.resample_pictures(execution_, shape,
                         {.resampled = resampled_.data(),
                          .bytes = bytes_.data(),
                          .kept = unmade.kept,
                          .taps = taps_.data(),
                          .sources = sources_.data()});
  const Rows<float> pictures = {pictures_.data(), stride};
  ops_.finish_pictures(
      execution_, shape,
      {.pictures = pictures, .resampled = resampled_.data(), .finishes = finishes_.data(), .options = unmade.options});
  uploads_->Follow();
  return pictures;
}

}  // namespace riffle
