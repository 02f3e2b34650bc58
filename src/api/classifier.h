// What a Classifier (riffle/riffle.hpp) is made of, for the command line, which wants errors with their codes.
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "data/transform.h"
#include "riffle/riffle.hpp"
#include "train/loaded_network.h"

namespace riffle {

/// Decodes, transforms and classifies one picture after another; keeps its memory. Not thread-safe.
class PictureClassifier {
 public:
  /// With the averaged weights where the checkpoint has them, unless the `online` ones are asked for. Errors: those of
  /// LoadNetwork. `ops` must outlive it.
  static Result<std::unique_ptr<PictureClassifier>> Create(const Checkpoint& checkpoint, const OpTable<float>& ops,
                                                           bool online = false);

  /// The `count` likeliest classes, equal ones by index. Errors: those of ReadFile and Decode, with the path.
  Result<std::vector<ClassProbability>> ClassifyFile(const std::filesystem::path& picture, size_t count);
  Result<std::vector<ClassProbability>> ClassifyEncoded(std::span<const uint8_t> bytes, size_t count);

  /// What is wrong with the picture that was classified last (FlawOf); "" if nothing is.
  std::string flaw() const { return FlawOf(picture_); }

  const CheckpointInfo& info() const { return info_; }
  /// Test-time flip, as Session::SetFlip.
  void SetFlip(bool flip) { network_->session.SetFlip(flip); }
  /// Whether these are the averaged weights of a run that kept an average.
  bool averaged() const { return averaged_; }

 private:
  PictureClassifier(CheckpointInfo info, bool averaged, std::unique_ptr<LoadedNetwork> network, Transform transform);

  const CheckpointInfo info_;
  const bool averaged_;
  const std::unique_ptr<LoadedNetwork> network_;
  const Map& pictures_;  ///< of the network's plan
  const Transform transform_;
  const int64_t stride_;
  AlignedArray<float> pixels_;
  std::vector<float> logits_;
  Picture picture_;
  TransformScratch scratch_;
};

/// The `count` likeliest of `names` under softmax(logits), equal ones by index.
std::vector<ClassProbability> Likeliest(std::span<const float> logits, const std::vector<std::string>& names,
                                        size_t count);

}  // namespace riffle
