// From a checkpoint to a session that is ready to classify.
#pragma once

#include <memory>

#include "checkpoint/checkpoint.h"
#include "runtime/session.h"

namespace riffle {

/// `model` is the checkpoint's, perhaps for pictures of another size. The session's maps are of type `maps`, its ops
/// run on `execution`; `ops` must outlive it, the checkpoint need not. Errors: those of MakePlan and Checkpoint::Load.
Result<std::unique_ptr<Session>> LoadSession(const Execution& execution, const Checkpoint& checkpoint, WeightSet set,
                                             const ModelDescription& model, const OpTable<float>& ops,
                                             MapType maps = MapType::kFloat);

}  // namespace riffle
