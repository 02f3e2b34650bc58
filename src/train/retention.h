// Which of a run's numbered checkpoints stay: MindCV's ckpt_save_policy.
#pragma once

#include <filesystem>
#include <string>

#include "base/status.h"
#include "model/description.h"
#include "train/options.h"

namespace riffle {

/// Which checkpoints stay.
///   latest_k   the newest `keep`
///   top_k      the `keep` best by the validation top-1 of their epoch, of equal ones the older; last those of epochs
///              without validation, or measured otherwise than the newest's; and the newest, from which a run goes on
///   all, None  all of them
struct Retention {
  std::string policy;
  int keep = 0;
};
Retention RetentionOf(const Options& options);

/// Removes numbered checkpoints of `model` from `folder` until those are left that stay. Errors: IoError.
Status RemoveOldCheckpoints(const std::filesystem::path& folder, const ModelDescription& model,
                            const Retention& retention);

}  // namespace riffle
