// Not there yet.
#include <cstdlib>

#include "ops/gpu.h"

namespace riffle::RIFFLE_GPU {

void StemConvForward(const Execution&, const StemConvShape&, const riffle::StemConvForward<float, float>&) { std::abort(); }
void StemConvForward(const Execution&, const StemConvShape&, const riffle::StemConvForward<float, Bfloat16>&) { std::abort(); }
void StemConvBackward(const Execution&, const StemConvShape&, const riffle::StemConvBackward<float, float>&) { std::abort(); }
void StemConvBackward(const Execution&, const StemConvShape&, const riffle::StemConvBackward<float, Bfloat16>&) { std::abort(); }
void MaxPoolForward(const Execution&, const PoolShape&, const riffle::MaxPoolForward<float, float>&) { std::abort(); }
void MaxPoolForward(const Execution&, const PoolShape&, const riffle::MaxPoolForward<float, Bfloat16>&) { std::abort(); }
void MaxPoolBackward(const Execution&, const PoolShape&, const riffle::MaxPoolBackward<float, float>&) { std::abort(); }
void MaxPoolBackward(const Execution&, const PoolShape&, const riffle::MaxPoolBackward<float, Bfloat16>&) { std::abort(); }
void DepthwiseConvForward(const Execution&, const DepthwiseConvShape&, const riffle::DepthwiseConvForward<float, float>&) { std::abort(); }
void DepthwiseConvForward(const Execution&, const DepthwiseConvShape&, const riffle::DepthwiseConvForward<float, Bfloat16>&) { std::abort(); }
void DepthwiseConvBackward(const Execution&, const DepthwiseConvShape&, const riffle::DepthwiseConvBackward<float, float>&) { std::abort(); }
void DepthwiseConvBackward(const Execution&, const DepthwiseConvShape&, const riffle::DepthwiseConvBackward<float, Bfloat16>&) { std::abort(); }
void AveragePoolForward(const Execution&, const AveragePoolShape&, const riffle::AveragePoolForward<float, float>&) { std::abort(); }
void AveragePoolForward(const Execution&, const AveragePoolShape&, const riffle::AveragePoolForward<float, Bfloat16>&) { std::abort(); }
void AveragePoolBackward(const Execution&, const AveragePoolShape&, const riffle::AveragePoolBackward<float, float>&) { std::abort(); }
void AveragePoolBackward(const Execution&, const AveragePoolShape&, const riffle::AveragePoolBackward<float, Bfloat16>&) { std::abort(); }
void BatchNormForward(const Execution&, const BatchNormShape&, const riffle::BatchNormForward<float>&) { std::abort(); }
void BatchNormBackward(const Execution&, const BatchNormShape&, const riffle::BatchNormBackward<float>&) { std::abort(); }
void GlobalAveragePoolForward(const Execution&, const GlobalAveragePoolShape&, const riffle::GlobalAveragePoolForward<float, float>&) { std::abort(); }
void GlobalAveragePoolForward(const Execution&, const GlobalAveragePoolShape&, const riffle::GlobalAveragePoolForward<float, Bfloat16>&) { std::abort(); }
void GlobalAveragePoolBackward(const Execution&, const GlobalAveragePoolShape&, const riffle::GlobalAveragePoolBackward<float, float>&) { std::abort(); }
void GlobalAveragePoolBackward(const Execution&, const GlobalAveragePoolShape&, const riffle::GlobalAveragePoolBackward<float, Bfloat16>&) { std::abort(); }
void CrossEntropyForwardBackward(const Execution&, const LogitsShape&, const CrossEntropy<float>&) { std::abort(); }
void BinaryCrossEntropyForwardBackward(const Execution&, const LogitsShape&, const BinaryCrossEntropy<float>&) { std::abort(); }
void JensenShannonForwardBackward(const Execution&, const JensenShannonShape&, const JensenShannon<float>&) { std::abort(); }
void DistillationForwardBackward(const Execution&, const LogitsShape&, const Distillation&, const DistillationLoss<float>&) { std::abort(); }
void MixPictures(const Execution&, const MixPicturesShape&, const riffle::MixPictures<float>&) { std::abort(); }
void MixTargets(const Execution&, const LogitsShape&, const riffle::MixTargets<float>&) { std::abort(); }
void Flip(const Execution&, const FlipShape&, const riffle::Flip<float>&) { std::abort(); }
void FlipMean(const Execution&, const LogitsShape&, const riffle::FlipMean<float>&) { std::abort(); }
void Accumulate(const Execution&, int64_t, const riffle::Accumulate<float>&) { std::abort(); }
void SquaredNorms(const Execution&, int64_t, const riffle::SquaredNorms<float>&) { std::abort(); }
void ClipNorm(const Execution&, int64_t, const riffle::ClipNorm<float>&) { std::abort(); }
void Update(const Execution&, const UpdateStep&, const riffle::Update<float>&) { std::abort(); }
void Approach(const Execution&, int64_t, const riffle::Approach<float>&) { std::abort(); }
void AllFinite(const Execution&, int64_t, const riffle::AllFinite<float>&) { std::abort(); }

}  // namespace riffle::RIFFLE_GPU
