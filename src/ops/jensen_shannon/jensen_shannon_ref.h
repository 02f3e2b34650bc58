// The reference of jensen_shannon.h.
#pragma once

#include "ops/common_ref.h"
#include "ops/jensen_shannon/jensen_shannon.h"
#include "ops/log_softmax.h"

namespace riffle {

template <class T>
void ReferenceJensenShannon(const Execution&, const JensenShannonShape& shape, const JensenShannon<T>& a) {
  using std::exp, std::log;
  const T splits(shape.splits), alpha(a.alpha), weight(a.weight);
  std::vector<std::vector<T>> log_p(shape.splits, std::vector<T>(shape.classes));
  std::vector<T> log_m(shape.classes);
  for (int64_t i = 0; i < shape.samples; ++i) {
    const auto row = [&](int s) { return (s * shape.samples + i) * shape.classes; };
    for (int s = 0; s < shape.splits; ++s) LogSoftmax(a.logits + row(s), shape.classes, T(1), -1, log_p[s].data());
    for (int k = 0; k < shape.classes; ++k) {
      auto top = RealPart(log_p[0][k]);
      for (int s = 1; s < shape.splits; ++s) top = std::max(top, RealPart(log_p[s][k]));
      T sum = 0;
      for (int s = 0; s < shape.splits; ++s) sum += exp(log_p[s][k] - top);
      log_m[k] = top + log(sum / splits);
    }
    T divergence = 0;
    for (int s = 0; s < shape.splits; ++s) {
      T to_mean = 0;  // KL(p_s ‖ m)
      for (int k = 0; k < shape.classes; ++k) to_mean += exp(log_p[s][k]) * (log_p[s][k] - log_m[k]);
      divergence += to_mean / splits;
      // ∂JS/∂p_s[k] = (log p_s[k] − log m[k]) / splits: what moves m cancels the derivative of log p_s.
      for (int k = 0; k < shape.classes; ++k) {
        const T gradient = exp(log_p[s][k]) * (log_p[s][k] - log_m[k] - to_mean) / splits;
        T& dlogit = a.dlogits[row(s) + k];
        dlogit = (s == 0 ? dlogit : T(0)) + weight * alpha * gradient;
      }
    }
    a.loss[i] += alpha * divergence;
  }
}

}  // namespace riffle
