// A vector holds one colour of as many pixels as fit. All is reckoned in single precision, as Pillow mixes; the luma's
// weights sum up to less than 2^24, so that it is exact there, too.
#include "data/augment/enhance_pass.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "data/augment/enhance_pass.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace riffle::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;
using D = hn::ScalableTag<float>;
using D32 = hn::Rebind<int32_t, D>;
using D8 = hn::Rebind<uint8_t, D>;
using V = hn::Vec<D>;
using V32 = hn::Vec<D32>;

constexpr int64_t kMaxLanes = hn::MaxLanes(D());
constexpr int64_t kChunk = 1 << 16;  // pixels whose luma an int32 can sum up

struct Pixels {
  V r, g, b;
};

HWY_INLINE V FromBytes(hn::Vec<D8> bytes) { return hn::ConvertTo(D(), hn::PromoteTo(D32(), bytes)); }
HWY_INLINE hn::Vec<D8> ToBytes(V values) { return hn::DemoteTo(D8(), hn::ConvertTo(D32(), values)); }

HWY_INLINE Pixels Load(const uint8_t* rgb) {
  hn::Vec<D8> r, g, b;
  hn::LoadInterleaved3(D8(), rgb, r, g, b);
  return {FromBytes(r), FromBytes(g), FromBytes(b)};
}

HWY_INLINE V Luma(const Pixels& p) {
  const D d;
  const V weighted = hn::Add(hn::Add(hn::Mul(p.r, hn::Set(d, 19595.0f)), hn::Mul(p.g, hn::Set(d, 38470.0f))),
                             hn::Add(hn::Mul(p.b, hn::Set(d, 7471.0f)), hn::Set(d, 32768.0f)));
  return hn::Trunc(hn::Mul(weighted, hn::Set(d, 1.0f / 65536)));
}

HWY_INLINE V Mix(V poor, V value, V factor) {
  const D d;
  const V mixed = hn::Add(poor, hn::Mul(factor, hn::Sub(value, poor)));
  return hn::Trunc(hn::Min(hn::Max(mixed, hn::Zero(d)), hn::Set(d, 255.0f)));
}

HWY_INLINE Pixels Apply(std::span<const MixStep> steps, Pixels p) {
  const D d;
  for (const MixStep& step : steps) {
    const V factor = hn::Set(d, step.factor), poor = step.poor < 0 ? Luma(p) : hn::Set(d, step.poor);
    p = {Mix(poor, p.r, factor), Mix(poor, p.g, factor), Mix(poor, p.b, factor)};
  }
  return p;
}

HWY_INLINE void MixVector(std::span<const MixStep> steps, uint8_t* rgb) {
  const Pixels p = Apply(steps, Load(rgb));
  hn::StoreInterleaved3(ToBytes(p.r), ToBytes(p.g), ToBytes(p.b), D8(), rgb);
}

void MixAll(std::span<const MixStep> steps, uint8_t* rgb, int64_t pixels) {
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(D()));
  for (; pixels >= lanes; pixels -= lanes, rgb += 3 * lanes) MixVector(steps, rgb);
  uint8_t last[3 * kMaxLanes] = {};
  std::copy_n(rgb, 3 * pixels, last);
  MixVector(steps, last);
  std::copy_n(last, 3 * pixels, rgb);
}

int64_t SumAll(std::span<const MixStep> steps, const uint8_t* rgb, int64_t pixels) {
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(D()));
  const D32 d32;
  int64_t sum = 0;
  while (pixels >= lanes) {
    V32 sums = hn::Zero(d32);
    for (int64_t left = std::min(pixels, kChunk); left >= lanes; left -= lanes, pixels -= lanes, rgb += 3 * lanes)
      sums = hn::Add(sums, hn::ConvertTo(d32, Luma(Apply(steps, Load(rgb)))));
    sum += hn::GetLane(hn::SumOfLanes(d32, sums));
  }
  uint8_t last[3 * kMaxLanes] = {};
  int32_t lumas[kMaxLanes];
  std::copy_n(rgb, 3 * pixels, last);
  hn::StoreU(hn::ConvertTo(d32, Luma(Apply(steps, Load(last)))), d32, lumas);
  for (int64_t i = 0; i < pixels; ++i) sum += lumas[i];
  return sum;
}

}  // namespace
}  // namespace riffle::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace riffle {

HWY_EXPORT(MixAll);
HWY_EXPORT(SumAll);

void MixPixels(std::span<const MixStep> steps, uint8_t* rgb, int64_t pixels) {
  HWY_DYNAMIC_DISPATCH(MixAll)(steps, rgb, pixels);
}

int64_t SumOfLuma(std::span<const MixStep> steps, const uint8_t* rgb, int64_t pixels) {
  return HWY_DYNAMIC_DISPATCH(SumAll)(steps, rgb, pixels);
}

}  // namespace riffle
#endif
