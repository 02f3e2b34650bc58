// The door of a network: no batch passes that the network was not made for. Behind it, pictures and labels are plain
// memory.
#pragma once

#include "base/status.h"
#include "data/batch.h"
#include "model/description.h"

namespace riffle {

/// InvalidArgument unless the pictures of `batch` have the size and the channels that `model` takes; says what differs.
/// Whoever hands a batch's pixels to a network asks first.
Status CheckPictures(const Batch& batch, const ModelDescription& model);

/// CheckPictures, and InvalidArgument unless each label is one of the model's classes: for whoever goes on to a loss.
Status CheckBatch(const Batch& batch, const ModelDescription& model);

}  // namespace riffle
