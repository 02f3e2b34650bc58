// Batch norm and ReLU that are stored (relu.h), row by row; bound by memory. A task is a chunk of one row.
#include "backend/execution.h"
#include "ops/cpu.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/relu/relu_cpu.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "ops/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace riffle::cpu::HWY_NAMESPACE {
namespace {

/// Pixels of a task: some microseconds of work.
constexpr int64_t kChunkPixels = 16384;

/// y = in(x) for one chunk, kPast the caches.
template <bool kPast>
void ForwardChunk(const ActivationVector& in, const float* HWY_RESTRICT x, int64_t count, float* HWY_RESTRICT y) {
  int64_t p = 0;
  for (; p + kLanes <= count; p += kLanes) StoreWhole<kPast>(in(hn::LoadU(D(), x + p)), y + p);
  if (p < count) StoreFirst(in(LoadFirst(x + p, count - p)), y + p, count - p);
}

void Forward(const Execution& execution, const ReluShape& shape, const riffle::ReluForward<float>& args) {
  const int64_t chunks = (shape.pixels + kChunkPixels - 1) / kChunkPixels;
  const Activation<float> in{args.scale, args.shift, true};
  const auto chunk = OutgrowsCaches(shape.channels * shape.pixels) ? ForwardChunk<true> : ForwardChunk<false>;
  execution.pool.ParallelFor(shape.channels * chunks, [&](int64_t task) HWY_ATTR {
    const int64_t c = task / chunks, begin = task % chunks * kChunkPixels;
    chunk(ActivationOf(in, c), args.x[c] + begin, std::min(kChunkPixels, shape.pixels - begin), args.y[c] + begin);
    hwy::FlushStream();
  });
}

}  // namespace
}  // namespace riffle::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace riffle::cpu {

HWY_EXPORT(Forward);

void ReluForward(const Execution& execution, const ReluShape& shape, const riffle::ReluForward<float>& args) {
  HWY_DYNAMIC_DISPATCH(Forward)(execution, shape, args);
}

}  // namespace riffle::cpu
#endif
