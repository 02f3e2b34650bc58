// Group convolutions and Gram matrices of bfloat16 in one pass (tensor_pass.h), for shapes that it suits. Functions
// return false, and have done nothing, where it does not.
#pragma once

#include "ops/gpu.h"

namespace riffle::RIFFLE_GPU {

bool TensorForward(const Execution& execution, const GroupConvShape& shape,
                   const riffle::GroupConvForward<float, Bfloat16>& a);
bool TensorBackward(const Execution& execution, const GroupConvShape& shape,
                    const riffle::GroupConvBackward<float, Bfloat16>& a);
bool TensorChainForward(const Execution& execution, const GroupConvChainShape& shape,
                        const riffle::GroupConvChainForward<float, Bfloat16>& a);
bool TensorChainBackward(const Execution& execution, const GroupConvChainShape& shape,
                         const riffle::GroupConvChainBackward<float, Bfloat16>& a);
bool TensorGram(const Execution& execution, const GramShape& shape, const riffle::Gram<float, Bfloat16>& a);

}  // namespace riffle::RIFFLE_GPU
