// The pictures of batches where ops read them.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "backend/device_array.h"
#include "backend/execution.h"
#include "data/batch.h"
#include "ops/op_table.h"

namespace riffle {

/// Makes them, where a loader left that to the device. Not thread-safe.
class BatchInput {
 public:
  /// The pool and the device of the execution must outlive the input, as `ops` must.
  BatchInput(const Execution& execution, const OpTable<float>& ops) : execution_(execution), ops_(ops) {}

  /// [channels][images·H·W]: the batch's own memory if the device reads the host's, else the device's. What is to be
  /// done for that is enqueued as an op is: the batch must stay until FinishUploads(). Valid until the next call, and
  /// as long as the batch.
  Rows<const float> PicturesOf(const Batch& batch);

 private:
  /// What goes up for a batch, beside the ops of the batch before it, which have the other one.
  struct Uploaded {
    DeviceArray<uint8_t> bytes;
    DeviceArray<int32_t> taps;
    DeviceArray<PictureSource> sources;
    DeviceArray<PictureFinish> finishes;
    Device::Mark free = Device::kBegin;  ///< behind the ops that read it last
  };
  template <class T>
  void Upload(std::span<const T> values, DeviceArray<T>& to, Device::Mark& free);
  Rows<const float> Make(const Batch& batch);

  const Execution execution_;
  const OpTable<float>& ops_;
  DeviceInput<float> input_;
  std::array<Uploaded, 2> uploaded_;
  int turn_ = 0;
  DeviceArray<uint8_t> resampled_;
  DeviceArray<float> pictures_;
};

}  // namespace riffle
