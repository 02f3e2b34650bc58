// Binary cross-entropy (binary_cross_entropy.h), one picture at a time, in double, as cross_entropy_cpu.cc is.
#include <algorithm>
#include <cmath>

#include "ops/cpu.h"

namespace riffle::cpu {

void BinaryCrossEntropyForwardBackward(const Execution& execution, const LogitsShape& shape,
                                       const BinaryCrossEntropy<float>& args) {
  execution.pool.ParallelFor(shape.images, [&](int64_t n) {
    double loss = 0;
    for (int k = 0; k < shape.classes; ++k) {
      const int64_t at = n * shape.classes + k;
      const double z = args.logits[at], target = args.targets[at];
      const double class_weight = args.class_weights ? args.class_weights[k] : 1;
      const double small = std::exp(-std::abs(z));  // no exponential overflows
      loss += class_weight * (std::max(z, 0.0) + std::log1p(small) - target * z);
      if (!args.dlogits) continue;
      const double sigmoid = (z < 0 ? small : 1) / (1 + small);
      args.dlogits[at] = static_cast<float>(args.weight * args.scale * class_weight * (sigmoid - target));
    }
    args.loss[n] = static_cast<float>(args.scale * loss);
  });
}

}  // namespace riffle::cpu
