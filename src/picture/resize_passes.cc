// Along a row, a vector holds neighbouring pixels of four values (red, green, blue and a spare one), as many as fit:
// one multiplication serves that many taps, and the partial sums meet at the end. Across rows, a vector holds
// neighbouring values of a row, and a tap is a row.
#include "picture/resize_passes.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "picture/resize_passes.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace riffle::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

constexpr int32_t kHalf = 1 << (kResizeWeightBits - 1);

HWY_INLINE uint8_t RoundToByte(int32_t sum) {
  const int32_t value = sum >> kResizeWeightBits;
  return static_cast<uint8_t>(value < 0 ? 0 : value > 255 ? 255 : value);
}

#if HWY_TARGET == HWY_SCALAR

void Narrow(const PictureView& source, const NarrowAxis& axis, uint8_t*, uint8_t* out) {
  for (int y = 0; y < source.height; ++y)
    for (int x = 0; x < axis.size; ++x)
      for (int c = 0; c < 3; ++c) {
        const uint8_t* p = source.Row(y) + 3 * axis.first[x] + c;
        int32_t sum = kHalf;
        for (int k = 0; k < axis.count[x]; ++k) sum += p[3 * k] * axis.weights[4 * (axis.taps * x + k)];
        *out++ = RoundToByte(sum);
      }
}

#else

// RGB to RGB and a zero. Reads 4 bytes for each pixel but the last ones.
void Widen(const uint8_t* rgb, int64_t width, uint8_t* rgbx) {
  const hn::CappedTag<uint8_t, 16> d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t x = 0;
  for (; x + lanes <= width; x += lanes) {
    hn::Vec<decltype(d)> r, g, b;
    hn::LoadInterleaved3(d, rgb + 3 * x, r, g, b);
    hn::StoreInterleaved4(r, g, b, hn::Zero(d), d, rgbx + 4 * x);
  }
  for (; x < width; ++x) {
    for (int c = 0; c < 3; ++c) rgbx[4 * x + c] = rgb[3 * x + c];
    rgbx[4 * x + 3] = 0;
  }
  for (int64_t i = 4 * width; i < 4 * (width + kTapsPerGroup); ++i) rgbx[i] = 0;
}

template <class V>
HWY_INLINE hn::Vec<hn::FixedTag<int32_t, 4> > SumOfPixels(V sum) {
  if constexpr (hn::MaxLanes(hn::DFromV<V>()) == 4) {
    return sum;
  } else {
    const hn::Half<hn::DFromV<V> > half;
    return SumOfPixels(hn::Add(hn::LowerHalf(half, sum), hn::UpperHalf(half, sum)));
  }
}

void Narrow(const PictureView& source, const NarrowAxis& axis, uint8_t* row_scratch, uint8_t* out) {
  const hn::CappedTag<int32_t, 4 * kTapsPerGroup> d;
  const hn::Rebind<uint8_t, decltype(d)> d_bytes;
  const hn::FixedTag<int32_t, 4> d_pixel;
  const hn::FixedTag<uint8_t, 4> d_pixel_bytes;
  const int64_t pixels = static_cast<int64_t>(hn::Lanes(d)) / 4;  // in a vector
  for (int y = 0; y < source.height; ++y) {
    Widen(source.Row(y), source.width, row_scratch);
    for (int x = 0; x < axis.size; ++x, out += 3) {
      const uint8_t* p = row_scratch + 4 * axis.first[x];
      const int32_t* weights = axis.weights + 4 * axis.taps * x;
      auto sum = hn::Zero(d);
      for (int64_t k = 0; k < axis.count[x]; k += pixels) {
        const auto values = hn::PromoteTo(d, hn::LoadU(d_bytes, p + 4 * k));
        sum = hn::Add(sum, hn::Mul(values, hn::LoadU(d, weights + 4 * k)));
      }
      const auto rounded = hn::ShiftRight<kResizeWeightBits>(hn::Add(SumOfPixels(sum), hn::Set(d_pixel, kHalf)));
      hn::StoreU(hn::DemoteTo(d_pixel_bytes, rounded), d_pixel_bytes, out);
    }
  }
}

#endif

void Blend(const uint8_t* rows, int64_t row_bytes, const int32_t* weights, int count, int64_t values, uint8_t* out) {
  const hn::CappedTag<int32_t, 16> d;
  const hn::Rebind<uint8_t, decltype(d)> d_bytes;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t x = 0;
  for (; x + lanes <= values; x += lanes) {
    auto sum = hn::Set(d, kHalf);
    for (int k = 0; k < count; ++k)
      sum =
          hn::Add(sum, hn::Mul(hn::PromoteTo(d, hn::LoadU(d_bytes, rows + k * row_bytes + x)), hn::Set(d, weights[k])));
    hn::StoreU(hn::DemoteTo(d_bytes, hn::ShiftRight<kResizeWeightBits>(sum)), d_bytes, out + x);
  }
  for (; x < values; ++x) {
    int32_t sum = kHalf;
    for (int k = 0; k < count; ++k) sum += rows[k * row_bytes + x] * weights[k];
    out[x] = RoundToByte(sum);
  }
}

}  // namespace
}  // namespace riffle::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace riffle {

HWY_EXPORT(Narrow);
HWY_EXPORT(Blend);

void NarrowRgbRows(const PictureView& source, const NarrowAxis& axis, uint8_t* row_scratch, uint8_t* out) {
  HWY_DYNAMIC_DISPATCH(Narrow)(source, axis, row_scratch, out);
}

void BlendRows(const uint8_t* rows, int64_t row_bytes, const int32_t* weights, int count, int64_t values,
               uint8_t* out) {
  HWY_DYNAMIC_DISPATCH(Blend)(rows, row_bytes, weights, count, values, out);
}

}  // namespace riffle
#endif
