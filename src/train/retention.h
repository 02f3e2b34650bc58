// Which of a run's numbered checkpoints stay: MindCV's ckpt_save_policy.
#pragma once

#include <filesystem>
#include <string_view>

#include "base/status.h"
#include "model/description.h"

namespace riffle {

/// Removes numbered checkpoints of `model` from `folder` until those are left that `policy` keeps:
///   latest_k   the newest `keep`
///   top_k      the `keep` best by the validation top-1 of their epoch, of equal ones the older, and last those of
///              epochs without validation; and the newest, from which a run goes on
///   all, None  all of them
/// Errors: IoError.
Status RemoveOldCheckpoints(const std::filesystem::path& folder, const ModelDescription& model, std::string_view policy,
                            int keep);

}  // namespace riffle
