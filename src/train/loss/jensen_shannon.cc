#include "train/loss/jensen_shannon.h"

#include "backend/scratch.h"
#include "train/loss/log_softmax.h"

namespace riffle {

void AddJensenShannon(const Execution& execution, int splits, int64_t samples, int classes, double alpha, double weight,
                      const float* logits, float* losses, float* dlogits) {
  execution.pool.ParallelFor(samples, [&](int64_t i) {
    Scratch scratch;
    double* log_p = scratch.Doubles(int64_t{splits} * classes);  // [splits][classes]
    double* log_m = scratch.Doubles(classes);
    const auto row = [&](int s) { return (s * samples + i) * classes; };
    for (int s = 0; s < splits; ++s) LogSoftmax(logits + row(s), classes, 1, -1, log_p + s * classes);
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
      for (int k = 0; k < classes; ++k)
        dlogits[row(s) + k] +=
            static_cast<float>(weight * alpha / splits * std::exp(log_ps[k]) * (log_ps[k] - log_m[k] - to_mean));
    }
    losses[i] += static_cast<float>(alpha * divergence);
  });
}

}  // namespace riffle
