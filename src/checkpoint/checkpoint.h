// Checkpoints: one safetensors file that holds everything a network needs, and everything its training needs to go on.
//   tensors   the registry's names; the moving average of each as "ema.<name>"; optimizer slots as
//             "optimizer.<slot>.<parameter>"
//   metadata  model, preprocessing, classes (JSON), options (YAML), epoch, step, updates, ema_updates, train_images,
//             train_checksum, processes, top1_percent, best_top1_percent, measured (JSON), unvalidated (JSON),
//             partial_epoch (JSON), validations_since_best, steps_left_out, run_seconds
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "checkpoint/snapshot.h"
#include "formats/safetensors.h"
#include "model/description.h"
#include "picture/preprocessing.h"

namespace riffle {

/// How a validation is done: figures that are measured otherwise do not compare.
struct ValidationSetup {
  std::string val_split;
  int64_t images = 0;
  std::string names_checksum = {};  ///< Dataset::Checksum; "": not known
  bool tta_flip = false;
  bool averaged_weights = false;
  Preprocessing preprocessing = {};
  bool operator==(const ValidationSetup&) const = default;
};

/// One JSON object, and back. Errors: InvalidArgument.
std::string ToJson(const ValidationSetup& setup);
Result<ValidationSetup> ValidationSetupFromJson(std::string_view json);

/// What an epoch of training found, for the record of the run.
struct TrainedEpoch {
  double lr = 0;          ///< of its last step
  double train_loss = 0;  ///< mean over its pictures
  int64_t images = 0;
  double seconds = 0;
};

/// An epoch that has begun and is not done: where it stands, and what its line of the record will be made of.
struct PartialEpoch {
  int64_t batches = 0;            ///< that are done: the optimizer has seen the gradient of each, or it was left out
  int64_t batches_per_epoch = 0;  ///< more than `batches`
  double loss_sum = 0;            ///< over the pictures so far
  int64_t images = 0;
  double seconds = 0;  ///< of training
};

/// What a checkpoint says besides its tensors.
struct CheckpointInfo {
  ModelDescription model;
  Preprocessing preprocessing;
  std::vector<std::string> classes;         ///< names by index; none: weights from elsewhere that do not tell
  std::string options;                      ///< of the run, as ToYaml(Options) wrote them
  int epoch = 0;                            ///< epochs that are done
  int64_t step = 0;                         ///< batches that are done
  int64_t updates = 0;                      ///< that the optimizer's state has seen; files without it: as `step`
  std::optional<int64_t> ema_updates;       ///< that the moving average has seen; none: there is no average
  std::optional<int64_t> train_images;      ///< pictures of the training set; older files do not say
  std::string train_checksum;               ///< its Dataset::Checksum; "": older files do not say
  std::optional<int> processes;             ///< that train together; older files do not say
  std::optional<double> top1_percent;       ///< of the epoch's validation, if it had one
  std::optional<double> best_top1_percent;  ///< of the run so far, where it validates
  std::optional<ValidationSetup> measured;  ///< of the two above; older files do not say
  /// Set where the epoch's validation is still to come: what its line of the record needs beside it.
  std::optional<TrainedEpoch> unvalidated;
  std::optional<PartialEpoch> partial_epoch;  ///< set where epoch number `epoch` + 1 has begun
  std::optional<int> validations_since_best;  ///< none: the run has no patience
  std::optional<int> steps_left_out;          ///< in a row, up to here, since their losses were not finite; none: 0
  std::optional<double> run_seconds;          ///< of all its parts; none: the run has no limit, or has its epochs

  /// "epoch 3", or "epoch 3, batch 5": up to where it was trained.
  std::string PositionText() const;
  /// For a file that no run goes on from.
  void ForgetRun();
};

/// InvalidArgument for a name that is not UTF-8: a checkpoint could not hold it.
Status CheckClassNames(const std::vector<std::string>& classes);

/// A run that keeps a moving average (train/update/ema.h) has two sets of weights.
enum class WeightSet {
  kOnline,  ///< those that the optimizer changes
  kEma,     ///< their average, which is validated and used
};

/// Written beside, flushed, renamed. REQUIRES: the snapshot has an average if info.ema_updates is set. Errors: those of
/// CheckClassNames and WriteSafetensors.
Status SaveCheckpoint(const std::filesystem::path& path, const CheckpointInfo& info, const ParameterRegistry& registry,
                      const Snapshot& snapshot);
/// The same bytes in memory.
Result<std::string> EncodeCheckpoint(const CheckpointInfo& info, const ParameterRegistry& registry,
                                     const Snapshot& snapshot);

/// Whether a safetensors file says of itself that it is a checkpoint of ours.
bool IsCheckpoint(const SafetensorsFile& file);

/// An open checkpoint: its info is checked, its tensors are read on demand.
class Checkpoint {
 public:
  /// NotFound, DataLoss (truncated, damaged, hostile), InvalidArgument (a safetensors file that is no checkpoint of
  /// ours).
  static Result<Checkpoint> Open(const std::filesystem::path& path);
  /// The same of a copy of the file's bytes; `path` stands in messages.
  static Result<Checkpoint> FromBytes(std::span<const uint8_t> bytes, std::string path);
  /// The same of a file that is open already.
  static Result<Checkpoint> FromFile(SafetensorsFile file);

  const std::string& path() const { return file_.path(); }
  const CheckpointInfo& info() const { return info_; }

  /// The weights to use: the average if there is one.
  WeightSet best_weights() const { return info_.ema_updates ? WeightSet::kEma : WeightSet::kOnline; }

  /// All parameters and statistics of one set. InvalidArgument names the tensor whose shape or type differs, NotFound
  /// one that is missing, DataLoss one with values that are not finite.
  Status Load(const ParameterRegistry& registry, WeightSet set, ParameterValues<float>* values) const;
  /// All that `snapshot` has room for, with the same errors; InvalidArgument if the checkpoint holds the slots of
  /// another optimizer.
  Status Load(const ParameterRegistry& registry, Snapshot* snapshot) const;

 private:
  Checkpoint(SafetensorsFile file, CheckpointInfo info) : file_(std::move(file)), info_(std::move(info)) {}

  SafetensorsFile file_;
  CheckpointInfo info_;
};

/// The file that `--ckpt_path` means: itself, or X.safetensors where X.ckpt was asked for and is not there.
std::filesystem::path ResolveCheckpointPath(const std::filesystem::path& asked);

/// "{model}-{epoch}_{step}.safetensors" and "{model}-best.safetensors".
std::string CheckpointName(const ModelDescription& model, int epoch, int64_t step);
std::string BestCheckpointName(const ModelDescription& model);

/// A checkpoint by its name: where it stands in the run.
struct CheckpointFile {
  std::filesystem::path path;
  int epoch = 0;
  int64_t step = 0;
};
/// The numbered checkpoints of a model in a folder, oldest first; empty if there is no such folder.
std::vector<CheckpointFile> ListCheckpoints(const std::filesystem::path& folder, const ModelDescription& model);

}  // namespace riffle
