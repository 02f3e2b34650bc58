// Which of a run's numbered checkpoints stay: MindCV's ckpt_save_policy.
#pragma once

#include <filesystem>

#include "base/status.h"
#include "model/description.h"

namespace riffle {

/// The option ckpt_save_policy.
enum class RetentionPolicy {
  kLatest,  ///< latest_k: the newest `keep`
  kBest,    ///< top_k: the `keep` best by the validation top-1 of their epoch, of equal ones the older; last those of
            ///< epochs without validation, or measured otherwise than the newest's, after these the newest within
            ///< epochs; and the newest of all, from which a run goes on
  kAll,     ///< all, None: all of them
};

/// Which numbered checkpoints stay, those of ends of epochs and those within epochs.
struct Retention {
  RetentionPolicy policy = RetentionPolicy::kLatest;
  int keep = 10;
};

/// Removes numbered checkpoints of `model` from `folder` until those are left that stay. Errors: IoError.
Status RemoveOldCheckpoints(const std::filesystem::path& folder, const ModelDescription& model, Retention retention);

}  // namespace riffle
