// The reference of group_conv_chain.h: one op after the other.
#pragma once

#include <vector>

#include "ops/group_conv/group_conv_chain.h"
#include "ops/group_conv/group_conv_ref.h"

namespace riffle {

template <class T>
void ReferenceGroupConvChainForward(const Execution& execution, const GroupConvChainShape& shape,
                                    const GroupConvChainForward<T>& a) {
  ReferenceGroupConvForward(execution, shape.first, a.first);
  ReferenceGroupConvForward(execution, shape.second, a.second);
}

template <class T>
void ReferenceGroupConvChainBackward(const Execution& execution, const GroupConvChainShape& shape,
                                     const GroupConvChainBackward<T>& a) {
  GroupConvBackward<T> second = a.second;
  std::vector<T> x;
  if (a.again.prepared) {
    GroupConvForward<T> again = a.again;
    x.resize(static_cast<size_t>(shape.first.out_channels * shape.first.pixels));
    again.y = {x.data(), shape.first.pixels};
    ReferenceGroupConvForward(execution, shape.first, again);
    second.x = again.y;
  }
  ReferenceGroupConvBackward(execution, shape.second, second);
  ReferenceGroupConvBackward(execution, shape.first, a.first);
}

}  // namespace riffle
