#include "train/batch_input.h"

namespace riffle {

Rows<const float> BatchInput::PicturesOf(const Batch& batch) {
  if (batch.images == 0) return {};
  if (batch.unmade) return Make(batch);
  const int64_t pixels = int64_t{batch.images} * batch.image_size * batch.image_size;
  return input_.At(execution_.device, batch.pixels, batch.channels, pixels);
}

template <class T>
void BatchInput::Upload(std::span<const T> values, DeviceArray<T>& to, Device::Mark& free) {
  if (to.size() < values.size()) {
    to.Reserve(execution_.device, values.size() + values.size() / 4);  // the next one may have a few more
    free = execution_.device.MarkQueue();                              // in which the memory is cleared
  }
  if (!values.empty()) execution_.device.UploadBeside(free, to.data(), values.data(), values.size_bytes());
}

Rows<const float> BatchInput::Make(const Batch& batch) {
  const UnmadePictures& unmade = *batch.unmade;
  const PicturesShape shape = {batch.images, batch.image_size, batch.channels};
  Uploaded& up = uploaded_[turn_ = 1 - turn_];
  Upload(unmade.bytes, up.bytes, up.free);
  Upload(unmade.taps, up.taps, up.free);
  Upload(unmade.sources, up.sources, up.free);
  Upload(unmade.finishes, up.finishes, up.free);
  Device& device = execution_.device;
  device.JoinUploads();
  resampled_.Reserve(device, static_cast<size_t>(shape.images * shape.values()));
  const int64_t stride = RowStride(shape.plane().pixels());
  pictures_.Reserve(device, static_cast<size_t>(shape.channels * stride));
  ops_.resample_pictures(execution_, shape,
                         {.resampled = resampled_.data(),
                          .bytes = up.bytes.data(),
                          .kept = unmade.kept,
                          .taps = up.taps.data(),
                          .sources = up.sources.data()});
  const Rows<float> pictures = {pictures_.data(), stride};
  ops_.finish_pictures(execution_, shape,
                       {.pictures = pictures,
                        .resampled = resampled_.data(),
                        .finishes = up.finishes.data(),
                        .options = unmade.options});
  up.free = device.MarkQueue();
  return pictures;
}

}  // namespace riffle
