// Knowledge distillation: a student learns from what a trained network, the teacher, makes of the same pictures.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "checkpoint/checkpoint.h"
#include "runtime/load_session.h"

namespace riffle {

/// A trained network that judges the pictures that a student sees, in evaluation mode.
class Teacher {
 public:
  /// Any checkpoint of ours, of whatever width and conventions. Its ops run on `execution`; `ops` must outlive it.
  /// InvalidArgument if its classes, or the channels, mean, deviation or size in validation of its pictures, are not
  /// the student's; names what differs.
  static Result<std::unique_ptr<Teacher>> Create(const Execution& execution, const std::string& path,
                                                 const CheckpointInfo& student, const OpTable<float>& ops);

  /// The height and width of the pictures of the next Runs; at first the student's in validation. Errors: those of
  /// MakePlan.
  Status SetImageSize(int size);

  /// logits: [images][classes]
  void Run(int64_t images, Rows<const float> pictures, float* logits) { session_->Run(images, pictures, logits); }

 private:
  explicit Teacher(std::unique_ptr<Session> session) : session_(std::move(session)) {}
  const std::unique_ptr<Session> session_;
};

/// How a student's logits are compared with the teacher's, at temperature T:
///   plain      T² · KL(p ‖ q),  p = softmax(teacher / T), q = softmax(student / T)  (Hinton et al., arXiv 1503.02531)
///   decoupled  T² · (alpha · TCKD + beta · NCKD)                                    (Zhao et al., arXiv 2203.08679)
///              TCKD: the divergence of (p[t], 1 − p[t]) from that of q, t the picture's class: how sure
///              NCKD: the divergence over the other classes alone, p and q normalised without t: what else it resembles
struct Distillation {
  bool decoupled = false;
  double temperature = 4, alpha = 1, beta = 8;
};

/// losses[n] += the divergence; dlogits[n] += weight · its gradient with respect to the student's logits. The class of
/// a picture is the one of its greatest target, the first among equals. losses: [images], the rest: [images][classes].
/// REQUIRES: decoupled needs two classes.
void AddDistillation(const Execution& execution, const Distillation& distillation, int64_t images, int classes,
                     const float* targets, const float* teacher, const float* student, double weight, float* losses,
                     float* dlogits);

}  // namespace riffle
