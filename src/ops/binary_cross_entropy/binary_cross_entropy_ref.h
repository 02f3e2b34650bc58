// The reference of binary_cross_entropy.h.
#pragma once

#include "ops/binary_cross_entropy/binary_cross_entropy.h"
#include "ops/common_ref.h"

namespace riffle {

template <class T>
void ReferenceBinaryCrossEntropy(const Execution&, const LogitsShape& shape, const BinaryCrossEntropy<T>& a) {
  using std::exp;
  const T scale(a.scale);
  for (int64_t n = 0; n < shape.images; ++n) {
    T loss = 0;
    for (int k = 0; k < shape.classes; ++k) {
      const int64_t at = n * shape.classes + k;
      const T z = a.logits[at], target = a.targets[at], class_weight = a.class_weights ? a.class_weights[k] : T(1);
      loss += class_weight * (Softplus(z) - target * z);
      if (a.dlogits) a.dlogits[at] = a.weight * scale * class_weight * (exp(-Softplus(-z)) - target);
    }
    a.loss[n] = scale * loss;
  }
}

}  // namespace riffle
