// What has to hold of every file of tensors, whoever wrote it.
#pragma once

#include "exchange/import.h"
#include "exchange/tensor_file.h"
#include "fuzz/target.h"

namespace riffle {

/// Each tensor has the bytes of its shape, becomes floats or says why not, and all together are a network or none.
inline void CheckTensors(const Result<TensorFile>& file, std::string_view input) {
  if (!IsFine(file, input)) return;
  for (const TensorView& tensor : file->tensors) {
    const Result<int64_t> bytes = ByteCount(tensor.dtype, tensor.shape);
    Require(bytes.ok() && *bytes == static_cast<int64_t>(tensor.bytes.size()), "a tensor has the bytes of its shape");
    (void)IsFine(AsFloats(tensor), input);
  }
  (void)IsFine(ImportTensors(*file, {}), input);
}

}  // namespace riffle
