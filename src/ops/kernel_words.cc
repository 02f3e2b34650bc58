#include "ops/kernel_words.h"

#include "ops/caches.h"
#include "ops/depthwise_conv/depthwise_gram_cut.h"
#include "ops/group_conv/group_conv_blocks_cpu.h"

namespace riffle {

std::string ForwardWords(const GroupConvShape& shape, bool moments, const KernelTarget& target) {
  if (target.card()) return Text(ChooseForward(shape, moments, target));
  return cpu::RunsByBlocks(shape, moments) ? "blocks of pixels" : "within the caches";
}

std::string BackwardWords(const GroupConvShape& shape, const ConvGradients& asked, const KernelTarget& target) {
  return target.card() ? Text(ChooseBackward(shape, asked, target)) : "blocks of pixels";
}

std::string ChainForwardWords(const GroupConvChainShape& shape, bool moments, const KernelTarget& target) {
  return target.card() ? Text(ChooseChainForward(shape, moments, target)) : "chain";
}

std::string ChainBackwardWords(const GroupConvChainShape& shape, const ConvGradients& of_second,
                               const ConvGradients& of_first, bool again, const KernelTarget& target) {
  return target.card() ? Text(ChooseChainBackward(shape, of_second, of_first, again, target)) : "chain";
}

std::string DepthwiseGramWords(const DepthwiseGramShape& shape, const KernelTarget& target) {
  return target.card() && CutDepthwiseGram(shape, target) ? "pass" : "";
}

std::string GramWords(const GramShape& shape, const KernelTarget& target) {
  return target.card() ? Text(ChooseGram(shape, target)) : "";
}

std::string ReluWords(const ReluShape& shape, const KernelTarget& target) {
  if (target.card()) return "";
  return cpu::OutgrowsCaches(shape.channels * shape.pixels) ? "past the caches" : "within the caches";
}

}  // namespace riffle
