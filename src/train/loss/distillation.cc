#include "train/loss/distillation.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "backend/scratch.h"
#include "train/loss/log_softmax.h"

namespace riffle {
namespace {

Status CheckFits(const std::string& path, const CheckpointInfo& teacher, const CheckpointInfo& student) {
  const auto differ = [&](std::string_view what, const auto& theirs, const auto& ours) {
    return InvalidArgument("{}: a teacher has to see what its student sees: {} is {} there and {} here", path, what,
                           theirs, ours);
  };
  const Preprocessing &there = teacher.preprocessing, &here = student.preprocessing;
  if (teacher.classes.size() != student.classes.size())
    return differ("the number of classes", teacher.classes.size(), student.classes.size());
  for (size_t k = 0; k < student.classes.size(); ++k)
    if (teacher.classes[k] != student.classes[k])
      return differ(fmt::format("class {}", k), teacher.classes[k], student.classes[k]);
  if (teacher.model.in_channels != student.model.in_channels)
    return differ("in_channels", teacher.model.in_channels, student.model.in_channels);
  if (teacher.model.image_size != student.model.image_size)
    return differ("the size of pictures in validation", teacher.model.image_size, student.model.image_size);
  if (there.mean != here.mean) return differ("mean", fmt::format("{}", there.mean), fmt::format("{}", here.mean));
  if (there.std != here.std) return differ("std", fmt::format("{}", there.std), fmt::format("{}", here.std));
  return {};
}

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

Result<std::unique_ptr<Teacher>> Teacher::Create(const Execution& execution, const std::string& path,
                                                 const CheckpointInfo& student, const OpTable<float>& ops) {
  RIFFLE_ASSIGN(const Checkpoint checkpoint, Checkpoint::Open(ResolveCheckpointPath(path)));
  RIFFLE_TRY(CheckFits(checkpoint.path(), checkpoint.info(), student));
  RIFFLE_ASSIGN(std::unique_ptr<Session> session,
                LoadSession(execution, checkpoint, checkpoint.best_weights(), checkpoint.info().model, ops));
  return std::unique_ptr<Teacher>(new Teacher(std::move(session)));
}

Status Teacher::SetImageSize(int size) {
  ModelDescription model = session_->plan().model;
  model.image_size = size;
  RIFFLE_ASSIGN(const Plan plan, MakePlan(model));
  session_->UsePlan(plan);
  return {};
}

void AddDistillation(const Execution& execution, const Distillation& distillation, int64_t images, int classes,
                     const float* targets, const float* teacher, const float* student, double weight, float* losses,
                     float* dlogits) {
  execution.pool.ParallelFor(images, [&](int64_t n) {
    Scratch scratch;
    double* gradient = scratch.Doubles(classes);
    const int64_t at = n * classes;
    const float* target = targets + at;
    const auto own_class = static_cast<int>(std::max_element(target, target + classes) - target);
    const double divergence = distillation.decoupled
                                  ? Decoupled(distillation, classes, own_class, teacher + at, student + at, gradient)
                                  : Plain(distillation, classes, teacher + at, student + at, gradient);
    losses[n] += static_cast<float>(divergence);
    for (int k = 0; k < classes; ++k) dlogits[at + k] += static_cast<float>(weight * gradient[k]);
  });
}

}  // namespace riffle
