// The logarithm of the softmax, for losses that compare distributions: exact where probabilities are too small for a
// number of their own.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

#include "ops/scalar.h"

namespace riffle {

/// log_probabilities[k] = logits[k] / temperature − log Σ_j exp(logits[j] / temperature), over all classes but
/// `without` (−1: over all), whose entry is left alone. Returns that logarithm of the sum. Sums are of the type T of
/// the results. REQUIRES: a class is left.
template <class Logit, class T>
T LogSoftmax(const Logit* logits, int classes, T temperature, int without, T* log_probabilities) {
  using std::exp, std::log;
  auto top = -std::numeric_limits<decltype(RealPart(T()))>::infinity();
  T sum = 0;
  for (int k = 0; k < classes; ++k)
    if (k != without) top = std::max(top, RealPart(logits[k] / temperature));
  for (int k = 0; k < classes; ++k)
    if (k != without) sum += exp(logits[k] / temperature - top);
  const T log_sum = top + log(sum);
  for (int k = 0; k < classes; ++k)
    if (k != without) log_probabilities[k] = logits[k] / temperature - log_sum;
  return log_sum;
}

}  // namespace riffle
