// The end of a unit (residual.h): y = max(0, scale·x + shift + shortcut), row by row; bound by memory. A task is a
// chunk of one row; the sums of its backward are combined in order.
#include "backend/execution.h"
#include "ops/cpu.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/residual/residual_cpu.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "ops/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace riffle::cpu::HWY_NAMESPACE {
namespace {

/// Pixels of a task: some microseconds of work.
constexpr int64_t kChunkPixels = 16384;

/// y = max(0, scale·x + shift + shortcut) for one chunk, kPast the caches; a null shortcut counts as zeros.
template <bool kPast>
void ForwardChunk(const ActivationVector& in, const float* HWY_RESTRICT x, const float* shortcut, int64_t count,
                  float* y) {
  const V zero = hn::Zero(D());
  int64_t p = 0;
  if (shortcut) {
    for (; p + kLanes <= count; p += kLanes) {
      const V z = hn::MulAdd(hn::LoadU(D(), x + p), in.scale, in.shift);
      StoreWhole<kPast>(hn::Max(zero, hn::Add(z, hn::LoadU(D(), shortcut + p))), y + p);
    }
  } else {
    for (; p + kLanes <= count; p += kLanes) StoreWhole<kPast>(in(hn::LoadU(D(), x + p)), y + p);
  }
  if (p == count) return;
  const int64_t n = count - p;
  const V z = hn::MulAdd(LoadFirst(x + p, n), in.scale, in.shift);
  StoreFirst(hn::Max(zero, hn::Add(z, shortcut ? LoadFirst(shortcut + p, n) : zero)), y + p, n);
}

void Forward(const Execution& execution, const ResidualShape& shape, const riffle::ResidualForward<float>& args) {
  const int64_t chunks = (shape.pixels + kChunkPixels - 1) / kChunkPixels;
  const Activation<float> in{args.scale, args.shift, true};
  const auto chunk = OutgrowsCaches(shape.channels * shape.pixels) ? ForwardChunk<true> : ForwardChunk<false>;
  execution.pool.ParallelFor(shape.channels * chunks, [&](int64_t task) HWY_ATTR {
    const int64_t c = task / chunks, begin = task % chunks * kChunkPixels;
    chunk(ActivationOf(in, c), args.x[c] + begin, args.shortcut ? args.shortcut[c] + begin : nullptr,
          std::min(kChunkPixels, shape.pixels - begin), args.y[c] + begin);
    hwy::FlushStream();
  });
}

void Backward(const Execution& execution, const ResidualShape& shape, const riffle::ResidualBackward<float>& args) {
  execution.pool.ParallelFor(shape.channels, [&](int64_t c) HWY_ATTR {
    GradientRowSums sums(args.moments[c].mean);
    sums.Add(args.dz[c], args.raw[c], shape.pixels);
    args.sums[c] = sums.Result();
  });
}

}  // namespace
}  // namespace riffle::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace riffle::cpu {

HWY_EXPORT(Forward);
HWY_EXPORT(Backward);

void ResidualForward(const Execution& execution, const ResidualShape& shape,
                     const riffle::ResidualForward<float>& args) {
  HWY_DYNAMIC_DISPATCH(Forward)(execution, shape, args);
}

void ResidualBackward(const Execution& execution, const ResidualShape& shape,
                      const riffle::ResidualBackward<float>& args) {
  HWY_DYNAMIC_DISPATCH(Backward)(execution, shape, args);
}

}  // namespace riffle::cpu
#endif
