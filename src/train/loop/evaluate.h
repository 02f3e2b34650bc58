// Exact evaluation: every picture of a data set counts once, whatever the batch size.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/status.h"
#include "data/batch.h"
#include "dist/communicator.h"
#include "runtime/session.h"
#include "train/loss/label_loss.h"

namespace riffle {

struct Evaluation {
  int64_t images = 0;
  int64_t top1 = 0;  ///< pictures whose best class is their own
  int64_t top5 = 0;  ///< pictures whose class is among the best five
  double loss_sum = 0;
  double seconds = 0;               ///< of this process, as is the next
  double waiting_seconds = 0;       ///< of these, for data
  std::vector<std::string> flawed;  ///< pictures that were used though something is wrong with them: Batch::flawed

  double top1_percent() const { return 100.0 * static_cast<double>(top1) / static_cast<double>(images); }
  double top5_percent() const { return 100.0 * static_cast<double>(top5) / static_cast<double>(images); }
  double loss() const { return loss_sum / static_cast<double>(images); }
};

/// Called after each batch with what there is so far. A Status that is not ok ends the evaluation with it.
using EvaluationProgress = std::function<Status(const Evaluation& so_far, int64_t batch, int64_t batches)>;

/// Called now and then with how many of the pictures, those of all processes, were looked at.
using LookProgress = std::function<void(int64_t done, int64_t total)>;

/// Whether Evaluate will meet a picture that it cannot use: reads all that the source gives, as Evaluate does, and no
/// network runs. Returns Batch::flawed of all batches, which the source then has said. Errors: those of Evaluate.
/// Collective, as Evaluate.
Result<std::vector<std::string>> LookAtAll(BatchSource& source, const LookProgress& progress = {},
                                           Communicator& world = ThisProcess());

/// One epoch of the source, which must neither shuffle nor drop a remainder, from its first batch on. Sums run over the
/// pictures in order. Errors: those of BatchSource::Next and CheckBatch. Collective: each process has a source for its
/// share of the same batches, and all have what one process alone would find, to the last bit; the error of any is that
/// of all.
Result<Evaluation> Evaluate(Session& session, LabelLoss& label_loss, BatchSource& source,
                            const EvaluationProgress& progress = {}, Communicator& world = ThisProcess());

/// Classes that come before `label` when sorted by falling logit, equal ones by index. A label whose logit is NaN comes
/// last, and one whose logit is not comes after each NaN: a broken network is never right.
int RankOf(int label, std::span<const float> logits);

}  // namespace riffle
