// How the depthwise convolution holds pictures in scratch memory: flat planes with zeros around them, or at stride 2
// four phase planes; see depthwise_conv_cpu.cc.
#include <bit>

#include "base/scratch.h"
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
/// Pixels that make a task worth handing to a thread.
constexpr int64_t kTaskPixels = 8192;

/// How a plane is cut; the same for all rows.
struct DepthwiseGeometry {
  explicit DepthwiseGeometry(const DepthwiseConvShape& s)
      : in(s.in), out(s.out()), stride(s.stride), channels(s.channels), line(out.width) {
    const int64_t in_lines = std::max<int64_t>(1, kPlaneFloats / in.width);
    band_lines = std::min(out.height, std::max<int64_t>(1, in_lines / stride));
    border = line + 1 + kLanes;
  }
  /// A plane of `lines` lines in scratch memory, zeroed, with a zero line (and more) on both sides.
  float* NewPlane(Scratch& scratch, int64_t lines) const {
    const int64_t size = lines * line + 2 * border;
    float* plane = scratch.Floats(size);
    FillZero(plane, size);
    return plane + border;
  }

  Plane in, out;
  int64_t stride, channels;
  int64_t line;        // floats from one line of a plane (or phase plane) to the next
  int64_t band_lines;  // output lines at once
  int64_t border;      // floats around a plane
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

/// Lines [first, last) of a picture into a plane whose line 0 is `first`, zeros where they lie outside. load(begin,
/// count, to) brings pixels [begin, begin + count) of the picture.
template <class Load>
HWY_INLINE void LoadLines(int64_t first, int64_t last, int64_t height, int64_t width, float* plane, const Load& load) {
  const int64_t top = std::max<int64_t>(first, 0), bottom = std::min(last, height);
  FillZero(plane, (top - first) * width);
  load(top * width, (bottom - top) * width, plane + (top - first) * width);
  FillZero(plane + (bottom - first) * width, (last - bottom) * width);
}

/// Phase planes of stride 2: plane[a][b] at (i, j) is input line 2·(first + i) + a, column 2j + b; zero outside.
struct Phases {
  float* plane[2][2];
};

inline Phases NewPhases(const DepthwiseGeometry& g, Scratch& scratch) {
  Phases phases;
  for (auto& row : phases.plane) {
    for (float*& plane : row) plane = g.NewPlane(scratch, g.band_lines + 1) + g.line;  // one line above the band
  }
  return phases;
}

/// Input lines [first, last) of the picture, of which `base` is line 0 of the band, in reading order: what a split
/// writes beyond its line is overwritten by the next one. Behind the last lines lies a vector of zeros. `readable`
/// values from the picture's start on may be read.
inline void LoadPhases(const DepthwiseGeometry& g, const float* picture, int64_t readable, int64_t base, int64_t first,
                       int64_t last, const ActivationVector& in, const Phases& phases) {
  const V zero = hn::Zero(D());
  for (int64_t h = first; h < last; ++h) {
    const int64_t a = (h - base) & 1, i = (h - base) >> 1, at = h * g.in.width;
    float* even = phases.plane[a][0] + i * g.line;
    float* odd = phases.plane[a][1] + i * g.line;
    if (h >= 0 && h < g.in.height) {
      SplitColumns(picture + at, g.in.width, readable - at, in, even, odd);
      if (g.in.width % 2 != 0 || h >= last - 2) FillBehind(zero, g.in.width, even, odd);
    } else {
      FillZero(even, g.line + kLanes);
      FillZero(odd, g.line + kLanes);
    }
  }
}

}  // namespace riffle::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // RIFFLE_OPS_DEPTHWISE_PLANES_INL_H_
