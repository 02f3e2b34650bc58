// The pictures of batches where ops read them.
#pragma once

#include <cstdint>
#include <memory>
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
  template <class T>
  void Upload(std::span<const T> values, DeviceArray<T>& to);
  Rows<const float> Make(const Batch& batch);

  const Execution execution_;
  const OpTable<float>& ops_;
  DeviceInput<float> input_;
  std::unique_ptr<SideQueue> uploads_;  // follows the ops that read what went up last, and not the step behind them
  DeviceArray<uint8_t> bytes_;
  DeviceArray<int32_t> taps_;
  DeviceArray<PictureSource> sources_;
  DeviceArray<PictureFinish> finishes_;
  DeviceArray<uint8_t> resampled_;
  DeviceArray<float> pictures_;
};

}  // namespace riffle
