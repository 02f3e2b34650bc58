// Not there yet.
#include <cstdlib>

#include "ops/gpu.h"

namespace riffle::RIFFLE_GPU {

int64_t GroupConvPreparedValues(const GroupConvShape&) { std::abort(); }
void GroupConvPrepare(const Execution&, const GroupConvShape&, float*, const GroupConvWeights<float>&) { std::abort(); }
void GroupConvForward(const Execution&, const GroupConvShape&, const riffle::GroupConvForward<float, float>&) { std::abort(); }
void GroupConvForward(const Execution&, const GroupConvShape&, const riffle::GroupConvForward<float, Bfloat16>&) { std::abort(); }
void GroupConvBackward(const Execution&, const GroupConvShape&, const riffle::GroupConvBackward<float, float>&) { std::abort(); }
void GroupConvBackward(const Execution&, const GroupConvShape&, const riffle::GroupConvBackward<float, Bfloat16>&) { std::abort(); }
void GroupConvChainForward(const Execution&, const GroupConvChainShape&, const riffle::GroupConvChainForward<float, float>&) { std::abort(); }
void GroupConvChainForward(const Execution&, const GroupConvChainShape&, const riffle::GroupConvChainForward<float, Bfloat16>&) { std::abort(); }
void GroupConvChainBackward(const Execution&, const GroupConvChainShape&, const riffle::GroupConvChainBackward<float, float>&) { std::abort(); }
void GroupConvChainBackward(const Execution&, const GroupConvChainShape&, const riffle::GroupConvChainBackward<float, Bfloat16>&) { std::abort(); }
void Gram(const Execution&, const GramShape&, const riffle::Gram<float, float>&) { std::abort(); }
void Gram(const Execution&, const GramShape&, const riffle::Gram<float, Bfloat16>&) { std::abort(); }
void ProductMoments(const Execution&, const GroupConvShape&, const riffle::ProductMoments<float>&) { std::abort(); }
void ProductFold(const Execution&, const GroupConvShape&, const riffle::ProductFold<float>&) { std::abort(); }
void ProductSums(const Execution&, const GroupConvShape&, const riffle::ProductSums<float>&) { std::abort(); }
void ProductGradients(const Execution&, const GroupConvShape&, const riffle::ProductGradients<float>&) { std::abort(); }
void ProductPullBack(const Execution&, const GroupConvShape&, const riffle::ProductPullBack<float>&) { std::abort(); }
void LinearForward(const Execution&, const LinearShape&, const riffle::LinearForward<float>&) { std::abort(); }
void LinearBackward(const Execution&, const LinearShape&, const riffle::LinearBackward<float>&) { std::abort(); }

}  // namespace riffle::RIFFLE_GPU
