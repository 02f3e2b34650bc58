// The pictures of batches where ops read them.
#pragma once

#include "backend/device_array.h"
#include "data/batch.h"

namespace riffle {

class BatchInput {
 public:
  /// The device must outlive the input.
  explicit BatchInput(Device& device) : device_(device) {}

  /// [channels][images·H·W]: the batch's own memory if the device reads the host's, else a copy, which is enqueued as
  /// an op is: the batch must stay until Synchronize(). Valid until the next call, and as long as the batch.
  Rows<const float> PicturesOf(const Batch& batch) {
    const int64_t pixels = int64_t{batch.images} * batch.image_size * batch.image_size;
    return input_.At(device_, batch.pixels, batch.channels, pixels);
  }

 private:
  Device& device_;
  DeviceInput<float> input_;
};

}  // namespace riffle
