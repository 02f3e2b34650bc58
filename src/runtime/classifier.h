// A checkpoint and pictures in, classes out.
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "riffle/riffle.hpp"
#include "runtime/load_session.h"
#include "runtime/picture_batch.h"

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
  const std::string& flaw() const { return batch_.flaw(); }

  const CheckpointInfo& info() const { return info_; }
  /// Test-time flip, as Session::SetFlip.
  void SetFlip(bool flip) { session_->SetFlip(flip); }
  /// Whether these are the averaged weights of a run that kept an average.
  bool averaged() const { return averaged_; }

 private:
  Result<std::vector<ClassProbability>> Classify(Status added, size_t count);
  PictureClassifier(const Execution& execution, CheckpointInfo info, bool averaged, std::unique_ptr<Session> session,
                    EvaluationView view);

  const CheckpointInfo info_;
  const bool averaged_;
  const std::unique_ptr<Session> session_;
  PictureBatch batch_;
  std::vector<float> logits_;
};

/// The network's answers as shares of 1, in double precision.
std::vector<double> Softmax(std::span<const float> logits);

/// The name of a class; "class 17" where a checkpoint has no `names`.
std::string ClassNameOf(const std::vector<std::string>& names, int index);

/// The `count` likeliest of all classes under softmax(logits), equal ones by index. `names` as for ClassNameOf.
std::vector<ClassProbability> Likeliest(std::span<const float> logits, const std::vector<std::string>& names,
                                        size_t count);

}  // namespace riffle
