// Group convolutions and Gram matrices of bfloat16 in one pass (tensor_pass.h), as it was chosen (card_kernels.h).
#pragma once

#include "ops/gpu.h"
#include "ops/group_conv/card_kernels.h"

namespace riffle::RIFFLE_GPU {

void TensorForward(const Execution& execution, const CardPass& pass, const GroupConvShape& shape,
                   const riffle::GroupConvForward<float, Bfloat16>& a);
void TensorBackward(const Execution& execution, const CardPass& pass, const GroupConvShape& shape,
                    const riffle::GroupConvBackward<float, Bfloat16>& a);
void TensorChainForward(const Execution& execution, const CardPass& pass, const GroupConvChainShape& shape,
                        const riffle::GroupConvChainForward<float, Bfloat16>& a);
void TensorChainBackward(const Execution& execution, const CardPass& pass, const GroupConvChainShape& shape,
                         const riffle::GroupConvChainBackward<float, Bfloat16>& a);
/// The backward of the second alone, which computes what it reads once more.
void TensorBackwardAgain(const Execution& execution, const CardPass& pass, const GroupConvChainShape& shape,
                         const riffle::GroupConvChainBackward<float, Bfloat16>& a);
void TensorGram(const Execution& execution, const CardPass& pass, const GramShape& shape,
                const riffle::Gram<float, Bfloat16>& a);

}  // namespace riffle::RIFFLE_GPU
