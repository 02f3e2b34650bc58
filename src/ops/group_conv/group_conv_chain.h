// Two group convolutions in sequence, the second of which reads what the first stores: a unit's conv3 and the next
// unit's conv1. They run block by block of pixels, so that what passes between them is read while it is in the caches.
// A group of the second reads the same rows as one of the first stores. The bits are those of the two ops one after the
// other; on maps of bfloat16 sums over pixels may be added up in another order.
#pragma once

#include "ops/group_conv/group_conv.h"

namespace riffle {

/// REQUIRES: as many groups and pixels, and the second's in_channels are the first's out_channels.
struct GroupConvChainShape {
  GroupConvShape first, second;
};

template <class T, class Map = T>
struct GroupConvChainForward {
  GroupConvForward<T, Map> first;   ///< without moments
  GroupConvForward<T, Map> second;  ///< its x is the first's y
};

template <class T, class Map = T>
struct GroupConvChainBackward {
  GroupConvBackward<T, Map> second;  ///< it runs first
  GroupConvBackward<T, Map> first;   ///< its dy is the second's dx
  /// Where the second's x has not been kept (it is null): the first's forward, which computes it once more; y is null.
  GroupConvForward<T, Map> again;
};

}  // namespace riffle
