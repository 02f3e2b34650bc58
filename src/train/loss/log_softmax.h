// The logarithm of the softmax, for losses that compare distributions: exact where probabilities are too small for a
// number of their own.
#pragma once

#include <algorithm>
#include <cmath>

namespace riffle {

/// log_probabilities[k] = logits[k] / temperature − log Σ_j exp(logits[j] / temperature), over all classes but
/// `without` (−1: over all), whose entry is left alone. Returns that logarithm of the sum.
/// REQUIRES: a class is left.
inline double LogSoftmax(const float* logits, int classes, double temperature, int without, double* log_probabilities) {
  double top = -INFINITY, sum = 0;
  for (int k = 0; k < classes; ++k)
    if (k != without) top = std::max(top, logits[k] / temperature);
  for (int k = 0; k < classes; ++k)
    if (k != without) sum += std::exp(logits[k] / temperature - top);
  const double log_sum = top + std::log(sum);
  for (int k = 0; k < classes; ++k)
    if (k != without) log_probabilities[k] = logits[k] / temperature - log_sum;
  return log_sum;
}

}  // namespace riffle
