// Networks that are small enough to be written and read a thousand times a second.
#pragma once

#include "model/description.h"

namespace riffle {

/// With as few channels as its groups allow.
inline ModelDescription Narrowed(ModelDescription model) {
  model.stem_channels = model.groups;
  model.stage2_channels = 4 * model.groups;
  return model;
}

/// Values of a network that is written and read again; of larger ones only what they say is looked at.
inline constexpr int64_t kMostNetworkValues = 1 << 15;

}  // namespace riffle
