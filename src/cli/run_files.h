// What a run reads and writes beside its pictures: the checkpoints that it starts from or goes on after, and its
// folder.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "base/file_lock.h"
#include "checkpoint/checkpoint.h"
#include "cli/epoch_loaders.h"
#include "report/log.h"
#include "settings/resume.h"
#include "settings/settings.h"
#include "train/loop/trainer.h"

namespace riffle {

/// Of one run; of several processes rank 0 has it. Its functions are called in their order, if at all.
class RunFiles {
 public:
  /// `settings` and `log` must outlive it.
  RunFiles(const Settings& settings, Log& log)
      : settings_(settings), options_(settings.options), folder_(settings.options.ckpt_save_dir), log_(log) {}

  /// The network whose structure the run takes: that of the run which it goes on with, or of the weights it starts
  /// from. Where a run may go on, weights to start from are only needed, and need only be there, if it does not.
  Result<std::optional<ModelDescription>> FindStructure();

  /// Takes the folder, unless the run is `dry`, and gives the trainer what it starts from or goes on after. What ended
  /// the run that is there already; "" for one that goes on.
  Result<std::string> Begin(const CheckpointInfo& info, bool dry, Trainer& trainer);

  /// Makes room in the folder, and begins the record. Who tells of the run, and needs `loaders` meanwhile.
  Result<std::unique_ptr<TrainObserver>> Prepare(const EpochLoaders& loaders, bool validates,
                                                 const CheckpointInfo& info, Trainer& trainer);

  /// The error that ended the run, with its cause where that is a folder which others removed in the middle of a write.
  Status Explained(const Status& status) const;

 private:
  bool MayResume() const { return options_.resume == "auto"; }

  const Settings& settings_;
  const Options& options_;
  const std::filesystem::path folder_;
  Log& log_;
  std::optional<Checkpoint> start_, resumed_;
  bool goes_on_from_file_ = false;
  std::optional<ResumedRecord> record_;
  std::optional<FileLock> lock_;
};

}  // namespace riffle
