// A block a picture.
#include "ops/gpu.h"
#include "ops/gpu_losses.h"

namespace riffle::RIFFLE_GPU {
namespace {

struct PictureDivergence {
  static constexpr int kThreads = kLossThreads;
  using Shared = LossSums;
  int classes;
  Distillation d;
  DistillationLoss<float> a;

  /// The class of the greatest target, the first among equals.
  RIFFLE_KERNEL int OwnClass(const float* targets, LossSums& sums) const {
    const double greatest = GreatestOfClasses(classes, sums, [=](int k) { return targets[k]; });
    const double before =
        GreatestOfClasses(classes, sums, [=](int k) { return targets[k] == greatest ? -k : -INFINITY; });
    return static_cast<int>(-before);
  }

  RIFFLE_KERNEL void operator()(Shared& sums) const {
    const int64_t n = blockIdx.x, at = n * classes;
    const float *teacher = a.teacher + at, *student = a.student + at;
    const double temperature = d.temperature;
    const int own = d.decoupled ? OwnClass(a.targets + at, sums) : -1;  // the class that log p and log q leave out
    const double log_p_sum = LogSum(teacher, classes, temperature, own, sums);
    const double log_q_sum = LogSum(student, classes, temperature, own, sums);
    const auto log_p = [&](int k) { return teacher[k] / temperature - log_p_sum; };
    const auto log_q = [&](int k) { return student[k] / temperature - log_q_sum; };
    double divergence =
        SumOverClasses(classes, sums, [&](int k) { return k == own ? 0 : exp(log_p(k)) * (log_p(k) - log_q(k)); });
    double too_sure = 0;
    if (d.decoupled) {
      // The logits of the class against all others: p[t] = sigmoid(u), 1 − p[t] = sigmoid(−u), and so q by v.
      const double u = log_p(own), v = log_q(own);
      const double p = exp(-Softplus(-u)), rest = exp(-Softplus(u));
      const double of_class = p * (Softplus(-v) - Softplus(-u)) + rest * (Softplus(v) - Softplus(u));
      divergence = d.alpha * of_class + d.beta * divergence;
      too_sure = d.alpha * (exp(-Softplus(-v)) - p);  // ∂TCKD/∂v
    }
    if (BlockThread() == 0) a.loss[n] = static_cast<float>(temperature * temperature * divergence);
    for (int k = BlockThread(); k < classes; k += kThreads) {
      const double q = exp(log_q(k)), difference = q - exp(log_p(k));  // ∂KL/∂(student[k] / T)
      const double gradient = !d.decoupled ? difference : k == own ? too_sure : d.beta * difference - too_sure * q;
      a.dlogits[at + k] += static_cast<float>(a.weight * temperature * gradient);  // T² · 1/T
    }
  }
};

}  // namespace

void DistillationForwardBackward(const Execution& execution, const LogitsShape& shape, const Distillation& distillation,
                                 const DistillationLoss<float>& a) {
  Launch(execution, {shape.images}, PictureDivergence{shape.classes, distillation, a});
}

}  // namespace riffle::RIFFLE_GPU
