// A row at a time: bytes of a pixel side by side become one vector of floats for each channel.
#include "picture/normalise.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "picture/normalise.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace riffle::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;
using D = hn::CappedTag<float, 16>;
using DBytes = hn::Rebind<uint8_t, D>;
using V = hn::Vec<D>;
using VBytes = hn::Vec<DBytes>;

/// Where a row goes, and how its values change.
struct RowOut {
  const float *scale, *shift;
  float* out;  // of channel 0
  int64_t channel_stride;
};

// Not fused: the same bits on each instruction set.
HWY_INLINE void Store(VBytes bytes, bool mirrored, const RowOut& row, int c, int64_t x) {
  const V values = hn::ConvertTo(D(), hn::PromoteTo(hn::RebindToSigned<D>(), bytes));
  const V scaled = hn::Add(hn::Mul(values, hn::Set(D(), row.scale[c])), hn::Set(D(), row.shift[c]));
  hn::StoreU(mirrored ? hn::Reverse(D(), scaled) : scaled, D(), row.out + c * row.channel_stride + x);
}

void WriteRow(const uint8_t* from, int channels, int64_t width, bool mirrored, const RowOut& row) {
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(D()));
  int64_t x = 0;
  for (; x + lanes <= width; x += lanes) {
    const uint8_t* p = from + channels * (mirrored ? width - x - lanes : x);
    if (channels == 1) {
      Store(hn::LoadU(DBytes(), p), mirrored, row, 0, x);
      continue;
    }
    VBytes r, g, b;
    hn::LoadInterleaved3(DBytes(), p, r, g, b);
    Store(r, mirrored, row, 0, x);
    Store(g, mirrored, row, 1, x);
    Store(b, mirrored, row, 2, x);
  }
  for (; x < width; ++x)
    for (int c = 0; c < channels; ++c)
      row.out[c * row.channel_stride + x] =
          static_cast<float>(from[channels * (mirrored ? width - 1 - x : x) + c]) * row.scale[c] + row.shift[c];
}

void WriteRows(const PictureView& picture, bool hflip, bool vflip, const float* scale, const float* shift, float* out,
               int64_t channel_stride) {
  for (int y = 0; y < picture.height; ++y)
    WriteRow(picture.Row(vflip ? picture.height - 1 - y : y), picture.channels, picture.width, hflip,
             {scale, shift, out + static_cast<int64_t>(y) * picture.width, channel_stride});
}

}  // namespace
}  // namespace riffle::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace riffle {

HWY_EXPORT(WriteRows);

void WriteNormalised(const PictureView& picture, bool hflip, bool vflip, std::span<const float> scale,
                     std::span<const float> shift, float* out, int64_t channel_stride) {
  HWY_DYNAMIC_DISPATCH(WriteRows)(picture, hflip, vflip, scale.data(), shift.data(), out, channel_stride);
}

}  // namespace riffle
#endif
