// The teacher of knowledge distillation: a trained network, from what it makes of the same pictures a student learns.
// What that costs the student is the op `distillation`.
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
  /// Any weights that OpenWeights opens, of whatever width and conventions. Its ops run on `execution`; `ops` must
  /// outlive it. InvalidArgument if its classes, or the channels, mean, deviation or size in validation of its
  /// pictures, are not the student's; names what differs.
  static Result<std::unique_ptr<Teacher>> Create(const Execution& execution, const std::string& path,
                                                 const CheckpointInfo& student, const OpTable<float>& ops);

  /// The height and width of the pictures of the next Runs; at first the student's in validation. Errors: those of
  /// MakePlan.
  Status SetImageSize(int size);

  /// The logits [images][classes]: Session::Forward.
  const float* Run(int64_t images, Rows<const float> pictures) { return session_->Forward(images, pictures); }

 private:
  explicit Teacher(std::unique_ptr<Session> session) : session_(std::move(session)) {}
  const std::unique_ptr<Session> session_;
};

}  // namespace riffle
