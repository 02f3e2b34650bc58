// Which of a run's numbered checkpoints stay: MindCV's ckpt_save_policy.
#pragma once

#include <filesystem>

#include "base/status.h"
#include "model/description.h"

namespace riffle {

/// The option ckpt_save_policy.
enum class Retention {
  kLatest,  ///< latest_k
  kBest,    ///< top_k
  kAll,     ///< all, None
};

/// Removes numbered checkpoints of `model` from `folder` until those are left that `policy` keeps:
///   kLatest  the newest `keep`
///   kBest    the `keep` best by the validation top-1 of their epoch, of equal ones the older, those of epochs without
///            validation last; and the newest, from which a run goes on
///   kAll     all of them
/// Errors: IoError.
Status RemoveOldCheckpoints(const std::filesystem::path& folder, const ModelDescription& model, Retention policy,
                            int keep);

}  // namespace riffle
