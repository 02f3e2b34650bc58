#include "ops/gpu.h"
#include "ops/gpu_ops.h"

namespace riffle::RIFFLE_GPU {

const OpTable<float>& Ops() {
  static const OpTable<float> table = [] {
    OpTable<float> both = Table(float());
    both.bfloat16 = &Bfloat16Ops();
    return both;
  }();
  return table;
}
const OpTable<float, Bfloat16>& Bfloat16Ops() {
  static const OpTable<float, Bfloat16> table = [] {
    OpTable<float, Bfloat16> ops = Table(Bfloat16());
    ops.depthwise_gram = DepthwiseGram;
    return ops;
  }();
  return table;
}

}  // namespace riffle::RIFFLE_GPU
