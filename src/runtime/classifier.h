// A checkpoint and pictures in, classes out: what the public Classifier (riffle/riffle.hpp) and `riffle predict` share.
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "picture/evaluation_view.h"
#include "riffle/riffle.hpp"
#include "runtime/load_session.h"

namespace riffle {

/// Decodes, fits and classifies one picture after another; keeps its memory. Not thread-safe; several may work
/// side by side.
class PictureClassifier {
 public:
  /// With the averaged weights where the checkpoint has them, unless the `online` ones are asked for. Errors: those of
  /// LoadSession. Its ops run on `execution`; `ops` must outlive it.
  static Result<std::unique_ptr<PictureClassifier>> Create(const Execution& execution, const Checkpoint& checkpoint,
                                                           const OpTable<float>& ops, bool online = false);

  /// The `count` likeliest classes, equal ones by index. Errors: those of ReadFile and Decode, with the path.
  Result<std::vector<ClassProbability>> ClassifyFile(const std::filesystem::path& picture, size_t count);
  Result<std::vector<ClassProbability>> ClassifyEncoded(std::span<const uint8_t> bytes, size_t count);

  /// What is wrong with the picture that was classified last (FlawOf); "" if nothing is.
  std::string flaw() const { return FlawOf(picture_); }

  const CheckpointInfo& info() const { return info_; }
  /// Test-time flip, as Session::SetFlip.
  void SetFlip(bool flip) { session_->SetFlip(flip); }
  /// Whether these are the averaged weights of a run that kept an average.
  bool averaged() const { return averaged_; }

 private:
  PictureClassifier(const Execution& execution, CheckpointInfo info, bool averaged, std::unique_ptr<Session> session,
                    EvaluationView view);

  const CheckpointInfo info_;
  const bool averaged_;
  const std::unique_ptr<Session> session_;
  const Map& pictures_;  ///< of the session's plan
  const EvaluationView view_;
  const int64_t stride_;
  StagingArray<float> pixels_;
  std::vector<float> logits_;
  Picture picture_;
  ViewScratch scratch_;
};

/// The name of a class; "class 17" where a checkpoint has no `names`.
std::string ClassNameOf(const std::vector<std::string>& names, int index);

/// The `count` likeliest of all classes under softmax(logits), equal ones by index. `names` as for ClassNameOf.
std::vector<ClassProbability> Likeliest(std::span<const float> logits, const std::vector<std::string>& names,
                                        size_t count);

}  // namespace riffle
