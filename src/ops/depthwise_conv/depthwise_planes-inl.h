// How the depthwise convolution's backward holds gradients in scratch memory: flat planes with zeros around them; see
// depthwise_conv_backward_cpu.cc.
#include <bit>

#include "backend/scratch.h"
#include "ops/depthwise_conv/depthwise_conv.h"

#if defined(RIFFLE_OPS_DEPTHWISE_PLANES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef RIFFLE_OPS_DEPTHWISE_PLANES_INL_H_
#undef RIFFLE_OPS_DEPTHWISE_PLANES_INL_H_
#else
#define RIFFLE_OPS_DEPTHWISE_PLANES_INL_H_
#endif

#include "ops/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace riffle::cpu::HWY_NAMESPACE {

/// Of a band in scratch memory: 16 KB, so that the planes of a backward (input, gradient, masks) fit into L1 together.
constexpr int64_t kPlaneFloats = 4096;
/// Small pictures are brought to scratch memory several at a time, about so many pixels: the taps read vectors at other
/// places than they were stored, and a processor waits when such a store is still on its way.
constexpr int64_t kGroupPixels = 1024;
constexpr int64_t kMaxGroup = 16;
/// Pixels that make a task worth handing to a thread.
constexpr int64_t kTaskPixels = 8192;

/// A picture, or a band of lines of one, as the output has them.
struct Band {
  int64_t picture, first, lines;
};

/// How the pictures of a row are cut; the same for all rows.
struct DepthwiseGeometry {
  explicit DepthwiseGeometry(const DepthwiseConvShape& s)
      : in(s.in), out(s.out()), stride(s.stride), channels(s.channels), line(out.width) {
    const int64_t in_lines = std::max<int64_t>(1, kPlaneFloats / in.width);
    band_lines = std::min(out.height, std::max<int64_t>(1, in_lines / stride));
    bands_of_picture = (out.height + band_lines - 1) / band_lines;
    group = std::clamp<int64_t>(kGroupPixels / (band_lines * stride * in.width), 1, kMaxGroup);
    border = line + 1 + kLanes;
  }
  int64_t bands() const { return in.images * bands_of_picture; }
  Band band(int64_t i) const {
    const int64_t first = i % bands_of_picture * band_lines;
    return {i / bands_of_picture, first, std::min(band_lines, out.height - first)};
  }
  int64_t rows_per_task() const { return std::max<int64_t>(1, kTaskPixels / in.pixels()); }
  int64_t tasks() const { return (channels + rows_per_task() - 1) / rows_per_task(); }

  Plane in, out;
  int64_t stride, channels;
  int64_t line;        // floats from one line of a plane to the next
  int64_t band_lines;  // of a band, the last one of a picture excepted
  int64_t bands_of_picture;
  int64_t group;   // bands in scratch memory at once
  int64_t border;  // floats around a plane
};

/// Planes of `lines` lines in scratch memory, one for each band of a group, with a zero line (and more) on both sides.
struct Planes {
  Planes() = default;
  Planes(const DepthwiseGeometry& g, int64_t lines, Scratch& scratch) : pitch(lines * g.line + 2 * g.border) {
    data = scratch.Floats(g.group * pitch);
    FillZero(data, g.group * pitch);
    data += g.border;
  }
  float* operator[](int64_t k) const { return data + k * pitch; }

  float* data = nullptr;
  int64_t pitch = 0;
};

/// All bits set where the pixel to the left (right) lies in the same line, else none; one band of the flat plane.
struct ColumnMasks {
  const float* left;
  const float* right;
};

inline ColumnMasks MakeColumnMasks(const DepthwiseGeometry& g, Scratch& scratch) {
  const int64_t size = g.band_lines * g.line + kLanes;
  float* left = scratch.Floats(size);
  float* right = scratch.Floats(size);
  std::fill_n(left, size, std::bit_cast<float>(~uint32_t{0}));
  std::fill_n(right, size, std::bit_cast<float>(~uint32_t{0}));
  for (int64_t p = 0; p < size; p += g.line) left[p] = 0;
  for (int64_t p = g.line - 1; p < size; p += g.line) right[p] = 0;
  return {left, right};
}

}  // namespace riffle::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // RIFFLE_OPS_DEPTHWISE_PLANES_INL_H_
