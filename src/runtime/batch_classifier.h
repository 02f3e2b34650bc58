// Many picture files in, their logits out: decoded on several threads, run as one batch.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "picture/evaluation_view.h"
#include "runtime/load_session.h"

namespace riffle {

/// A picture file, by its path or at hand.
struct PictureInput {
  std::string name;            ///< its path, or what messages call it
  std::vector<uint8_t> bytes;  ///< the file's, where they are at hand; empty: read from `name`
};

/// Keeps its memory, which is that of the largest batch so far. Not thread-safe; several may work side by side.
class BatchClassifier {
 public:
  /// What became of a picture.
  struct Outcome {
    Status status;              ///< why there are no logits of it: those of ReadFile and Decode, with its name
    std::string flaw;           ///< what is wrong with it all the same (FlawOf); "" if nothing is
    int height = 0, width = 0;  ///< of the picture, in pixels, turned if that is asked for
  };

  /// With the averaged weights where the checkpoint has them, unless the `online` ones are asked for. Ops run on
  /// `execution`, whose threads decode, too; `ops` must outlive this. Errors: those of LoadSession.
  static Result<std::unique_ptr<BatchClassifier>> Create(const Execution& execution, const Checkpoint& checkpoint,
                                                         const OpTable<float>& ops, bool online = false);

  /// Classifies the pictures, in memory for all of them at once. The logits of each have the same bits whatever it is
  /// batched with. Errors: those of the device (Device::Health); what is wrong with a picture is its outcome.
  Status Classify(std::span<const PictureInput> pictures);

  // Of picture i of the last batch; but for the outcome only where its status is ok.
  const Outcome& outcome(size_t i) const { return outcomes_[i]; }
  std::span<const float> logits(size_t i) const;
  /// As the network sees it, fitted and cut out: 8 bits again, whose rounding is the only difference.
  Picture Seen(size_t i) const;

  const CheckpointInfo& info() const { return info_; }
  const EvaluationView& view() const { return view_; }
  Session& session() { return *session_; }
  /// Whether these are the averaged weights of a run that kept an average.
  bool averaged() const { return averaged_; }

 private:
  /// What a thread uses again.
  struct Scratch {
    Picture picture;
    ViewScratch view;
  };

  BatchClassifier(const Execution& execution, CheckpointInfo info, bool averaged, std::unique_ptr<Session> session,
                  EvaluationView view);
  // A picture to its place in the batch; its file's bytes there.
  Status Read(const PictureInput& input, size_t i, Scratch& scratch);
  Status Fit(std::span<const uint8_t> file, size_t i, Scratch& scratch);

  const Execution execution_;
  const CheckpointInfo info_;
  const bool averaged_;
  const std::unique_ptr<Session> session_;
  const EvaluationView view_;
  std::vector<Scratch> scratch_;  // by thread
  size_t room_ = 0;               // for so many pictures, in `pixels_`
  int64_t stride_ = 0;            // of this batch
  StagingArray<float> pixels_;    // [channels][stride_]
  std::vector<Outcome> outcomes_;
  std::vector<float> logits_;  // [images][classes]
};

}  // namespace riffle
