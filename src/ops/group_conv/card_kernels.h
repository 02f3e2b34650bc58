// Which kernels of graphics cards compute group convolutions, chains of them and Gram matrices: chosen by shape, by
// what maps hold and by how much memory a block shares, here alone. group_conv.cu and gram.cu run what is chosen,
// `riffle bench ops` shows it.
#pragma once

#include <optional>
#include <string>

#include "ops/gram/gram.h"
#include "ops/group_conv/group_conv_chain.h"
#include "ops/group_conv/pass_cut.h"
#include "ops/row_kernels.h"

namespace riffle {

/// A convolution: in one pass, or by kernels of products and dots of rows.
struct ConvKernels {
  std::optional<CardPass> pass;
  std::optional<ProductKernel> product;  ///< without a pass: of y, or of dx where it is asked for
  std::optional<DotsKernel> dots;        ///< without a pass: of the gradient of the weights
};

/// What a backward is asked for.
struct ConvGradients {
  bool dx = true;        ///< the gradient of the input
  bool dx_sums = false;  ///< and its sums
  bool dy_sums = false;  ///< the sums of dy, or a gradient of weights about means

  template <class T, class Map>
  static ConvGradients Of(const GroupConvBackward<T, Map>& a) {
    const bool dx{a.dx.dz};
    return {dx, dx && a.dx.raw, a.dy_sums || a.x_moments};
  }
};

/// Two convolutions: in one pass; one after the other; or both in each stretch of the pixels, without passes.
struct ChainKernels {
  std::optional<CardPass> pass;
  ConvKernels leading, following;      ///< without a pass, in the order in which they run
  int64_t stretch_pixels = 0;          ///< 0: one after the other, over all pixels
  std::optional<ProductKernel> again;  ///< in stretches: of what is between them, where it is computed once more
};

/// A Gram matrix: dots of rows with one another.
struct GramKernels {
  std::optional<CardPass> pass;
  DotsKernel dots;  ///< without a pass
};

ConvKernels ChooseForward(const GroupConvShape& shape, bool moments, const KernelTarget& target);
ConvKernels ChooseBackward(const GroupConvShape& shape, const ConvGradients& asked, const KernelTarget& target);
/// `moments`: of the second one's rows.
ChainKernels ChooseChainForward(const GroupConvChainShape& shape, bool moments, const KernelTarget& target);
/// `again`: what is between them has not been kept.
ChainKernels ChooseChainBackward(const GroupConvChainShape& shape, const ConvGradients& of_second,
                                 const ConvGradients& of_first, bool again, const KernelTarget& target);
GramKernels ChooseGram(const GramShape& shape, const KernelTarget& target);

/// In words, for people: "pass in 2 chunks"
std::string Text(const ConvKernels& kernels);
std::string Text(const ChainKernels& kernels);
std::string Text(const GramKernels& kernels);

}  // namespace riffle
