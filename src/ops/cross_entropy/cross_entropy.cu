// A block a picture.
#include "ops/gpu.h"
#include "ops/gpu_losses.h"

namespace riffle::RIFFLE_GPU {
namespace {

struct PictureLoss {
  static constexpr int kThreads = kLossThreads;
  using Shared = LossSums;
  int classes;
  CrossEntropy<float> a;

  RIFFLE_KERNEL void operator()(Shared& sums) const {
    const int64_t n = blockIdx.x, at = n * classes;
    const float* logits = a.logits + at;
    const auto target = [&](int k) {
      return a.class_weights ? a.targets[at + k] * a.class_weights[k] : a.targets[at + k];
    };
    const double log_sum = LogSum(logits, classes, 1, -1, sums);
    const double target_sum = SumOverClasses(classes, sums, target);
    const double loss = SumOverClasses(classes, sums, [&](int k) { return target(k) * (log_sum - logits[k]); });
    if (BlockThread() == 0) a.loss[n] = static_cast<float>(loss);
    if (!a.dlogits) return;
    for (int k = BlockThread(); k < classes; k += kThreads)
      a.dlogits[at + k] = static_cast<float>(a.weight * (exp(logits[k] - log_sum) * target_sum - target(k)));
  }
};

}  // namespace

void CrossEntropyForwardBackward(const Execution& execution, const LogitsShape& shape, const CrossEntropy<float>& a) {
  Launch(execution, {shape.images}, PictureLoss{shape.classes, a});
}

}  // namespace riffle::RIFFLE_GPU
