// Mean over each picture's pixels (global_average_pool.h). Each picture is summed from its own start in the same order
// of lanes, so that its features do not depend on its place in the batch. A task is a cache line's worth of channels:
// the features of one picture that it writes are neighbours.
#include "backend/execution.h"
#include "ops/cpu.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/global_average_pool/global_average_pool_cpu.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "ops/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace riffle::cpu::HWY_NAMESPACE {
namespace {

double Sum(const float* HWY_RESTRICT x, int64_t count) {
  double total = 0;
  for (int64_t begin = 0; begin < count; begin += kSumBlock) {
    const int64_t end = std::min(begin + kSumBlock, count);
    V sum = hn::Zero(D());
    int64_t p = begin;
    for (; p + kLanes <= end; p += kLanes) sum = hn::Add(sum, hn::LoadU(D(), x + p));
    if (p < end) sum = hn::Add(sum, LoadFirst(x + p, end - p));
    total += SumLanes(sum);
  }
  return total;
}

/// dx = value where x > 0, else zero.
void Spread(float value, const float* HWY_RESTRICT x, int64_t count, float* HWY_RESTRICT dx) {
  const V values = hn::Set(D(), value), zero = hn::Zero(D());
  int64_t p = 0;
  for (; p + kLanes <= count; p += kLanes) {
    hn::StoreU(hn::IfThenElseZero(hn::Gt(hn::LoadU(D(), x + p), zero), values), D(), dx + p);
  }
  if (p < count) {
    StoreFirst(hn::IfThenElseZero(hn::Gt(LoadFirst(x + p, count - p), zero), values), dx + p, count - p);
  }
}

template <class PerChannel>
void ForChannels(const Execution& execution, int64_t channels, const PerChannel& per_channel) {
  execution.pool.ParallelFor((channels + kCacheLineFloats - 1) / kCacheLineFloats, [&](int64_t task) HWY_ATTR {
    const int64_t end = std::min((task + 1) * kCacheLineFloats, channels);
    for (int64_t c = task * kCacheLineFloats; c < end; ++c) per_channel(c);
  });
}

void Forward(const Execution& execution, const GlobalAveragePoolShape& shape,
             const riffle::GlobalAveragePoolForward<float>& args) {
  const int64_t area = shape.in.area();
  ForChannels(execution, shape.channels, [&](int64_t c) HWY_ATTR {
    for (int64_t n = 0; n < shape.in.images; ++n) {
      const double mean = Sum(args.x[c] + n * area, area) / static_cast<double>(area);
      args.features[n * shape.channels + c] = static_cast<float>(mean);
    }
  });
}

void Backward(const Execution& execution, const GlobalAveragePoolShape& shape,
              const riffle::GlobalAveragePoolBackward<float>& args) {
  const int64_t area = shape.in.area();
  const float share = 1.0f / static_cast<float>(area);
  ForChannels(execution, shape.channels, [&](int64_t c) HWY_ATTR {
    for (int64_t n = 0; n < shape.in.images; ++n) {
      Spread(args.dfeatures[n * shape.channels + c] * share, args.x[c] + n * area, area, args.dx[c] + n * area);
    }
  });
}

}  // namespace
}  // namespace riffle::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace riffle::cpu {

HWY_EXPORT(Forward);
HWY_EXPORT(Backward);

void GlobalAveragePoolForward(const Execution& execution, const GlobalAveragePoolShape& shape,
                              const riffle::GlobalAveragePoolForward<float>& args) {
  HWY_DYNAMIC_DISPATCH(Forward)(execution, shape, args);
}

void GlobalAveragePoolBackward(const Execution& execution, const GlobalAveragePoolShape& shape,
                               const riffle::GlobalAveragePoolBackward<float>& args) {
  HWY_DYNAMIC_DISPATCH(Backward)(execution, shape, args);
}

}  // namespace riffle::cpu
#endif
