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
void BatchNormForward(const Execution&, const BatchNormShape&, const riffle::BatchNormForward<float>&) { std::abort(); }
void BatchNormBackward(const Execution&, const BatchNormShape&, const riffle::BatchNormBackward<float>&) { std::abort(); }
void Gram(const Execution&, const GramShape&, const riffle::Gram<float, float>&) { std::abort(); }
void Gram(const Execution&, const GramShape&, const riffle::Gram<float, Bfloat16>&) { std::abort(); }
void ProductMoments(const Execution&, const GroupConvShape&, const riffle::ProductMoments<float>&) { std::abort(); }
void ProductFold(const Execution&, const GroupConvShape&, const riffle::ProductFold<float>&) { std::abort(); }
void ProductSums(const Execution&, const GroupConvShape&, const riffle::ProductSums<float>&) { std::abort(); }
void ProductGradients(const Execution&, const GroupConvShape&, const riffle::ProductGradients<float>&) { std::abort(); }
void ProductPullBack(const Execution&, const GroupConvShape&, const riffle::ProductPullBack<float>&) { std::abort(); }
void LinearForward(const Execution&, const LinearShape&, const riffle::LinearForward<float>&) { std::abort(); }
void LinearBackward(const Execution&, const LinearShape&, const riffle::LinearBackward<float>&) { std::abort(); }
void CrossEntropyForwardBackward(const Execution&, const LogitsShape&, const CrossEntropy<float>&) { std::abort(); }
void BinaryCrossEntropyForwardBackward(const Execution&, const LogitsShape&, const BinaryCrossEntropy<float>&) { std::abort(); }
void JensenShannonForwardBackward(const Execution&, const JensenShannonShape&, const JensenShannon<float>&) { std::abort(); }
void DistillationForwardBackward(const Execution&, const LogitsShape&, const Distillation&, const DistillationLoss<float>&) { std::abort(); }
void Accumulate(const Execution&, int64_t, const riffle::Accumulate<float>&) { std::abort(); }
void SquaredNorms(const Execution&, int64_t, const riffle::SquaredNorms<float>&) { std::abort(); }
void ClipNorm(const Execution&, int64_t, const riffle::ClipNorm<float>&) { std::abort(); }
void Update(const Execution&, const UpdateStep&, const riffle::Update<float>&) { std::abort(); }
void Approach(const Execution&, int64_t, const riffle::Approach<float>&) { std::abort(); }
void AllFinite(const Execution&, int64_t, const riffle::AllFinite<float>&) { std::abort(); }

}  // namespace riffle::RIFFLE_GPU
