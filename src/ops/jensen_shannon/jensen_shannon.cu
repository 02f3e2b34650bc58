// A block a row of logits for the logarithms of the softmax, then a block a sample. What costs little is computed again
// rather than stored: log m[k] for each version.
#include "ops/gpu.h"
#include "ops/gpu_losses.h"

namespace riffle::RIFFLE_GPU {
namespace {

struct LogSumsOfRows {
  static constexpr int kThreads = kLossThreads;
  using Shared = LossSums;
  int classes;
  double* log_sums;
  const float* logits;

  RIFFLE_KERNEL void operator()(Shared& sums) const {
    const double log_sum = LogSum(logits + int64_t{blockIdx.x} * classes, classes, 1, -1, sums);
    if (BlockThread() == 0) log_sums[blockIdx.x] = log_sum;
  }
};

struct Sample {
  static constexpr int kThreads = kLossThreads;
  using Shared = LossSums;
  JensenShannonShape shape;
  JensenShannon<float> a;
  const double* log_sums;  ///< [splits][samples]

  RIFFLE_KERNEL int64_t Row(int s) const { return s * shape.samples + blockIdx.x; }
  RIFFLE_KERNEL double LogP(int s, int k) const { return a.logits[Row(s) * shape.classes + k] - log_sums[Row(s)]; }
  RIFFLE_KERNEL double LogM(int k) const {
    double top = LogP(0, k), sum = 0;
    for (int s = 1; s < shape.splits; ++s) top = Greater()(top, LogP(s, k));
    for (int s = 0; s < shape.splits; ++s) sum += exp(LogP(s, k) - top);
    return top + log(sum / shape.splits);
  }

  RIFFLE_KERNEL void operator()(Shared& sums) const {
    double divergence = 0;
    for (int s = 0; s < shape.splits; ++s) {
      // KL(p_s ‖ m)
      const double to_mean =
          SumOverClasses(shape.classes, sums, [&](int k) { return exp(LogP(s, k)) * (LogP(s, k) - LogM(k)); });
      divergence += to_mean / shape.splits;
      // ∂JS/∂p_s[k] = (log p_s[k] − log m[k]) / splits: what moves m cancels the derivative of log p_s.
      for (int k = BlockThread(); k < shape.classes; k += kThreads) {
        const double gradient = exp(LogP(s, k)) * (LogP(s, k) - LogM(k) - to_mean) / shape.splits;
        float& dlogit = a.dlogits[Row(s) * shape.classes + k];
        dlogit = (s == 0 ? dlogit : 0) + static_cast<float>(a.weight * a.alpha * gradient);
      }
    }
    if (BlockThread() == 0) a.loss[blockIdx.x] += static_cast<float>(a.alpha * divergence);
  }
};

}  // namespace

void JensenShannonForwardBackward(const Execution& execution, const JensenShannonShape& shape,
                                  const JensenShannon<float>& a) {
  const int64_t rows = shape.splits * shape.samples;
  auto* const log_sums = Scratch<double>(execution, rows);
  Launch(execution, {rows}, LogSumsOfRows{shape.classes, log_sums, a.logits});
  Launch(execution, {shape.samples}, Sample{shape, a, log_sums});
}

}  // namespace riffle::RIFFLE_GPU
