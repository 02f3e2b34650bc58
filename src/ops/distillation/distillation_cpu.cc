// The divergence from a teacher (distillation.h), one picture at a time, in double, as cross_entropy_cpu.cc is.
#include <algorithm>
#include <cmath>

#include "backend/scratch.h"
#include "ops/cpu.h"
#include "ops/log_softmax.h"

namespace riffle::cpu {
namespace {

/// Over the classes but `without`, from the logarithms of p and q: KL(p ‖ q), and gradient[k] = q[k] − p[k].
double Divergence(int classes, int without, const double* log_p, const double* log_q, double* gradient) {
  double divergence = 0;
  for (int k = 0; k < classes; ++k) {
    if (k == without) continue;
    const double p = std::exp(log_p[k]);
    divergence += p * (log_p[k] - log_q[k]);
    gradient[k] = std::exp(log_q[k]) - p;
  }
  return divergence;
}

double Softplus(double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x))); }

/// One picture's divergence, and its gradient; all of [classes].
double Plain(const Distillation& d, int classes, const float* teacher, const float* student, double* gradient) {
  Scratch scratch;
  double *log_p = scratch.Doubles(classes), *log_q = scratch.Doubles(classes);
  LogSoftmax(teacher, classes, d.temperature, -1, log_p);
  LogSoftmax(student, classes, d.temperature, -1, log_q);
  const double divergence = Divergence(classes, -1, log_p, log_q, gradient);
  for (int k = 0; k < classes; ++k) gradient[k] *= d.temperature;  // T² · 1/T
  return d.temperature * d.temperature * divergence;
}

/// The same; t is the picture's class.
double Decoupled(const Distillation& d, int classes, int t, const float* teacher, const float* student,
                 double* gradient) {
  Scratch scratch;
  double *log_p = scratch.Doubles(classes), *log_q = scratch.Doubles(classes);
  // The logits of the class against all others: p[t] = sigmoid(u), 1 − p[t] = sigmoid(−u).
  const double u = teacher[t] / d.temperature - LogSoftmax(teacher, classes, d.temperature, t, log_p),
               v = student[t] / d.temperature - LogSoftmax(student, classes, d.temperature, t, log_q);
  const double p = std::exp(-Softplus(-u)), rest = std::exp(-Softplus(u));
  const double target_divergence = p * (Softplus(-v) - Softplus(-u)) + rest * (Softplus(v) - Softplus(u));
  const double other_divergence = Divergence(classes, t, log_p, log_q, gradient);
  const double too_sure = d.alpha * (std::exp(-Softplus(-v)) - p);  // ∂TCKD/∂v
  for (int k = 0; k < classes; ++k)
    gradient[k] = d.temperature * (k == t ? too_sure : d.beta * gradient[k] - too_sure * std::exp(log_q[k]));
  return d.temperature * d.temperature * (d.alpha * target_divergence + d.beta * other_divergence);
}

}  // namespace

void DistillationForwardBackward(const Execution& execution, const LogitsShape& shape, const Distillation& distillation,
                                 const DistillationLoss<float>& args) {
  execution.pool.ParallelFor(shape.images, [&](int64_t n) {
    Scratch scratch;
    double* gradient = scratch.Doubles(shape.classes);
    const int64_t at = n * shape.classes;
    const float *target = args.targets + at, *teacher = args.teacher + at, *student = args.student + at;
    const auto own_class = static_cast<int>(std::max_element(target, target + shape.classes) - target);
    const double divergence = distillation.decoupled
                                  ? Decoupled(distillation, shape.classes, own_class, teacher, student, gradient)
                                  : Plain(distillation, shape.classes, teacher, student, gradient);
    args.loss[n] = static_cast<float>(divergence);
    for (int k = 0; k < shape.classes; ++k) args.dlogits[at + k] += static_cast<float>(args.weight * gradient[k]);
  });
}

}  // namespace riffle::cpu
