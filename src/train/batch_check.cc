#include "train/batch_check.h"

#include <algorithm>

#include "base/text.h"

namespace riffle {

Status CheckPictures(const Batch& batch, const ModelDescription& model) {
  if (batch.image_size != model.image_size)
    return InvalidArgument("the network takes pictures of {0} × {0} pixels, and a batch has {1} × {1}",
                           model.image_size, batch.image_size);
  if (batch.channels != model.in_channels)
    return InvalidArgument("the network takes pictures of {}, and a batch has {}",
                           Counted(model.in_channels, "channel"), batch.channels);
  return {};
}

Status CheckBatch(const Batch& batch, const ModelDescription& model) {
  RIFFLE_TRY(CheckPictures(batch, model));
  const auto other =
      std::ranges::find_if(batch.labels, [&](int32_t label) { return label < 0 || label >= model.num_classes; });
  if (other != batch.labels.end())
    return InvalidArgument("the network has {}, and a batch has a picture of class {}",
                           Counted(model.num_classes, "class"), *other);
  return {};
}

}  // namespace riffle
