// Which kernels compute ops of which there are several, in words for people: what the ops choose themselves by the same
// functions, of graphics cards those of card_kernels.h. "": there is but one.
#pragma once

#include <string>

#include "ops/depthwise_conv/depthwise_gram.h"
#include "ops/gram/gram.h"
#include "ops/group_conv/card_kernels.h"
#include "ops/relu/relu.h"

namespace riffle {

std::string ForwardWords(const GroupConvShape& shape, bool moments, const KernelTarget& target);
std::string BackwardWords(const GroupConvShape& shape, const ConvGradients& asked, const KernelTarget& target);
std::string ChainForwardWords(const GroupConvChainShape& shape, bool moments, const KernelTarget& target);
std::string ChainBackwardWords(const GroupConvChainShape& shape, const ConvGradients& of_second,
                               const ConvGradients& of_first, bool again, const KernelTarget& target);
/// Of the convolution and of the Gram matrix of what it stores, where one pass computes both; "": there is none.
std::string DepthwiseGramWords(const DepthwiseGramShape& shape, const KernelTarget& target);
std::string GramWords(const GramShape& shape, const KernelTarget& target);
std::string ReluWords(const ReluShape& shape, const KernelTarget& target);

}  // namespace riffle
