// The Jensen–Shannon divergence (jensen_shannon.h), one sample at a time, in double, as cross_entropy_cpu.cc is.
#include "backend/scratch.h"
#include "ops/cpu.h"
#include "ops/log_softmax.h"

namespace riffle::cpu {

void JensenShannonForwardBackward(const Execution& execution, const JensenShannonShape& shape,
                                  const JensenShannon<float>& args) {
  const int splits = shape.splits, classes = shape.classes;
  execution.pool.ParallelFor(shape.samples, [&](int64_t i) {
    Scratch scratch;
    double* log_p = scratch.Doubles(int64_t{splits} * classes);  // [splits][classes]
    double* log_m = scratch.Doubles(classes);
    const auto row = [&](int s) { return (s * shape.samples + i) * classes; };
    for (int s = 0; s < splits; ++s) LogSoftmax(args.logits + row(s), classes, 1.0, -1, log_p + s * classes);
    for (int k = 0; k < classes; ++k) {
      double top = log_p[k], sum = 0;
      for (int s = 1; s < splits; ++s) top = std::max(top, log_p[s * classes + k]);
      for (int s = 0; s < splits; ++s) sum += std::exp(log_p[s * classes + k] - top);
      log_m[k] = top + std::log(sum / splits);
    }
    double divergence = 0;
    for (int s = 0; s < splits; ++s) {
      const double* log_ps = log_p + s * classes;
      double to_mean = 0;  // KL(p_s ‖ m)
      for (int k = 0; k < classes; ++k) to_mean += std::exp(log_ps[k]) * (log_ps[k] - log_m[k]);
      divergence += to_mean / splits;
      // ∂JS/∂p_s[k] = (log p_s[k] − log m[k]) / splits: what moves m cancels the derivative of log p_s.
      for (int k = 0; k < classes; ++k) {
        float& dlogit = args.dlogits[row(s) + k];
        dlogit = (s == 0 ? dlogit : 0) + static_cast<float>(args.weight * args.alpha / splits * std::exp(log_ps[k]) *
                                                            (log_ps[k] - log_m[k] - to_mean));
      }
    }
    args.loss[i] += static_cast<float>(args.alpha * divergence);
  });
}

}  // namespace riffle::cpu
