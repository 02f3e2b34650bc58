// The reference of distillation.h.
#pragma once

#include <utility>

#include "ops/common_ref.h"
#include "ops/distillation/distillation.h"
#include "ops/log_softmax.h"

namespace riffle {

/// KL(p ‖ q) over the classes but `without` (−1: over all), from the logarithms of p and q.
template <class T>
T ReferenceDivergence(const std::vector<T>& log_p, const std::vector<T>& log_q, int without) {
  using std::exp;
  T divergence = 0;
  for (int k = 0; k < static_cast<int>(log_p.size()); ++k)
    if (k != without) divergence += exp(log_p[k]) * (log_p[k] - log_q[k]);
  return divergence;
}

template <class T>
void ReferenceDistillation(const Execution&, const LogitsShape& shape, const Distillation& d,
                           const DistillationLoss<T>& a) {
  using std::exp;
  const T temperature(d.temperature), alpha(d.alpha), beta(d.beta), weight(a.weight);
  std::vector<T> log_p(shape.classes), log_q(shape.classes);
  for (int64_t n = 0; n < shape.images; ++n) {
    const int64_t at = n * shape.classes;
    const T *teacher = a.teacher + at, *student = a.student + at;
    int own = 0;
    for (int k = 1; k < shape.classes; ++k)
      if (RealPart(a.targets[at + k]) > RealPart(a.targets[at + own])) own = k;
    const int without = d.decoupled ? own : -1;
    const T log_p_sum = LogSoftmax(teacher, shape.classes, temperature, without, log_p.data());
    const T log_q_sum = LogSoftmax(student, shape.classes, temperature, without, log_q.data());
    T divergence = ReferenceDivergence(log_p, log_q, without);
    T too_sure = 0;
    if (d.decoupled) {
      // The logits of the class against all others: p[t] = sigmoid(u), 1 − p[t] = sigmoid(−u), and so q by v.
      const T u = teacher[own] / temperature - log_p_sum, v = student[own] / temperature - log_q_sum;
      const T p = exp(-Softplus(-u)), rest = exp(-Softplus(u));
      const T target_divergence = p * (Softplus(-v) - Softplus(-u)) + rest * (Softplus(v) - Softplus(u));
      divergence = alpha * target_divergence + beta * divergence;
      too_sure = alpha * (exp(-Softplus(-v)) - p);  // ∂/∂v
    }
    a.loss[n] = temperature * temperature * divergence;
    for (int k = 0; k < shape.classes; ++k) {
      const T q = exp(log_q[k]), difference = q - exp(log_p[k]);  // ∂KL/∂(student[k] / T)
      const T gradient = !d.decoupled ? difference : k == own ? too_sure : beta * difference - too_sure * q;
      a.dlogits[at + k] += weight * temperature * gradient;  // T² · 1/T
    }
  }
}

}  // namespace riffle
