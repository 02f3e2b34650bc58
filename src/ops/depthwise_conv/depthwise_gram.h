// The depthwise convolution and the Gram matrices of what it stores, in one pass: the values of a group's rows are
// multiplied with one another where they have just been computed, and are not read again. What it writes is what the
// two ops write one after the other; sums over pixels may be added up in another order. A backend without such a pass
// has no function for it.
#pragma once

#include "ops/depthwise_conv/depthwise_conv.h"
#include "ops/gram/gram.h"

namespace riffle {

struct DepthwiseGramShape {
  DepthwiseConvShape conv;
  int groups = 1;

  constexpr GramShape gram() const { return {groups, conv.channels, conv.out().pixels()}; }
};

template <class T, class Map = T>
struct DepthwiseGram {
  DepthwiseConvForward<T, Map> conv;  ///< with moments
  T* comoments = nullptr;             ///< as of the Gram matrix, about the means in those
};

}  // namespace riffle
