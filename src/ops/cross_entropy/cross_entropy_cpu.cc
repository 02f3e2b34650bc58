// Softmax cross-entropy (cross_entropy.h), one picture at a time, in double: a thousand exponentials a picture are a
// thousandth of the network's work, and the loss keeps its digits.
#include <algorithm>
#include <cmath>

#include "backend/execution.h"
#include "backend/scratch.h"
#include "ops/cpu.h"

namespace riffle::cpu {
namespace {

/// One picture's loss, and its dlogits if those are wanted. class_weights may be null.
float OnePicture(const float* logits, const float* targets, const float* class_weights, int64_t classes, double weight,
                 float* dlogits) {
  Scratch scratch;
  if (class_weights) {
    float* weighted = scratch.Floats(classes);
    for (int64_t k = 0; k < classes; ++k) weighted[k] = targets[k] * class_weights[k];
    targets = weighted;
  }
  double* exponentials = scratch.Doubles(classes);
  // The greatest logit is taken off all of them: that changes no softmax, and no exponential overflows.
  const double top = *std::max_element(logits, logits + classes);
  double partition = 0, target_sum = 0, target_logits = 0;
  for (int64_t k = 0; k < classes; ++k) {
    const double shifted = logits[k] - top;
    partition += exponentials[k] = std::exp(shifted);
    target_sum += targets[k];
    target_logits += targets[k] * shifted;
  }
  for (int64_t k = 0; dlogits && k < classes; ++k) {
    dlogits[k] = static_cast<float>(weight * (exponentials[k] / partition * target_sum - targets[k]));
  }
  return static_cast<float>(target_sum * std::log(partition) - target_logits);
}

}  // namespace

void CrossEntropyForwardBackward(const Execution& execution, const LogitsShape& shape,
                                 const CrossEntropy<float>& args) {
  execution.pool.ParallelFor(shape.images, [&](int64_t n) {
    const int64_t at = n * shape.classes;
    args.loss[n] = OnePicture(args.logits + at, args.targets + at, args.class_weights, shape.classes, args.weight,
                              args.dlogits ? args.dlogits + at : nullptr);
  });
}

}  // namespace riffle::cpu
