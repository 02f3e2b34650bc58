// A block a picture.
#include "ops/gpu.h"
#include "ops/gpu_losses.h"

namespace riffle::RIFFLE_GPU {
namespace {

struct PictureLoss {
  static constexpr int kThreads = kLossThreads;
  using Shared = LossSums;
  int classes;
  BinaryCrossEntropy<float> a;

  RIFFLE_KERNEL void operator()(Shared& sums) const {
    const int64_t n = blockIdx.x;
    const double loss = SumOverClasses(classes, sums, [&](int k) {
      const int64_t at = n * classes + k;
      const double z = a.logits[at], target = a.targets[at], class_weight = a.class_weights ? a.class_weights[k] : 1;
      if (a.dlogits) {
        const double sigmoid = exp(-Softplus(-z));
        a.dlogits[at] = static_cast<float>(a.weight * a.scale * class_weight * (sigmoid - target));
      }
      return class_weight * (Softplus(z) - target * z);
    });
    if (BlockThread() == 0) a.loss[n] = static_cast<float>(a.scale * loss);
  }
};

}  // namespace

void BinaryCrossEntropyForwardBackward(const Execution& execution, const LogitsShape& shape,
                                       const BinaryCrossEntropy<float>& a) {
  Launch(execution, {shape.images}, PictureLoss{shape.classes, a});
}

}  // namespace riffle::RIFFLE_GPU
