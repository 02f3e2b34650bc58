// The reference of cross_entropy.h.
#pragma once

#include <algorithm>

#include "ops/common_ref.h"
#include "ops/cross_entropy/cross_entropy.h"

namespace riffle {

template <class T>
void ReferenceCrossEntropy(const Execution&, const LogitsShape& shape, const CrossEntropy<T>& a) {
  using std::exp, std::log;
  for (int64_t n = 0; n < shape.images; ++n) {
    const T* logits = a.logits + n * shape.classes;
    const auto target = [&](int k) {
      const T t = a.targets[n * shape.classes + k];
      return a.class_weights ? t * a.class_weights[k] : t;
    };
    // Shifting all logits changes no softmax, and keeps exp from overflowing.
    auto top = RealPart(logits[0]);
    for (int k = 1; k < shape.classes; ++k) top = std::max(top, RealPart(logits[k]));
    T partition = 0, target_sum = 0, loss = 0;
    for (int k = 0; k < shape.classes; ++k) partition += exp(logits[k] - top);
    for (int k = 0; k < shape.classes; ++k) {
      loss -= target(k) * (logits[k] - top - log(partition));
      target_sum += target(k);
    }
    a.loss[n] = loss;
    if (!a.dlogits) continue;
    for (int k = 0; k < shape.classes; ++k) {
      const T softmax = exp(logits[k] - top) / partition;
      a.dlogits[n * shape.classes + k] = a.weight * (softmax * target_sum - target(k));
    }
  }
}

}  // namespace riffle
