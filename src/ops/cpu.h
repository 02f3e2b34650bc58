// The kernels of the cpu backend, one name for each entry of the OpTable (op_table.h says what they compute). Highway
// picks the instruction set at run time. Rows are read and written within their pixels only; results have the same bits
// at any number of threads, and those of one picture wherever it stands in a batch.
#pragma once

#include "ops/op_table.h"

namespace riffle::cpu {

void StemConvForward(const Execution&, const StemConvShape&, const riffle::StemConvForward<float>&);
void StemConvBackward(const Execution&, const StemConvShape&, const riffle::StemConvBackward<float>&);

void MaxPoolForward(const Execution&, const PoolShape&, const riffle::MaxPoolForward<float>&);
void MaxPoolBackward(const Execution&, const PoolShape&, const riffle::MaxPoolBackward<float>&);

int64_t GroupConvPreparedValues(const GroupConvShape&);
void GroupConvPrepare(const Execution&, const GroupConvShape&, float* prepared, const GroupConvWeights<float>&);
void GroupConvForward(const Execution&, const GroupConvShape&, const riffle::GroupConvForward<float>&);
void GroupConvBackward(const Execution&, const GroupConvShape&, const riffle::GroupConvBackward<float>&);

void DepthwiseConvForward(const Execution&, const DepthwiseConvShape&, const riffle::DepthwiseConvForward<float>&);
void DepthwiseConvBackward(const Execution&, const DepthwiseConvShape&, const riffle::DepthwiseConvBackward<float>&);

void AveragePoolForward(const Execution&, const AveragePoolShape&, const riffle::AveragePoolForward<float>&);
void AveragePoolBackward(const Execution&, const AveragePoolShape&, const riffle::AveragePoolBackward<float>&);

void BatchNormForward(const Execution&, const BatchNormShape&, const riffle::BatchNormForward<float>&);
void BatchNormBackward(const Execution&, const BatchNormShape&, const riffle::BatchNormBackward<float>&);

void Gram(const Execution&, const GramShape&, const riffle::Gram<float>&);

void ProductMoments(const Execution&, const GroupConvShape&, const riffle::ProductMoments<float>&);
void ProductFold(const Execution&, const GroupConvShape&, const riffle::ProductFold<float>&);
void ProductSums(const Execution&, const GroupConvShape&, const riffle::ProductSums<float>&);
void ProductGradients(const Execution&, const GroupConvShape&, const riffle::ProductGradients<float>&);
void ProductPullBack(const Execution&, const GroupConvShape&, const riffle::ProductPullBack<float>&);

void ReluForward(const Execution&, const ReluShape&, const riffle::ReluForward<float>&);

void GlobalAveragePoolForward(const Execution&, const GlobalAveragePoolShape&,
                              const riffle::GlobalAveragePoolForward<float>&);
void GlobalAveragePoolBackward(const Execution&, const GlobalAveragePoolShape&,
                               const riffle::GlobalAveragePoolBackward<float>&);

void LinearForward(const Execution&, const LinearShape&, const riffle::LinearForward<float>&);
void LinearBackward(const Execution&, const LinearShape&, const riffle::LinearBackward<float>&);

void CrossEntropyForwardBackward(const Execution&, const LogitsShape&, const CrossEntropy<float>&);
void BinaryCrossEntropyForwardBackward(const Execution&, const LogitsShape&, const BinaryCrossEntropy<float>&);
void JensenShannonForwardBackward(const Execution&, const JensenShannonShape&, const JensenShannon<float>&);
void DistillationForwardBackward(const Execution&, const LogitsShape&, const Distillation&,
                                 const DistillationLoss<float>&);

void MixPictures(const Execution&, const MixPicturesShape&, const riffle::MixPictures<float>&);
void MixTargets(const Execution&, const LogitsShape&, const riffle::MixTargets<float>&);
void Flip(const Execution&, const FlipShape&, const riffle::Flip<float>&);
void FlipMean(const Execution&, const LogitsShape&, const riffle::FlipMean<float>&);

void Accumulate(const Execution&, int64_t count, const riffle::Accumulate<float>&);
void SquaredNorms(const Execution&, int64_t ranges, const riffle::SquaredNorms<float>&);
void ClipNorm(const Execution&, int64_t count, const riffle::ClipNorm<float>&);
void Update(const Execution&, const UpdateStep&, const riffle::Update<float>&);
void Approach(const Execution&, int64_t count, const riffle::Approach<float>&);
void AllFinite(const Execution&, int64_t count, const riffle::AllFinite<float>&);

}  // namespace riffle::cpu
